"""The same few people everywhere: Alice, Bob and Charlie are members, Olga is an operator.

A test asks for the person it needs (`alice`), or for a browser in which they are signed in
(`alice_browser`). `Phone` is a follower's WeChat: it sends signed callbacks as WeChat's server
does.
"""

import hashlib
import re
import secrets
import xml.etree.ElementTree as ET  # reads replies that our own code wrote
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import Member, SignInMethod
from apps.accounts.models import LoginAttempt
from apps.kernel import clock
from apps.kernel.ids import UserId

_CODE = re.compile("[0-9A-Z]{6}")


def member(name: str, *, invite_code: str = "", now: datetime | None = None) -> Member:
    """The member of this name, registered now if they are not yet; the name is their nickname."""
    registered = accounts.register_member(
        openid=f"o{name.title()}Openid0001", invite_code=invite_code, now=now or clock.now()
    )
    accounts.change_profile(user_id=registered.id, nickname=name.title())
    return accounts.get_member(user_id=registered.id)


def operator(username: str = "olga", password: str = "a long demo password") -> Member:
    """An operator who may do everything in the admin."""
    return accounts.create_operator(username=username, password=password, now=clock.now())


def browser_of(user_id: UserId, *, enforce_csrf_checks: bool = False) -> Client:
    """A browser in which this person is signed in."""
    browser = Client(enforce_csrf_checks=enforce_csrf_checks)
    browser.force_login(get_user_model().objects.get(pk=user_id))
    return browser


def browser_in_the_list(user_id: UserId) -> Client:
    """The same, with the session that a sign-in begins: for tests that ask the audit, which knows no other."""
    browser = Client()
    started = accounts.start_session(
        user_id=user_id,
        method=SignInMethod.OPERATOR,
        old_key=None,
        address="127.0.0.1",
        user_agent="",
        now=clock.now(),
    )
    browser.cookies[settings.SESSION_COOKIE_NAME] = started.key
    return browser


class Phone:
    """A follower's WeChat in plain mode."""

    def __init__(self, openid: str = "oFollower0001") -> None:
        self.openid = openid
        self.browser = Client()

    def text(self, content: str, *, message_id: int | None = None, now: datetime | None = None) -> str:
        """Send a text; returns the reply as the follower reads it, "" if there is none."""
        message_id = message_id or secrets.randbelow(2**62) + 1
        return self._read(
            f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{content}]]></Content><MsgId>{message_id}</MsgId>",
            now=now,
        )

    def follow(self, *, scene: str = "", ticket: str = "", now: datetime | None = None) -> str:
        """Follow the account, by a parametric QR code if there is a scene; returns the reply."""
        return self._event("subscribe", f"qrscene_{scene}" if scene else "", ticket, now)

    def scan(self, *, scene: str, ticket: str = "", now: datetime | None = None) -> str:
        """Scan a parametric QR code as somebody who follows already; returns the reply."""
        return self._event("SCAN", scene, ticket, now)

    def unfollow(self, *, now: datetime | None = None) -> str:
        """Stop following."""
        return self._event("unsubscribe", "", "", now)

    def confirm(self) -> str:
        """Send the number that the page shows whose code this phone has scanned; returns the reply."""
        asked = LoginAttempt.objects.filter(identity__openid=self.openid, state="scanned")
        return self.text(asked.values_list("confirm_number", flat=True).first() or "47")

    def login_code(self) -> str:
        """Ask for a login code and read it out of the reply."""
        reply = self.text("登录")
        return next(word for word in re.split(r"[\s:：，。]", reply) if _CODE.fullmatch(word))

    def post(self, inner: str, *, now: datetime | None = None) -> Any:
        """Send the inside of a message as WeChat's server would; returns the raw answer."""
        seconds = int((now or clock.now()).timestamp())
        xml = (
            f"<xml><ToUserName><![CDATA[{settings.WECHAT_OA['ORIGINAL_ID']}]]></ToUserName>"
            f"<FromUserName><![CDATA[{self.openid}]]></FromUserName><CreateTime>{seconds}</CreateTime>{inner}</xml>"
        )
        return self.browser.post(
            f"/wechat/callback?{signed_query(seconds)}&openid={self.openid}", xml.encode(), content_type="text/xml"
        )

    def _event(self, event: str, key: str, ticket: str, now: datetime | None) -> str:
        return self._read(
            f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event>"
            f"<EventKey><![CDATA[{key}]]></EventKey>" + (f"<Ticket><![CDATA[{ticket}]]></Ticket>" if ticket else ""),
            now=now,
        )

    def _read(self, inner: str, *, now: datetime | None) -> str:
        answer = self.post(inner, now=now)
        assert answer.status_code == 200, answer.content
        if answer.content == b"success":
            return ""
        return ET.fromstring(answer.content).findtext("Content") or ""  # noqa: S314


def signed_query(seconds: int, nonce: str = "") -> str:
    """A callback's query with the plain signature over this timestamp."""
    nonce = nonce or secrets.token_hex(6)
    parts = sorted([settings.WECHAT_OA["TOKEN"], str(seconds), nonce])
    signature = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    return f"signature={signature}&timestamp={seconds}&nonce={nonce}"


@pytest.fixture
def alice(db: None) -> Member:
    """A member."""
    return member("alice")


@pytest.fixture
def bob(db: None) -> Member:
    """Another member, who must never see what is Alice's."""
    return member("bob")


@pytest.fixture
def charlie(db: None) -> Member:
    """A third member."""
    return member("charlie")


@pytest.fixture
def olga(db: None) -> Member:
    """An operator."""
    return operator()


@pytest.fixture
def visitor() -> Client:
    """A browser in which nobody is signed in."""
    return Client()


@pytest.fixture
def alice_browser(alice: Member) -> Client:
    """Alice's browser."""
    return browser_of(alice.id)


@pytest.fixture
def bob_browser(bob: Member) -> Client:
    """Bob's browser."""
    return browser_of(bob.id)


@pytest.fixture
def operator_browser(olga: Member) -> Client:
    """Olga's browser."""
    return browser_of(olga.id)


@pytest.fixture
def phone(db: None) -> Phone:
    """A follower who is not a member yet."""
    return Phone()
