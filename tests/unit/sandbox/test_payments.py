"""What WeChat Pay takes as an order, and when it tries again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.sandbox.rules import payments

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "appid": "wx1",
    "mchid": "190",
    "description": "100 credits",
    "out_trade_no": "ORDER_0001",
    "notify_url": "http://127.0.0.1:8000/pay/wechat/notify",
    "amount": {"total": 990, "currency": "CNY"},
}


def read(changes: dict[str, Any] | None = None) -> payments.Prepay:
    return payments.read_prepay({**ORDER, **(changes or {})}, app_id="wx1", mch_id="190", now=NOW)


def test_an_order_without_time_expire_lives_seven_days() -> None:
    order = read()

    assert (order.amount_fen, order.description, order.attach) == (990, "100 credits", "")
    assert order.expires_at == NOW + timedelta(days=7)


def test_time_expire_is_read_with_its_offset() -> None:
    assert read({"time_expire": "2026-11-21T20:15:00+08:00"}).expires_at == NOW + timedelta(minutes=15)


@pytest.mark.parametrize(
    "changes",
    [
        {"appid": "wx2"},
        {"mchid": "191"},
        {"description": ""},
        {"description": "x" * 128},
        {"description": "畅" * 43},
        {"description": "\ud800"},
        {"attach": "x" * 129},
        {"attach": "畅" * 43},
        {"goods_tag": "x" * 33},
        {"notify_url": f"https://example.com/{'x' * 236}"},
        {"out_trade_no": "x" * 33},
        {"out_trade_no": "订单" * 5},
        {"out_trade_no": "short"},
        {"out_trade_no": "with space"},
        {"out_trade_no": 12345678},
        {"notify_url": "http://example.com/notify"},
        {"notify_url": "https://example.com/notify?order=1"},
        {"amount": None},
        {"amount": {"total": 0}},
        {"amount": {"total": 9.9}},
        {"amount": {"total": True}},
        {"amount": {"total": 2**31}},
        {"amount": {"total": 990, "currency": "USD"}},
        {"time_expire": "2026-11-21T20:15:00"},
        {"time_expire": "2026-11-21T19:59:59+08:00"},
        {"time_expire": "soon"},
        {"surprise": 1},
    ],
)
def test_a_wrong_parameter_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(payments.NotAcceptable):
        read(changes)


def test_the_longest_of_everything_is_taken() -> None:
    longest = {
        "description": "畅" * 42,
        "attach": "x" * 128,
        "goods_tag": "x" * 32,
        "out_trade_no": "x" * 32,
        "notify_url": f"https://example.com/{'x' * 235}",
        "amount": {"total": 2**31 - 1},
    }

    assert read(longest).amount_fen == 2**31 - 1


def test_equal_parameters_have_equal_fingerprints_in_any_order() -> None:
    backwards = dict(reversed(ORDER.items()))

    assert payments.read_prepay(backwards, app_id="wx1", mch_id="190", now=NOW).fingerprint == read().fingerprint
    assert read({"attach": "x"}).fingerprint != read().fingerprint


def test_fifteen_retries_follow_the_first_try_a_hundred_times_faster() -> None:
    delays = [payments.retry_delay(failed) for failed in range(1, 17)]

    assert delays[0] == timedelta(milliseconds=150)
    assert delays[14] == timedelta(seconds=216)
    assert delays[15] is None
    assert sum((delay for delay in delays if delay), timedelta()) == timedelta(hours=24, minutes=4) / 100
