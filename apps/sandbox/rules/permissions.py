"""Which interfaces an official account may call: the platform decides by its kind and its verification."""

from enum import StrEnum


class AccountKind(StrEnum):
    """订阅号 or 服务号."""

    SUBSCRIPTION = "subscription"
    SERVICE = "service"


class Interface(StrEnum):
    """What not every account may call. Tokens, messages in and passive replies are open to all."""

    USER_INFO = "user_info"
    SERVICE_MESSAGE = "service_message"
    QR_CODE = "qr_code"
    WEB_OAUTH = "web_oauth"


_SERVICE_ACCOUNTS_ONLY = {Interface.QR_CODE, Interface.WEB_OAUTH}


def may_call(interface: Interface, *, kind: AccountKind, is_verified: bool) -> bool:
    """Nothing without verification; parametric QR codes and web OAuth only for a service account."""
    return is_verified and (kind is AccountKind.SERVICE or interface not in _SERVICE_ACCOUNTS_ONLY)
