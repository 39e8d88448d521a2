"""What kind of official account ours is: switched on the phone page, asked by everything that needs permission."""

from datetime import datetime

from django.conf import settings

from apps.sandbox.contracts import AccountType
from apps.sandbox.errors import AccountRefusal
from apps.sandbox.models import OfficialAccount
from apps.sandbox.rules.permissions import AccountKind, Interface, may_call

# The kind that may do everything: QR login works before anybody has chosen.
_AT_FIRST = (AccountKind.SERVICE, True)


def show() -> AccountType:
    """The account's kind, and what it may call."""
    kind, is_verified = _kind_and_verification()
    return AccountType(
        kind=kind,
        is_verified=is_verified,
        permissions={each.value: may_call(each, kind=kind, is_verified=is_verified) for each in Interface},
    )


def change(*, kind: str, is_verified: bool, now: datetime) -> AccountType:
    """Make ours another kind of account; it counts from the next call."""
    chosen = {"kind": AccountKind(kind), "is_verified": is_verified}
    OfficialAccount.objects.update_or_create(
        app_id=settings.WECHAT_OA["APP_ID"], defaults=chosen, create_defaults={**chosen, "created_at": now}
    )
    return show()


def check_may_call(*, interface: Interface) -> None:
    """Raises AccountRefusal 48001 when this kind of account may not call the interface."""
    if not show().permissions[interface]:
        raise AccountRefusal(48001, "api unauthorized")


def _kind_and_verification() -> tuple[AccountKind, bool]:
    chosen = OfficialAccount.objects.filter(app_id=settings.WECHAT_OA["APP_ID"]).first()
    return _AT_FIRST if chosen is None else (AccountKind(chosen.kind), chosen.is_verified)
