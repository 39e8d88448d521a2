"""The official account's API: tokens, QR codes, followers, messages to followers."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.sandbox.errors import AccountRefusal
from apps.sandbox.models import AccessToken, Direction, Follower, PhoneMessage, Ticket, TokenKind
from apps.sandbox.rules.faults import Area
from apps.sandbox.rules.permissions import Interface
from apps.sandbox.services import account_type, faults, phone

_TOKEN_LIFE = timedelta(hours=2)
# A stable token is renewed in its last five minutes; the old one is good until its end.
_RENEWAL = timedelta(minutes=5)
_LONGEST_TICKET_SECONDS = 2_592_000
_DEFAULT_TICKET_SECONDS = 60
_LONGEST_SCENE = 64


def issue_token(*, app_id: str, secret: str, now: datetime) -> dict[str, Any]:
    """Issue a new ordinary token; raises AccountRefusal 40013 or 40125."""
    check_credentials(app_id=app_id, secret=secret)
    return _token_answer(_new_token(TokenKind.NORMAL, now=now), now=now)


def issue_stable_token(*, app_id: str, secret: str, force: bool, now: datetime) -> dict[str, Any]:
    """Return the stable token in use, or a new one near its end or when forced; forcing kills the old one.

    Raises AccountRefusal 40013 or 40125.
    """
    check_credentials(app_id=app_id, secret=secret)
    stable = AccessToken.objects.filter(kind=TokenKind.STABLE, expires_at__gt=now)
    with transaction.atomic():
        if force:
            stable.update(expires_at=now)
        current = stable.filter(expires_at__gt=now + _RENEWAL).order_by("-expires_at").first()
        return _token_answer(current or _new_token(TokenKind.STABLE, now=now), now=now)


def check_credentials(*, app_id: str, secret: str) -> None:
    """Accept the account's own id and secret; raises AccountRefusal 40013 or 40125."""
    if app_id != settings.WECHAT_OA["APP_ID"]:
        raise AccountRefusal(40013, "invalid appid")
    if not secrets.compare_digest(secret.encode(), settings.WECHAT_OA["APP_SECRET"].encode()):
        raise AccountRefusal(40125, "invalid appsecret")


def check_token(*, token: str, now: datetime) -> None:
    """Accept a living token; raises AccountRefusal 40001 or 42001."""
    expiry = AccessToken.objects.filter(token=token).values_list("expires_at", flat=True).first()
    if expiry is None:
        raise AccountRefusal(40001, "invalid credential, access_token is invalid or not latest")
    if expiry <= now:
        raise AccountRefusal(42001, "access_token expired")


def create_ticket(*, request: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Make a temporary QR code with a text scene; raises AccountRefusal."""
    account_type.check_may_call(interface=Interface.QR_CODE)
    if request.get("action_name") != "QR_STR_SCENE":
        raise AccountRefusal(40099, "invalid action name")
    scene = _member(_member(request, "action_info"), "scene").get("scene_str")
    if not isinstance(scene, str) or not 1 <= len(scene) <= _LONGEST_SCENE:
        raise AccountRefusal(40101, "missing or invalid scene_str")
    seconds = request.get("expire_seconds", _DEFAULT_TICKET_SECONDS)
    if not isinstance(seconds, int) or not 1 <= seconds <= _LONGEST_TICKET_SECONDS:
        raise AccountRefusal(40097, "invalid expire_seconds")
    ticket = Ticket.objects.create(
        ticket=secrets.token_urlsafe(48),
        url=f"http://weixin.qq.com/q/{secrets.token_urlsafe(16)}",
        scene=scene,
        expires_at=now + timedelta(seconds=seconds),
        created_at=now,
    )
    if faults.take(area=Area.SCAN, among=["out_of_order"]):
        phone.scan_early(content=ticket.url, now=now)
    return {"ticket": ticket.ticket, "expire_seconds": seconds, "url": ticket.url}


def user_info(*, openid: str) -> dict[str, Any]:
    """What an account may know of a follower: since 2021 neither nickname nor picture.

    Raises AccountRefusal 48001 or 40003.
    """
    account_type.check_may_call(interface=Interface.USER_INFO)
    follower = Follower.objects.filter(openid=openid).first()
    if follower is None:
        raise AccountRefusal(40003, "invalid openid")
    if not follower.is_following or follower.followed_at is None:
        return {"subscribe": 0, "openid": openid}
    return {
        "subscribe": 1,
        "openid": openid,
        "nickname": "",
        "language": "zh_CN",
        "subscribe_time": int(follower.followed_at.timestamp()),
        "subscribe_scene": "ADD_SCENE_QR_CODE",
    }


def deliver_message(*, openid: str, text: str, now: datetime) -> None:
    """Put a customer-service message on a follower's phone; raises AccountRefusal 48001, 40003 or 43004."""
    account_type.check_may_call(interface=Interface.SERVICE_MESSAGE)
    follower = Follower.objects.filter(openid=openid).first()
    if follower is None:
        raise AccountRefusal(40003, "invalid openid")
    if not follower.is_following:
        raise AccountRefusal(43004, "require subscribe")
    PhoneMessage.objects.create(openid=openid, direction=Direction.SERVICE, text=text, created_at=now)


def _new_token(kind: TokenKind, *, now: datetime) -> AccessToken:
    return AccessToken.objects.create(
        token=secrets.token_urlsafe(100), kind=kind, expires_at=now + _TOKEN_LIFE, created_at=now
    )


def _token_answer(token: AccessToken, *, now: datetime) -> dict[str, Any]:
    return {"access_token": token.token, "expires_in": int((token.expires_at - now).total_seconds())}


def _member(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}
