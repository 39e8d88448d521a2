"""System checks of orders: what no order could be paid with."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import register as register_check

_LONGEST_ADDRESS_BYTES = 255


def register() -> None:
    """Register every check of this module; called once from AppConfig.ready()."""
    register_check(check_notify_address)


def check_notify_address(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """WeChat Pay refuses every order whose notify_url is too long or has a query."""
    address = settings.WECHAT_PAY.get("NOTIFY_URL", "")
    if len(address.encode()) <= _LONGEST_ADDRESS_BYTES and not urlsplit(address).query:
        return []
    return [
        Error("WECHAT_PAY['NOTIFY_URL'] is longer than 255 bytes or has a query", hint="PUBLIC_URL", id="orders.E001")
    ]
