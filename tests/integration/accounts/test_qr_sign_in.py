"""Signing in by scanning: the phone is asked, this browser gets in, once, and nobody who only knows the code."""

import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils.translation import gettext

from apps.accounts import services
from apps.accounts.contracts import ListKind, ListScope
from apps.accounts.errors import AttemptNotFound, MemberBlocked
from apps.accounts.models import LoginAttempt, User, WeChatIdentity
from apps.kernel import audit, clock
from apps.kernel.models import OutboxEvent
from apps.kernel.sealing import keyed_hash
from tests.cast import Phone
from tests.integration.accounts.test_sign_in import ATTEMPTS, code_of, enter, start
from tests.integration.accounts.wechat_server import WeChat, wechat
from tests.rows import unguard_all

__all__ = ["wechat"]
pytestmark = pytest.mark.django_db

CREATE = "/cgi-bin/qrcode/create"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"


def state_of(browser: Client, attempt: dict[str, Any]) -> str:
    return str(browser.get(f"{ATTEMPTS}/{attempt['id']}").json()["state"])


def is_signed_in(browser: Client) -> bool:
    return browser.get("/api/v1/me").status_code == 200


def scan(phone: Phone, wechat: WeChat, scene: str = "", *, ticket: str | None = None) -> str:
    scene = scene or wechat.scene
    return phone.scan(scene=scene, ticket=wechat.tickets.get(scene, "") if ticket is None else ticket)


def scanned(phone: Phone, wechat: WeChat, **headers: Any) -> tuple[Client, dict[str, Any]]:
    """A browser whose code this phone has just scanned."""
    browser = Client(**headers)
    attempt = start(browser)
    scan(phone, wechat)
    return browser, attempt


# --- the way


def test_a_scan_and_a_yes_sign_this_browser_in(wechat: WeChat, phone: Phone) -> None:
    browser = Client(HTTP_USER_AGENT=CHROME, REMOTE_ADDR="203.0.113.77")
    attempt = start(browser)
    assert attempt["methods"] == ["code", "qr"]
    assert attempt["qr_content"].startswith("http://weixin.qq.com/q/")
    assert attempt["qr_image"].startswith("data:image/svg+xml")
    assert state_of(browser, attempt) == "waiting"

    question = scan(phone, wechat)
    assert "Chrome · Windows" in question
    assert "公网，地址以 203.0.113 开头" in question
    assert "203.0.113.77" not in question
    assert "/24" not in question
    assert state_of(browser, attempt) == "scanned"
    assert not is_signed_in(browser)

    phone.confirm()
    assert User.objects.count() == 1
    assert not is_signed_in(browser)
    assert state_of(browser, attempt) == "confirmed"
    assert is_signed_in(browser)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "fd00::1"])
def test_an_address_inside_is_not_said_to_be_this_machine(wechat: WeChat, phone: Phone, address: str) -> None:
    """It may be that of a proxy."""
    start(Client(REMOTE_ADDR=address))

    question = scan(phone, wechat)

    assert "内部网络" in question
    assert "本机" not in question


@pytest.mark.parametrize("typed", ["{}", " {}。", "“{}”", "\u200b{}"])
def test_the_number_on_the_page_is_a_yes_however_it_is_typed(wechat: WeChat, phone: Phone, typed: str) -> None:
    browser, attempt = scanned(phone, wechat)
    number = attempt["confirm_number"]
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in number)
    phone.text(typed.format(full_width if typed == "{}" else number))
    assert state_of(browser, attempt) == "confirmed"


def test_a_mere_yes_asks_for_the_number_and_a_wrong_one_is_a_try(wechat: WeChat, phone: Phone) -> None:
    browser, attempt = scanned(phone, wechat)
    for word in ("确认登录", "确认", "yes"):
        assert "两位数字" in phone.text(word)
    assert state_of(browser, attempt) == "scanned"
    phone.text("1")
    wrong = next(number for number in ("47", "48") if number != attempt["confirm_number"])
    for _ in range(5):
        assert state_of(browser, attempt) == "scanned"
        assert "不是页面上的数字" in phone.text(wrong)
    assert state_of(browser, attempt) == "expired"
    phone.text(attempt["confirm_number"])
    assert not is_signed_in(browser)
    assert not User.objects.exists()


@pytest.mark.parametrize("word", ["取消", "0"])
def test_a_no_lets_nobody_in_and_cannot_be_taken_back(wechat: WeChat, phone: Phone, word: str) -> None:
    browser, attempt = scanned(phone, wechat)
    phone.text(word)
    assert state_of(browser, attempt) == "refused"
    phone.confirm()
    scan(phone, wechat)
    phone.confirm()
    assert state_of(browser, attempt) == "refused"
    assert not is_signed_in(browser)
    assert not User.objects.exists()


def test_who_follows_by_the_code_is_asked_as_well(wechat: WeChat, phone: Phone) -> None:
    browser = Client(HTTP_USER_AGENT=CHROME)
    attempt = start(browser)
    assert "Chrome · Windows" in phone.follow(scene=wechat.scene, ticket=wechat.tickets[wechat.scene])
    assert WeChatIdentity.objects.get().is_following
    phone.confirm()
    assert state_of(browser, attempt) == "confirmed"


def test_the_invite_comes_through(wechat: WeChat, phone: Phone) -> None:
    browser = Client()
    start(browser, {"invite": "FROM-ALICE"})
    scan(phone, wechat)
    phone.confirm()
    event = OutboxEvent.objects.get(topic="accounts.user_registered")
    assert event.payload["invite_code"] == "FROM-ALICE"


def test_the_code_way_stays_open_beside_a_scan_that_nobody_confirms(wechat: WeChat, phone: Phone) -> None:
    browser, attempt = scanned(Phone("oPasserBy"), wechat)
    assert enter(browser, attempt, phone.login_code()).status_code == 200
    assert WeChatIdentity.objects.get(user__isnull=False).openid == phone.openid
    Phone("oPasserBy").confirm()
    assert User.objects.count() == 1


def test_a_confirmed_attempt_waits_for_its_browser_only_as_long_as_it_lives(wechat: WeChat, phone: Phone) -> None:
    _, attempt = scanned(phone, wechat)
    phone.confirm()
    row = LoginAttempt.objects.get(pk=attempt["id"])
    secret = "the browser's"
    unguard_all("accounts_loginattempt")
    LoginAttempt.objects.update(browser_hash=keyed_hash("browser", secret))
    mine: dict[str, Any] = {"attempt_id": row.pk, "browser_secret": secret}
    assert services.attempt_state(**mine, now=row.expires_at) == "expired"
    assert services.take_session(**mine, now=row.expires_at) is None


# --- once, and only here


def test_the_session_is_given_out_once_and_rotated(wechat: WeChat, phone: Phone) -> None:
    browser = Client()
    planted = browser.session
    planted["planted"] = "yes"
    planted.save()
    attempt = start(browser)
    copy = Client()
    copy.cookies.update(browser.cookies)
    scan(phone, wechat)
    phone.confirm()
    assert state_of(browser, attempt) == "confirmed"
    assert is_signed_in(browser)
    assert "planted" not in browser.session
    assert not Session.objects.filter(session_key=planted.session_key).exists()

    copy.cookies.pop("sessionid", None)
    browser.post("/api/v1/auth/logout")
    for late in (browser, copy):
        assert state_of(late, attempt) == "confirmed"
        assert not is_signed_in(late)


def test_knowing_scene_ticket_and_address_signs_nobody_in(wechat: WeChat, phone: Phone) -> None:
    browser, attempt = scanned(phone, wechat)
    phone.confirm()
    thief = Client()
    start(thief)
    ticket = wechat.tickets[wechat.scene]
    for secret in ("", wechat.scene, ticket, attempt["id"]):
        thief.cookies["login_attempt"] = secret
        assert thief.get(f"{ATTEMPTS}/{attempt['id']}").status_code == 404
        with pytest.raises(AttemptNotFound):
            services.attempt_state(attempt_id=attempt["id"], browser_secret=secret, now=clock.now())
        assert services.take_session(attempt_id=attempt["id"], browser_secret=secret, now=clock.now()) is None
    assert not is_signed_in(thief)
    assert state_of(browser, attempt) == "confirmed"


def test_scene_and_ticket_are_kept_as_hashes(wechat: WeChat) -> None:
    start(Client())
    row = str(LoginAttempt.objects.values().get())
    assert wechat.scene not in row
    assert wechat.tickets[wechat.scene] not in row
    # 128 bits, and the number that the page shows.
    assert re.fullmatch("login_[A-Za-z0-9_-]{22}_[1-9]{2}", wechat.scene)


# --- QRLjacking: the victim scans a stranger's code


def test_a_scan_alone_signs_nobody_in(wechat: WeChat, phone: Phone) -> None:
    attacker, attempt = scanned(phone, wechat)
    assert state_of(attacker, attempt) == "scanned"
    assert not is_signed_in(attacker)
    assert not User.objects.exists()


def test_a_yes_is_about_the_newest_code_and_never_about_two(wechat: WeChat, phone: Phone) -> None:
    attacker, theirs = scanned(phone, wechat)
    browser, mine = scanned(phone, wechat)
    assert state_of(attacker, theirs) == "refused"
    phone.confirm()
    phone.confirm()
    assert state_of(browser, mine) == "confirmed"
    assert state_of(attacker, theirs) == "refused"
    assert not is_signed_in(attacker)


def test_a_yes_without_a_scan_means_nothing(wechat: WeChat, phone: Phone) -> None:
    browser = Client()
    attempt = start(browser)
    for word in ("47", "0", "确认登录"):
        assert "扫" in phone.text(word)
    assert state_of(browser, attempt) == "waiting"


def test_who_scans_second_changes_nothing(wechat: WeChat, phone: Phone) -> None:
    browser, attempt = scanned(phone, wechat)
    other = Phone("oSomebodyElse")
    assert "别人" in scan(other, wechat)
    other.confirm()
    assert state_of(browser, attempt) == "scanned"
    assert LoginAttempt.objects.get().identity == WeChatIdentity.objects.get(openid=phone.openid)
    phone.confirm()
    assert state_of(browser, attempt) == "confirmed"
    assert User.objects.count() == 1


def test_the_same_phone_may_scan_again_and_is_asked_again(wechat: WeChat, phone: Phone) -> None:
    browser, attempt = scanned(phone, wechat, HTTP_USER_AGENT=CHROME)
    assert "Chrome" in scan(phone, wechat)
    phone.confirm()
    assert state_of(browser, attempt) == "confirmed"


def test_a_phone_is_not_told_that_a_black_listed_member_is_in(wechat: WeChat, phone: Phone) -> None:
    person = services.register_member(openid=phone.openid, now=clock.now())
    browser, attempt = scanned(phone, wechat)
    services.list_member(
        user_id=person.id, kind=ListKind.BLACK, scope=ListScope.ALL, actor=audit.SYSTEM, reason="x", now=clock.now()
    )
    assert phone.confirm() == phone.text("登录") == gettext(MemberBlocked.title)
    assert state_of(browser, attempt) == "refused"
    assert not is_signed_in(browser)


# --- codes that are over


def test_an_unknown_scene_gets_help_and_changes_nothing(wechat: WeChat, phone: Phone) -> None:
    browser = Client()
    attempt = start(browser)
    assert "失效" in phone.scan(scene="login_unknown", ticket="x")
    assert "失效" in phone.scan(scene=wechat.scene, ticket="of another code")
    assert "失效" in phone.follow(scene="login_of_yesterday", ticket="x")
    assert state_of(browser, attempt) == "waiting"


def test_a_used_code_is_over(wechat: WeChat, phone: Phone) -> None:
    browser, attempt = scanned(phone, wechat)
    phone.confirm()
    assert state_of(browser, attempt) == "confirmed"
    later = clock.now() + timedelta(seconds=2)  # within the same second it would be a retry, which gets the same reply
    for late in (phone, Phone("oSomebodyElse")):
        assert "失效" in late.scan(scene=wechat.scene, ticket=wechat.tickets[wechat.scene], now=later)
        late.confirm()
    assert User.objects.count() == 1


def test_an_expired_code_is_over_and_so_is_its_question(wechat: WeChat, phone: Phone) -> None:
    browser, attempt = scanned(phone, wechat)
    unguard_all("accounts_loginattempt")
    LoginAttempt.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    phone.confirm()
    assert state_of(browser, attempt) == "expired"
    assert "失效" in scan(Phone("oSomebodyElse"), wechat)
    assert not User.objects.exists()


def test_a_code_whose_attempt_is_out_of_tries_is_over(wechat: WeChat, phone: Phone) -> None:
    browser = Client()
    attempt = start(browser)
    for _ in range(5):
        assert code_of(enter(browser, attempt, "AAAAAA")) == "code_not_valid"
    assert "失效" in scan(phone, wechat)
    assert state_of(browser, attempt) == "expired"


# --- WeChat's troubles


def test_a_repeated_scan_event_gets_the_same_reply(wechat: WeChat, phone: Phone) -> None:
    start(Client())
    now = clock.now()
    ticket = wechat.tickets[wechat.scene]
    first = phone.scan(scene=wechat.scene, ticket=ticket, now=now)
    phone.confirm()
    assert phone.scan(scene=wechat.scene, ticket=ticket, now=now) == first
    assert LoginAttempt.objects.get().state == "confirmed"


def test_a_scan_may_come_before_the_answer_that_makes_the_code(wechat: WeChat, phone: Phone) -> None:
    wechat.on_scene = lambda scene: replies.append(phone.scan(scene=scene, ticket="TICKET-1"))
    replies: list[str] = []
    browser = Client(HTTP_USER_AGENT=CHROME)
    attempt = start(browser)
    assert "Chrome" in replies[0]
    assert state_of(browser, attempt) == "scanned"
    phone.confirm()
    assert state_of(browser, attempt) == "confirmed"


def test_an_account_without_permission_keeps_the_code_way_and_is_not_asked_each_time(
    wechat: WeChat, phone: Phone
) -> None:
    wechat.troubles = {CREATE: [48001]}
    browser = Client()
    for _ in range(3):
        attempt = start(browser)
        assert attempt["methods"] == ["code"]
        assert "qr_content" not in attempt
        assert "qr_image" not in attempt
    assert wechat.times(CREATE) == 1
    assert enter(browser, attempt, phone.login_code()).status_code == 200


@pytest.mark.parametrize("trouble", [-1, 45009, 40001, 40101, httpx2.Response(500), httpx2.ReadTimeout("slow")])
def test_every_trouble_leaves_the_code_way_and_is_over_when_it_is_over(
    wechat: WeChat, phone: Phone, trouble: object
) -> None:
    wechat.troubles = {CREATE: [trouble]}
    browser = Client()
    attempt = start(browser)
    assert attempt["methods"] == ["code"]
    assert enter(browser, attempt, phone.login_code()).status_code == 200
    wechat.troubles = {}
    assert start(Client())["methods"] == ["code", "qr"]


# --- a QR code costs one of the account's day


def test_a_code_is_bought_only_when_it_is_shown(wechat: WeChat, phone: Phone) -> None:
    browser = Client()
    attempt = start(browser, {"qr": False})
    assert attempt["methods"] == ["code", "qr"]
    assert "qr_image" not in attempt
    assert wechat.times(CREATE) == 0
    assert enter(browser, attempt, phone.login_code()).status_code == 200
    wechat.troubles = {CREATE: [48001]}
    start(browser)
    assert start(browser, {"qr": False})["methods"] == ["code"]


def test_one_neighbourhood_cannot_buy_the_codes_of_the_day(wechat: WeChat, phone: Phone) -> None:
    for number in range(121):
        attempt = start(Client(REMOTE_ADDR=f"203.0.113.{number}"))
    assert wechat.times(CREATE) == 120
    assert attempt["methods"] == ["code"]
    browser = Client(REMOTE_ADDR="203.0.113.200")
    assert enter(browser, start(browser), phone.login_code()).status_code == 200
    assert start(Client(REMOTE_ADDR="198.51.100.1"))["methods"] == ["code", "qr"]
