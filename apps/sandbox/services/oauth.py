"""Web OAuth (snsapi_base): a page opened inside WeChat learns who opened it."""

import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings

from apps.sandbox.errors import AccountRefusal, OAuthRefused
from apps.sandbox.models import OAuthCode
from apps.sandbox.rules.permissions import Interface
from apps.sandbox.rules.visitors import is_openid
from apps.sandbox.services import account_type, official_account

_CODE_LIFE = timedelta(minutes=5)
_LONGEST_STATE = 128


def check_request(*, query: dict[str, str]) -> None:
    """Look at the parameters of an authorize address; raises OAuthRefused with the platform's number."""
    if query.get("appid") != settings.WECHAT_OA["APP_ID"]:
        raise OAuthRefused(10012, "appid")
    target, ours = urlsplit(query.get("redirect_uri", "")), urlsplit(settings.PUBLIC_URL)
    if (target.scheme, target.netloc) != (ours.scheme, ours.netloc):
        raise OAuthRefused(10003, "redirect_uri")
    if query.get("response_type") != "code":
        raise OAuthRefused(10011, "response_type")
    if query.get("scope") != "snsapi_base" or not account_type.show().permissions[Interface.WEB_OAUTH]:
        raise OAuthRefused(10005, "scope")
    if len(query.get("state", "")) > _LONGEST_STATE:
        raise OAuthRefused(10013, "state")


def authorize(*, query: dict[str, str], openid: str, now: datetime) -> str:
    """Where WeChat sends the browser of this user: the site's address with a code and the site's state.

    Raises OAuthRefused.
    """
    check_request(query=query)
    if not is_openid(openid):
        raise OAuthRefused(10006, "openid")
    code = OAuthCode.objects.create(
        code=secrets.token_urlsafe(24), openid=openid, expires_at=now + _CODE_LIFE, created_at=now
    )
    target = urlsplit(query["redirect_uri"])
    added = [("code", code.code), ("state", query.get("state", ""))]
    return urlunsplit(target._replace(query=urlencode([*parse_qsl(target.query), *added])))


def exchange(*, app_id: str, secret: str, code: str, now: datetime) -> dict[str, Any]:
    """Trade a code for the openid, once; raises AccountRefusal 40013, 40125, 48001, 40029 or 40163."""
    official_account.check_credentials(app_id=app_id, secret=secret)
    account_type.check_may_call(interface=Interface.WEB_OAUTH)
    known = OAuthCode.objects.filter(code=code)
    if not known.filter(used_at=None, expires_at__gt=now).update(used_at=now):
        if known.exclude(used_at=None).exists():
            raise AccountRefusal(40163, "code been used")
        raise AccountRefusal(40029, "invalid code")
    return {
        "access_token": secrets.token_urlsafe(64),
        "expires_in": 7200,
        "refresh_token": secrets.token_urlsafe(64),
        "openid": known.values_list("openid", flat=True).get(),
        "scope": "snsapi_base",
    }
