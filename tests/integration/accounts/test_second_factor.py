"""The operators' sign-in: a password, and the code of an authenticator for who has set one up."""

import re
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.errors import SecondFactorInUse, SecondFactorWrong
from apps.accounts.models import BackupCode, LoginEvent, MemberSession, SecondFactor
from apps.kernel import clock
from apps.kernel.errors import RateLimited
from apps.kernel.models import AuditEntry
from tests.cast import operator

pytestmark = pytest.mark.django_db

LOGIN, FACTOR = "/admin/login/", "/admin/second-factor/"
PASSWORD = "a long demo password"
NOON = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
STEP = timedelta(seconds=30)


def enrolled(olga: Member, now: datetime = NOON) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    """Olga's authenticator, which has proved itself two steps ago, and her backup codes."""
    otp = pyotp.TOTP(services.begin_enrolment(user_id=olga.id, now=now).secret)
    before = now - 2 * STEP
    return otp, services.finish_enrolment(user_id=olga.id, code=otp.at(before), now=before)


def sign_in(browser: Client, code: str = "", *, password: str = PASSWORD, username: str = "olga", **more: Any) -> Any:
    return browser.post(LOGIN, {"username": username, "password": password, "code": code, **more})


def is_in(browser: Client) -> bool:
    return bool(browser.get("/admin/").status_code == 200)


def test_without_a_second_factor_the_password_is_enough(olga: Member) -> None:
    browser = Client()

    answer = sign_in(browser, next="/admin/kernel/switch/")

    assert answer["Location"] == "/admin/kernel/switch/"
    assert is_in(browser)
    assert MemberSession.objects.get().method == "operator"
    browser.post("/admin/logout/")
    assert not is_in(browser)
    assert MemberSession.objects.get().revoked_at is not None


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_sign_in_leads_nowhere_else(olga: Member, target: str) -> None:
    assert sign_in(Client(), next=target)["Location"] == "/admin/"


def test_with_one_the_password_alone_is_refused_like_a_wrong_password(
    olga: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    otp, _ = enrolled(olga)
    monkeypatch.setattr(clock, "now", lambda: NOON)
    browser = Client()

    pages = [
        sign_in(browser),
        sign_in(browser, "000000"),
        sign_in(browser, otp.at(NOON), password="wrong"),
        sign_in(browser, username="nobody"),
    ]

    errors = {tuple(re.findall(r'class="errornote"[^>]*>([^<]+)<', page.content.decode())) for page in pages}
    assert len(errors) == 1
    assert not is_in(browser)
    assert list(LoginEvent.objects.order_by("id").values_list("outcome", flat=True)) == [
        "wrong_second_factor",
        "wrong_second_factor",
        "wrong_password",
    ]
    sign_in(browser, otp.at(NOON))
    assert is_in(browser)


def test_a_code_works_once(olga: Member) -> None:
    otp, _ = enrolled(olga)

    services.check_second_factor(user_id=olga.id, code=otp.at(NOON), now=NOON)
    for again in (NOON, NOON + STEP):
        with pytest.raises(SecondFactorWrong):
            services.check_second_factor(user_id=olga.id, code=otp.at(NOON), now=again)
    services.check_second_factor(user_id=olga.id, code=otp.at(NOON + STEP), now=NOON + STEP)
    with pytest.raises(SecondFactorWrong):  # an older one that was never used is over too
        services.check_second_factor(user_id=olga.id, code=otp.at(NOON), now=NOON + STEP)


@pytest.mark.parametrize(("steps_off", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step(olga: Member, steps_off: int, is_right: bool) -> None:
    now = NOON + 10 * STEP
    otp, _ = enrolled(olga)
    code = otp.at(now + steps_off * STEP)

    if is_right:
        services.check_second_factor(user_id=olga.id, code=f" {code[:3]} {code[3:]} ", now=now)
    else:
        with pytest.raises(SecondFactorWrong):
            services.check_second_factor(user_id=olga.id, code=code, now=now)


def test_a_backup_code_works_once_and_only_hashes_are_kept(olga: Member) -> None:
    _, codes = enrolled(olga)
    assert len(set(codes)) == 10

    services.check_second_factor(user_id=olga.id, code=codes[0].lower(), now=NOON)
    with pytest.raises(SecondFactorWrong):
        services.check_second_factor(user_id=olga.id, code=codes[0], now=NOON)

    assert services.backup_codes_left(user_id=olga.id) == 9
    kept = " ".join(BackupCode.objects.values_list("code_hash", flat=True))
    assert not any(code in kept for code in codes)


def test_a_second_factor_is_one_operators_alone(olga: Member) -> None:
    petra = operator("petra")
    waiting = services.begin_enrolment(user_id=petra.id, now=NOON).secret
    otp, codes = enrolled(olga)

    assert otp.secret != waiting == services.begin_enrolment(user_id=petra.id, now=NOON).secret
    assert not services.has_second_factor(user_id=petra.id)
    for code in (otp.at(NOON), codes[0]):
        with pytest.raises(SecondFactorWrong):
            services.check_second_factor(user_id=petra.id, code=code, now=NOON)
    own = pyotp.TOTP(waiting)
    services.finish_enrolment(user_id=petra.id, code=own.at(NOON - STEP), now=NOON - STEP)
    assert [services.backup_codes_left(user_id=each.id) for each in (olga, petra)] == [10, 10]
    services.check_second_factor(user_id=petra.id, code=own.at(NOON), now=NOON)
    services.check_second_factor(user_id=olga.id, code=otp.at(NOON), now=NOON)  # the same moment's, used up by one only

    services.remove_second_factor(user_id=petra.id, actor=f"staff:{petra.id}", reason="new phone", now=NOON)

    assert not services.has_second_factor(user_id=petra.id)
    assert services.has_second_factor(user_id=olga.id)
    services.check_second_factor(user_id=olga.id, code=codes[0], now=NOON)


def test_the_secret_is_sealed_at_rest(olga: Member) -> None:
    otp, _ = enrolled(olga)

    assert otp.secret not in SecondFactor.objects.get().secret_sealed


def test_guessing_ends_after_five_wrong_codes_and_begins_again_later(olga: Member) -> None:
    otp, _ = enrolled(olga)
    for _ in range(5):
        with pytest.raises(SecondFactorWrong):
            services.check_second_factor(user_id=olga.id, code="000000", now=NOON)

    with pytest.raises(RateLimited):  # the right one too
        services.check_second_factor(user_id=olga.id, code=otp.at(NOON), now=NOON)
    later = NOON + timedelta(minutes=5)
    services.check_second_factor(user_id=olga.id, code=otp.at(later), now=later)


def test_right_codes_are_not_counted(olga: Member) -> None:
    otp, codes = enrolled(olga)
    for code in codes[:6]:
        services.check_second_factor(user_id=olga.id, code=code, now=NOON)
    for _ in range(4):
        with pytest.raises(SecondFactorWrong):
            services.check_second_factor(user_id=olga.id, code="000000", now=NOON)

    services.check_second_factor(user_id=olga.id, code=otp.at(NOON), now=NOON)

    with pytest.raises(SecondFactorWrong):
        services.check_second_factor(user_id=olga.id, code="000000", now=NOON)
    with pytest.raises(RateLimited):
        services.check_second_factor(user_id=olga.id, code="000000", now=NOON)


def test_guessing_passwords_ends_too(olga: Member) -> None:
    browser = Client()
    for _ in range(10):
        sign_in(browser, password="wrong")

    sign_in(browser)

    assert not is_in(browser)


def test_an_operator_sets_it_up_and_takes_it_away(
    olga: Member, operator_browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = operator_browser.get(FACTOR).content.decode()
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert secret is not None
    assert "data:image/svg+xml" in page
    assert secret[1] in operator_browser.get(FACTOR).content.decode()  # a reload does not invalidate the scan
    otp = pyotp.TOTP(secret[1])
    monkeypatch.setattr(clock, "now", lambda: NOON)

    operator_browser.post(FACTOR, {"password": "wrong", "code": otp.at(NOON)})
    operator_browser.post(FACTOR, {"password": PASSWORD, "code": "000000"})
    assert not services.has_second_factor(user_id=olga.id)
    done = operator_browser.post(FACTOR, {"password": PASSWORD, "code": otp.at(NOON)}).content.decode()

    assert len(re.findall(r"<li><code>", done)) == 10
    assert is_in(operator_browser)
    with pytest.raises(SecondFactorInUse):
        services.begin_enrolment(user_id=olga.id, now=NOON)

    later = NOON + STEP
    monkeypatch.setattr(clock, "now", lambda: later)
    operator_browser.post(FACTOR, {"password": PASSWORD, "code": otp.at(NOON)})  # was used
    assert services.has_second_factor(user_id=olga.id)
    operator_browser.post(FACTOR, {"password": PASSWORD, "code": otp.at(later)})
    assert not services.has_second_factor(user_id=olga.id)
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions)[-2:] == ["accounts.add_second_factor", "accounts.remove_second_factor"]


def test_a_session_from_before_needs_the_second_factor_now(olga: Member, operator_browser: Client) -> None:
    assert is_in(operator_browser)
    enrolled(olga)

    assert not is_in(operator_browser)
    assert operator_browser.get(FACTOR)["Location"] == LOGIN


def test_it_can_be_demanded_of_everybody(olga: Member, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OPERATORS_NEED_SECOND_FACTOR = True
    browser = Client()

    assert sign_in(browser)["Location"] == FACTOR
    assert not is_in(browser)
    assert browser.get(LOGIN)["Location"] == FACTOR
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", browser.get(FACTOR).content.decode())
    assert secret is not None
    browser.post(FACTOR, {"password": PASSWORD, "code": pyotp.TOTP(secret[1]).at(clock.now())})
    assert is_in(browser)


def test_members_and_visitors_have_no_second_factor(alice_browser: Client, visitor: Client) -> None:
    for browser in (alice_browser, visitor):
        assert browser.get(FACTOR)["Location"] == LOGIN
        assert browser.post(FACTOR, {"password": "x", "code": "1"})["Location"] == LOGIN
    assert not SecondFactor.objects.exists()


def test_a_superuser_takes_a_lost_one_away(olga: Member, operator_browser: Client) -> None:
    enrolled(olga)

    services.remove_second_factor(user_id=olga.id, actor=f"staff:{olga.id}", reason="lost phone", now=NOON)

    assert not SecondFactor.objects.exists()
    assert not BackupCode.objects.exists()
    assert is_in(operator_browser)
