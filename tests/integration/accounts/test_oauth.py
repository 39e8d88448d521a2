"""Signing in inside WeChat's browser: an answer counts for the session that asked, once, for five minutes."""

from datetime import timedelta
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from django.conf import settings as live_settings
from django.contrib.sessions.models import Session
from django.test import Client

from apps.accounts.models import User, WeChatIdentity
from apps.kernel import clock
from apps.kernel.models import OutboxEvent
from tests.cast import Phone
from tests.integration.accounts.test_sign_in import enter, start
from tests.integration.accounts.wechat_server import WeChat, wechat

__all__ = ["wechat"]
pytestmark = pytest.mark.django_db

OAUTH = "/sns/oauth2/access_token"
IN_WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile MicroMessenger/8.0.50"


def go(browser: Client, **query: str) -> str:
    """Leave for WeChat; the state that was sent along."""
    answer = browser.get("/login/wechat/", query)
    assert answer.status_code == 302, answer.content
    return parse_qs(urlsplit(answer["Location"]).query)["state"][0]


def come_back(browser: Client, wechat: WeChat, state: str, *, code: str = "CODE", openid: str = "oFollower0001") -> Any:
    wechat.openids[code] = openid
    return browser.get("/login/wechat/back", {"code": code, "state": state})


def is_signed_in(browser: Client) -> bool:
    return browser.get("/api/v1/me").status_code == 200


def was_refused(answer: Any) -> bool:
    return bool(answer.status_code == 302 and answer["Location"].startswith("/login/?next="))


def test_the_browser_is_sent_to_wechat_as_wechat_wants_it() -> None:
    answer = Client().get("/login/wechat/")
    address = urlsplit(answer["Location"])
    assert answer["Location"].startswith(live_settings.WECHAT_OA["AUTHORIZE_URL"] + "?appid=")
    assert address.fragment == "wechat_redirect"
    query = parse_qs(address.query)
    state = query.pop("state")[0]
    assert len(state) == 32
    assert query == {
        "appid": [live_settings.WECHAT_OA["APP_ID"]],
        "redirect_uri": [f"{live_settings.PUBLIC_URL}/login/wechat/back"],
        "response_type": ["code"],
        "scope": ["snsapi_base"],
    }


def test_who_comes_back_is_signed_in_where_they_wanted_to_go(wechat: WeChat) -> None:
    browser = Client()
    answer = come_back(browser, wechat, go(browser, next="/shop/", invite="FROM-ALICE"))
    assert (answer.status_code, answer["Location"]) == (302, "/shop/")
    assert is_signed_in(browser)
    assert OutboxEvent.objects.get(topic="accounts.user_registered").payload["invite_code"] == "FROM-ALICE"
    assert WeChatIdentity.objects.get().openid == "oFollower0001"


def test_it_is_the_same_member_as_through_the_code(wechat: WeChat, phone: Phone) -> None:
    first, second = Client(), Client()
    user = enter(first, start(first), phone.login_code()).json()["user"]
    come_back(second, wechat, go(second), openid=phone.openid)
    assert second.get("/api/v1/me").json()["id"] == user["id"]
    assert User.objects.count() == 1


def test_the_invite_cookie_counts_too(wechat: WeChat) -> None:
    browser = Client()
    browser.cookies["invite"] = "COOKIE"
    come_back(browser, wechat, go(browser))
    assert OutboxEvent.objects.get(topic="accounts.user_registered").payload["invite_code"] == "COOKIE"


def test_the_session_is_rotated(wechat: WeChat) -> None:
    browser = Client()
    state = go(browser)
    key = browser.session.session_key
    come_back(browser, wechat, state)
    assert browser.session.session_key != key
    assert not Session.objects.filter(session_key=key).exists()


@pytest.mark.parametrize("state", ["", "x", "签"])
def test_another_state_is_refused_and_uses_the_question_up(wechat: WeChat, state: str) -> None:
    browser = Client()
    mine = go(browser)
    assert was_refused(come_back(browser, wechat, state))
    assert was_refused(come_back(browser, wechat, mine))
    assert not is_signed_in(browser)
    assert wechat.times(OAUTH) == 0


def test_a_stranger_cannot_sign_a_victim_in_as_themselves(wechat: WeChat) -> None:
    attacker, victim = Client(), Client()
    state = go(attacker)
    go(victim)
    assert was_refused(come_back(victim, wechat, state, openid="oAttacker"))
    assert was_refused(come_back(Client(), wechat, state, openid="oAttacker"))
    assert not is_signed_in(victim)


def test_an_answer_counts_once_and_for_five_minutes(wechat: WeChat) -> None:
    browser = Client()
    state = go(browser)
    with mock.patch.object(clock, "now", return_value=clock.now() + timedelta(minutes=5, seconds=2)):
        assert was_refused(come_back(browser, wechat, state))
    browser = Client()
    state = go(browser)
    come_back(browser, wechat, state)
    browser.post("/api/v1/auth/logout")
    assert was_refused(come_back(browser, wechat, state, code="CODE-2"))
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (40029, "没有成功"),
        (40163, "没有成功"),
        (48001, "不支持一键登录"),
        (-1, "稍后再试"),
        (httpx2.Response(500), "稍后再试"),
        (httpx2.ReadTimeout("slow"), "稍后再试"),
        (httpx2.Response(200, json={"openid": 7}), "稍后再试"),
        (httpx2.Response(200, json={"openid": "o" * 65}), "稍后再试"),
        (httpx2.Response(200, json={"openid": "o\0"}), "稍后再试"),
        # WeChat's stand-in for visitors who have not agreed to open the page: nobody in particular.
        (httpx2.Response(200, json={"openid": "oStandIn", "is_snapshotuser": 1}), "稍后再试"),
    ],
)
def test_every_trouble_leads_back_to_the_login_page_with_what_helps(wechat: WeChat, trouble: object, says: str) -> None:
    wechat.troubles = {OAUTH: [trouble]}
    browser = Client()
    answer = come_back(browser, wechat, go(browser, next="/shop/"))
    assert answer["Location"] == "/login/?next=%2Fshop%2F"
    page = browser.get(answer["Location"]).content.decode()
    assert says in page
    assert "Traceback" not in page
    assert not User.objects.exists()


def test_a_used_or_missing_code_is_refused(wechat: WeChat) -> None:
    for code in ("", "x" * 600):
        browser = Client()
        state = go(browser)
        assert was_refused(browser.get("/login/wechat/back", {"code": code, "state": state}))
    assert wechat.times(OAUTH) == 0


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_nobody_is_led_to_another_site(wechat: WeChat, target: str) -> None:
    browser = Client()
    assert come_back(browser, wechat, go(browser, next=target))["Location"] == "/chat/"


def test_inside_wechat_the_page_offers_it_and_elsewhere_it_does_not(visitor: Client) -> None:
    inside = visitor.get("/login/?next=/shop/&invite=A%26B", HTTP_USER_AGENT=IN_WECHAT).content.decode()
    assert "/login/wechat/?next=%2Fshop%2F&amp;invite=A%26B" in inside
    assert "qr-panel" not in inside
    assert "id_code" in inside
    assert "/login/wechat/" not in visitor.get("/login/").content.decode()


def test_a_plain_member_of_the_public_can_not_flood_the_sessions(visitor: Client) -> None:
    admitted = 0
    while (status := visitor.get("/login/wechat/").status_code) == 302 and admitted <= 600:
        admitted += 1
    assert status == 429
    assert admitted in range(300, 601)  # more than 300 only where a minute ended between two of them


@pytest.mark.parametrize("path", [OAUTH, "/cgi-bin/qrcode/create"])
def test_one_tap_is_not_offered_while_wechat_is_known_to_refuse_it(wechat: WeChat, phone: Phone, path: str) -> None:
    browser = Client(headers={"User-Agent": IN_WECHAT})
    assert 'id="in-wechat"' in browser.get("/login/").content.decode()
    wechat.troubles = {path: [48001]}
    if path == OAUTH:
        come_back(browser, wechat, go(browser))
    else:
        start(browser)

    page = browser.get("/login/").content.decode()

    assert 'id="in-wechat"' not in page
    assert 'id="login-form"' in page
    assert 'id="qr-panel"' not in page
    other = Client(headers={"User-Agent": IN_WECHAT})
    assert enter(other, start(other), phone.login_code()).status_code == 200
