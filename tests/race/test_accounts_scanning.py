"""Fifty at once: one confirmation is one session, one code has one scanner, one answer is about one browser."""

from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from apps.accounts import services
from apps.accounts.models import LoginAttempt, MemberSession, User
from apps.kernel import clock
from apps.kernel.models import OutboxEvent
from tests.cast import Phone
from tests.integration.accounts.test_sign_in import ATTEMPTS, start
from tests.integration.accounts.wechat_server import WeChat, wechat
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import dropped, guarded_by, locks, taken_as_read

__all__ = ["wechat"]
pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

QUESTION_UNLOCKED = locks("accounts_loginattempt", "accounts_wechatidentity", "accounts_person")
CONFIRMED_AGAIN = (
    QUESTION_UNLOCKED,
    taken_as_read(
        'UPDATE "accounts_loginattempt" SET "state" = %s, "user_id"', r'"accounts_loginattempt"\."state" = %s'
    ),
    dropped("accounts_wechatidentity", "accounts_loginattempt"),  # their triggers, too
    dropped("accounts_person_once_per_key", "accounts_user_one_open_per_person"),
)


def scan(wechat: WeChat, scene: str, phone: Phone) -> str:
    return phone.scan(scene=scene, ticket=wechat.tickets[scene])


@guarded_by(
    taken_as_read('UPDATE "accounts_loginattempt"', r'"accounts_loginattempt"\."session_at" IS NULL'), seen="8 == 1"
)
def test_fifty_polls_at_once_collect_one_session(wechat: WeChat, monkeypatch: pytest.MonkeyPatch) -> None:
    phone, browser = Phone(), Client()
    attempt = start(browser)
    scan(wechat, wechat.scene, phone)
    phone.confirm()
    # At once, however long fifty take here: a second later the same browser may ask for a lost answer again.
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)

    def poll() -> tuple[str, bool]:
        tab = Client()
        tab.cookies["login_attempt"] = browser.cookies["login_attempt"].value
        state = tab.get(f"{ATTEMPTS}/{attempt['id']}").json()["state"]
        return state, "sessionid" in tab.cookies

    outcomes = run_concurrently(poll, workers=50)

    assert outcomes.errors == []
    assert {state for state, _ in outcomes.results} == {"confirmed"}
    assert sum(has_session for _, has_session in outcomes.results) == 1
    assert Session.objects.count() == MemberSession.objects.count() == 1


@guarded_by(*CONFIRMED_AGAIN, meet='INSERT INTO "accounts_(person|user)"', seen="== 1")
def test_fifty_confirmations_at_once_make_one_member_and_one_session(wechat: WeChat) -> None:
    phone, browser = Phone(), Client()
    attempt = start(browser)
    scan(wechat, wechat.scene, phone)

    yes = LoginAttempt.objects.get().confirm_number

    outcomes = run_together([partial(Phone().text, yes) for _ in range(50)])

    assert outcomes.errors == []
    assert User.objects.count() == OutboxEvent.objects.filter(topic="accounts.user_registered").count() == 1
    assert browser.get(f"{ATTEMPTS}/{attempt['id']}").json()["state"] == "confirmed"
    assert Session.objects.count() == 1


@guarded_by(
    QUESTION_UNLOCKED,
    taken_as_read(
        'UPDATE "accounts_loginattempt" SET "state" = %s WHERE', r'"accounts_loginattempt"\."state" = %s(?! WHERE)'
    ),
    dropped("accounts_loginattempt_user_matches_state"),
    meet='UPDATE "accounts_loginattempt" SET "state" = %s WHERE',
    wait_for=10,
    seen="==",
)
def test_yes_and_no_at_once_are_one_answer(wechat: WeChat) -> None:
    for _ in range(5):
        phone, browser = Phone(), Client()
        attempt = start(browser)
        scan(wechat, wechat.scene, phone)
        yes = LoginAttempt.objects.get(pk=attempt["id"]).confirm_number
        outcomes = run_together([partial(Phone().text, word) for word in (yes, "0") * 5])
        assert outcomes.errors == []
        row = LoginAttempt.objects.get(pk=attempt["id"])
        assert row.state in ("confirmed", "refused")
        assert (row.user is None) == (row.state == "refused")


@guarded_by(
    taken_as_read('UPDATE "accounts_loginattempt"', r"(?<=WHERE ).+"),
    meet='UPDATE "accounts_loginattempt"',
    seen="== 1",
)
def test_one_code_under_fifty_phones_belongs_to_one(wechat: WeChat) -> None:
    browser = Client(HTTP_USER_AGENT="Firefox Linux")
    start(browser)
    phones = [Phone(f"oPhone{number}") for number in range(50)]

    outcomes = run_together([partial(scan, wechat, wechat.scene, phone) for phone in phones])

    assert outcomes.errors == []
    asked = [reply for reply in outcomes.results if "Firefox" in reply]
    assert len(asked) == 1
    assert all("别人" in reply for reply in outcomes.results if reply not in asked)
    run_together([phone.confirm for phone in phones])
    assert User.objects.count() == 1


@guarded_by(dropped("accounts_loginattempt_one_question"), meet='UPDATE "accounts_loginattempt"', seen="False|== .1, 9")
def test_one_phone_over_ten_codes_is_asked_about_one(wechat: WeChat) -> None:
    for _ in range(10):
        start(Client(HTTP_USER_AGENT="Firefox Linux"))

    outcomes = run_together([partial(scan, wechat, scene, Phone()) for scene in wechat.tickets])

    assert outcomes.errors == []
    assert all("Firefox" in reply for reply in outcomes.results)
    states = list(LoginAttempt.objects.values_list("state", flat=True))
    assert (states.count("scanned"), states.count("refused")) == (1, 9)


def test_a_code_typed_in_while_the_phone_says_yes_signs_in_once(wechat: WeChat) -> None:
    for _ in range(5):
        phone, browser = Phone(), Client()
        attempt = start(browser)
        code = phone.login_code()
        scan(wechat, wechat.scene, phone)

        def type_code(secret: str = browser.cookies["login_attempt"].value, typed: str = code) -> object:
            return services.sign_in_with_code(
                attempt_id=attempt["id"],  # noqa: B023  # called within this turn
                browser_secret=secret,
                code=typed,
                address="203.0.113.1",
                now=clock.now(),
            )

        ways: list[Callable[[], object]] = [type_code, Phone().confirm]
        run_together(ways)
        assert LoginAttempt.objects.get(pk=attempt["id"]).state == "confirmed"
        assert User.objects.count() == 1
