"""The official account's API, as its client: one token for all processes, QR codes, who is in WeChat's browser.

Answers are HTTP 200 even for refusals, which carry an errcode. Neither tokens nor secrets nor openids are logged,
and no exception of the HTTP library passes through: its request's address holds the token.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import httpx2
from django.conf import settings
from django.core.cache import cache
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from apps.kernel import http

logger = logging.getLogger(__name__)
T = TypeVar("T")

_TOKEN_REFUSED = frozenset({40001, 40014, 42001})
_NOT_PERMITTED = 48001
_OPENID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_QR_ADDRESSES = ("http://weixin.qq.com/", "https://weixin.qq.com/")
# The platform's trouble, or a quota that is used up until later.
_TEMPORARY = frozenset({-1, 45009, 45011})
# WeChat gives a new token in the last five minutes of the old one.
_RENEWAL_SECONDS = 300
# A visitor waits for these calls: less patience than a payment deserves.
_CALL_SECONDS = 6.0
# Longer than a fetch may take, so that a turn ends only with its owner.
_TURN_SECONDS = 10
_LOOK_SECONDS = 0.05
_NO_CACHE = (ConnectionInterrupted, RedisError)


class TemporaryFailure(Exception):
    """No usable answer; the same call may work later. The text names an error, never an address."""


class PermissionMissing(Exception):
    """This kind of account may not do this (48001)."""


class PermanentFailure(Exception):
    """WeChat understood and refused; repeating will not help."""

    def __init__(self, errcode: int) -> None:
        super().__init__(str(errcode))
        self.errcode = errcode


class _TokenRefused(Exception):
    """The access token is not, or no longer, good."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One official account; the secret stays out of reprs."""

    app_id: str
    app_secret: str = field(repr=False)
    base_url: str


@dataclass(frozen=True, kw_only=True)
class QrCode:
    """A parametric QR code: `url` is what it contains, `ticket` comes back with the event of its scan."""

    ticket: str
    url: str


class OfficialAccount:
    """The few calls that sign-in needs. They block; async code makes them through kernel.event_loops.in_thread."""

    def __init__(self, config: Config, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._config = config
        self._http = http.client(config.base_url, within=_CALL_SECONDS, transport=transport)
        self._token_key = f"wechat:stable_token:{config.app_id}"

    def create_qr(self, *, scene: str, seconds: int) -> QrCode:
        """A temporary QR code for this scene. Raises TemporaryFailure, PermissionMissing, PermanentFailure."""
        answer = self._call(
            "/cgi-bin/qrcode/create",
            {
                "expire_seconds": seconds,
                "action_name": "QR_STR_SCENE",
                "action_info": {"scene": {"scene_str": scene}},
            },
        )
        url = _word(answer, "url")
        # Members scan what we draw: it leads to WeChat, and for as long as we say.
        if not url.startswith(_QR_ADDRESSES) or answer.get("expire_seconds") != seconds:
            raise TemporaryFailure("a code that was not asked for")
        return QrCode(ticket=_word(answer, "ticket"), url=url)

    def openid_of(self, *, code: str) -> str:
        """Who comes with this one-time code from WeChat's browser.

        Raises TemporaryFailure, PermissionMissing, PermanentFailure.
        """
        query = {
            "appid": self._config.app_id,
            "secret": self._config.app_secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        try:
            answer = self._ask("GET", "/sns/oauth2/access_token", params=query)
        except _TokenRefused:  # here it is about our own credentials
            raise PermanentFailure(40001) from None
        openid = _word(answer, "openid")
        # A snapshot user is WeChat's stand-in for somebody who has not agreed to open the page: nobody in particular.
        if not _OPENID.fullmatch(openid) or answer.get("is_snapshotuser"):
            raise TemporaryFailure("not the visitor that was asked about")
        return openid

    def _call(self, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Call with the shared token; a refused token is renewed once and the call repeated once."""
        token = self._token()
        try:
            return self._ask("POST", path, params={"access_token": token}, json=payload)
        except _TokenRefused:
            token = self._token(refused=token)
        try:
            return self._ask("POST", path, params={"access_token": token}, json=payload)
        except _TokenRefused:
            raise TemporaryFailure("a renewed token was refused") from None

    def _token(self, *, refused: str = "") -> str:
        """The token that all processes share; when there is none but the refused one, one of them fetches it."""
        patience_ends = time.monotonic() + _TURN_SECONDS
        turn = f"{self._token_key}:turn"
        while True:
            if token := self._shared_token(refused):
                return token
            if _cached(lambda: cache.add(turn, 1, timeout=_TURN_SECONDS), default=True):
                try:
                    return self._shared_token(refused) or self._fetch_token()
                finally:
                    _cached(lambda: cache.delete(turn), default=False)
            if time.monotonic() > patience_ends:
                return self._fetch_token()
            time.sleep(_LOOK_SECONDS)

    def _shared_token(self, refused: str) -> str:
        token = str(_cached(lambda: cache.get(self._token_key), default=None) or "")
        return "" if token == refused else token

    def _fetch_token(self) -> str:
        # Not forced even after a refusal: the stable interface answers the token that is valid now, while
        # a forced one kills what the others use, and is allowed twenty times a day.
        wanted = {
            "grant_type": "client_credential",
            "appid": self._config.app_id,
            "secret": self._config.app_secret,
            "force_refresh": False,
        }
        try:
            answer = self._ask("POST", "/cgi-bin/stable_token", json=wanted)
        except _TokenRefused:  # about the secret, although the number is the token's
            raise PermanentFailure(40001) from None
        token, seconds = _word(answer, "access_token"), answer.get("expires_in")
        if type(seconds) is int and seconds > _RENEWAL_SECONDS:
            _cached(lambda: cache.set(self._token_key, token, timeout=seconds - _RENEWAL_SECONDS), default=None)
        return token

    def _ask(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **parts)
            answer = response.json() if response.is_success else None
        except (httpx2.HTTPError, ValueError, RecursionError) as failure:
            logger.warning("wechat official account: %s failed: %s", path, type(failure).__name__)
            raise TemporaryFailure(type(failure).__name__) from None
        if not isinstance(answer, dict):
            logger.warning("wechat official account: %s answered %d without an object", path, response.status_code)
            raise TemporaryFailure(f"HTTP {response.status_code}")
        errcode = answer.get("errcode", 0)
        if errcode:
            logger.warning("wechat official account: %s refused with %.20s", path, errcode)
            raise _refusal(errcode)
        return answer


def from_settings() -> OfficialAccount:
    """The client for settings.WECHAT_OA; one per configuration."""
    account = settings.WECHAT_OA
    return _connected(Config(app_id=account["APP_ID"], app_secret=account["APP_SECRET"], base_url=account["API_URL"]))


@lru_cache(maxsize=8)
def _connected(config: Config) -> OfficialAccount:
    return OfficialAccount(config)


def _refusal(errcode: object) -> Exception:
    if not isinstance(errcode, int) or errcode in _TEMPORARY:
        return TemporaryFailure(f"errcode {errcode!s:.20}")
    if errcode in _TOKEN_REFUSED:
        return _TokenRefused()
    if errcode == _NOT_PERMITTED:
        return PermissionMissing()
    return PermanentFailure(errcode)


def _word(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 1024:
        raise TemporaryFailure(f"no {name} in the answer")
    return value


def _cached(use: Callable[[], T], *, default: T) -> T:
    """Use the cache; without one, every process manages alone."""
    try:
        return use()
    except _NO_CACHE as error:
        logger.warning("wechat official account: no cache (%s)", type(error).__name__)
        return default
