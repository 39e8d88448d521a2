"""Parametric QR codes from WeChat, where the account may make them; the code way never depends on them."""

import logging

from apps.accounts import rules
from apps.accounts.gateways import official_account, refused_calls
from apps.accounts.gateways.official_account import QrCode

logger = logging.getLogger(__name__)

_NOT_PERMITTED = "wechat:qr_not_permitted"


def offer(*, scene: str) -> QrCode | None:
    """A QR code for this scene, or None where the account has no permission or WeChat has trouble."""
    try:
        return official_account.from_settings().create_qr(
            scene=scene, seconds=int(rules.ATTEMPT_LIFETIME.total_seconds())
        )
    except official_account.PermissionMissing:
        refused_calls.remember(_NOT_PERMITTED)
    except official_account.TemporaryFailure:
        pass  # the client has logged it; the next page asks again
    except official_account.PermanentFailure as refusal:
        logger.error("wechat refuses QR codes (%d): check the official account's settings", refusal.errcode)
    return None


def are_possible() -> bool:
    """Whether it is worth asking WeChat for a QR code."""
    return not refused_calls.is_refused(_NOT_PERMITTED)
