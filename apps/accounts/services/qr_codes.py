"""Parametric QR codes from WeChat, where the account may make them; the code way never depends on them."""

import logging

from django.core.cache import cache
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from apps.accounts import rules
from apps.accounts.gateways import official_account
from apps.accounts.gateways.official_account import QrCode

logger = logging.getLogger(__name__)

# A subscription account stays one: asked again only now and then, in case it was verified meanwhile.
_REMEMBER_SECONDS = 60
_NOT_PERMITTED = "wechat:qr_not_permitted"


def offer(*, scene: str) -> QrCode | None:
    """A QR code for this scene, or None where the account has no permission or WeChat has trouble."""
    if _is_known_to_lack_permission():
        return None
    try:
        return official_account.from_settings().create_qr(
            scene=scene, seconds=int(rules.ATTEMPT_LIFETIME.total_seconds())
        )
    except official_account.PermissionMissing:
        _remember_the_lack()
    except official_account.TemporaryFailure:
        pass  # the client has logged it; the next page asks again
    except official_account.PermanentFailure as refusal:
        logger.error("wechat refuses QR codes (%d): check the official account's settings", refusal.errcode)  # noqa: TRY400
    return None


def _is_known_to_lack_permission() -> bool:
    try:
        return bool(cache.get(_NOT_PERMITTED))
    except (ConnectionInterrupted, RedisError):
        return False


def _remember_the_lack() -> None:
    try:
        cache.set(_NOT_PERMITTED, True, timeout=_REMEMBER_SECONDS)
    except (ConnectionInterrupted, RedisError):
        logger.warning("no cache: the next sign-in page asks WeChat again")
