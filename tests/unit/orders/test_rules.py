"""Decisions about orders."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.orders import rules
from apps.orders.contracts import OrderState
from apps.orders.errors import ProductQuotaNotDeliverable

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
OURS = rules.Terms(merchant_id="1900000001", app_id="wx01", amount_fen=990, currency="CNY")


def test_a_payment_that_fits_has_no_differences() -> None:
    assert (
        rules.mismatches(OURS, rules.Terms(merchant_id="1900000001", app_id="wx01", amount_fen=990, currency="CNY"))
        == ()
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"merchant_id": "1900000002"}, "merchant: expected 1900000001, got 1900000002"),
        ({"app_id": "wx02"}, "app: expected wx01, got wx02"),
        ({"amount_fen": 989}, "amount: expected 990, got 989"),
        ({"amount_fen": 991}, "amount: expected 990, got 991"),
        ({"currency": "USD"}, "currency: expected CNY, got USD"),
    ],
)
def test_each_term_that_differs_is_named(changes: dict[str, object], said: str) -> None:
    captured = rules.Terms(**{**vars(OURS), **changes})

    assert rules.mismatches(OURS, captured) == (said,)


def test_one_order_gives_from_nothing_to_a_million_million() -> None:
    rules.check_quota(0)
    rules.check_quota(10**12)
    for quota_milli in (-1, 10**12 + 1):
        with pytest.raises(ProductQuotaNotDeliverable):
            rules.check_quota(quota_milli)


def test_the_provider_is_asked_soon_at_first_and_seldom_later() -> None:
    delays = [rules.check_delay(checks).total_seconds() for checks in range(8)]

    assert delays == [5, 15, 30, 60, 120, 300, 300, 300]


@pytest.mark.parametrize(
    ("left", "same_offer", "state", "reused"),
    [
        (timedelta(minutes=5), True, OrderState.PAYING, True),
        (timedelta(minutes=30), True, OrderState.CREATED, True),
        (timedelta(minutes=5) - timedelta(seconds=1), True, OrderState.PAYING, False),
        (timedelta(minutes=30), False, OrderState.PAYING, False),
        (timedelta(minutes=30), True, OrderState.CLOSED, False),
        (timedelta(minutes=30), True, OrderState.DELIVERED, False),
    ],
)
def test_an_open_order_is_shown_again_only_while_it_is_the_same_and_has_time(
    left: timedelta, state: OrderState, *, same_offer: bool, reused: bool
) -> None:
    answer = rules.may_be_reused(state=state, same_offer=same_offer, expires_at=NOON + left, now=NOON)

    assert answer is reused
