"""What orders asks of the settings before anybody orders."""

import pytest
from pytest_django.fixtures import Settings

from apps.orders.checks import check_notify_address


@pytest.mark.parametrize(
    ("address", "ids"),
    [
        (f"https://example.com/{'x' * 235}", []),
        (f"https://example.com/{'x' * 236}", ["orders.E001"]),
        (f"https://例子例子.com/{'x' * 234}", ["orders.E001"]),
        ("https://example.com/notify?shop=1", ["orders.E001"]),
    ],
)
def test_the_notify_address_is_one_that_wechat_pay_takes(address: str, ids: list[str], settings: Settings) -> None:
    settings.WECHAT_PAY = {**settings.WECHAT_PAY, "NOTIFY_URL": address}

    assert [error.id for error in check_notify_address(None)] == ids
