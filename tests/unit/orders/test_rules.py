"""Decisions about orders."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.kernel.errors import DomainError
from apps.orders import errors, rules
from apps.orders.contracts import OrderState, ProductOffer

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


PACK = ProductOffer(
    id=UUID(int=1),
    code="pack",
    title="A pack",
    subtitle="Much",
    badge="",
    amount_fen=500,
    quota_milli=100_000,
    entitlements=("one", "two"),
    offer="",
)


@pytest.mark.parametrize(
    "change", [{"title": "A bag"}, {"amount_fen": 501}, {"quota_milli": 1_000}, {"entitlements": ("one",)}]
)
def test_whatever_is_bought_is_in_the_version_of_the_offer(change: dict[str, Any]) -> None:
    assert rules.offer_of(replace(PACK, **change)) != rules.offer_of(PACK)


@pytest.mark.parametrize("change", [{"subtitle": "More"}, {"badge": "New"}, {"entitlements": ("two", "one")}])
def test_praise_and_order_are_not_what_is_bought(change: dict[str, Any]) -> None:
    assert rules.offer_of(replace(PACK, **change)) == rules.offer_of(PACK)


@pytest.mark.parametrize(
    "fits",
    [{"quota_milli": 0}, {"quota_milli": 10**12}, {"entitlements": ()}, {"amount_fen": 1}, {"amount_fen": 2**31 - 1}],
)
def test_what_can_be_paid_and_given_may_be_sold(fits: dict[str, Any]) -> None:
    rules.check_sellable(replace(PACK, **fits))


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"quota_milli": -1}, errors.ProductQuotaNotDeliverable),
        ({"quota_milli": 10**12 + 1}, errors.ProductQuotaNotDeliverable),
        ({"quota_milli": 0, "entitlements": ()}, errors.ProductEmpty),
        ({"amount_fen": 0}, errors.ProductAmountNotPayable),
        ({"amount_fen": 2**31}, errors.ProductAmountNotPayable),
    ],
)
def test_what_cannot_be_paid_or_given_is_not_sold(wrong: dict[str, Any], refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        rules.check_sellable(replace(PACK, **wrong))
    assert not rules.is_sellable(replace(PACK, **wrong))


def test_a_title_is_counted_in_bytes() -> None:
    rules.check_title("畅" * 42 + "!")
    with pytest.raises(errors.ProductTitleTooLong) as refusal:
        rules.check_title("畅" * 43)

    assert refusal.value.context == {"bytes": 129, "longest": 127}


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
