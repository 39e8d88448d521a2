"""Whatever is tried in whatever order, an order's life follows the table."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.orders import rules
from apps.orders.contracts import OrderState
from apps.orders.errors import IllegalTransition

states = st.sampled_from(OrderState)


@given(st.lists(states, max_size=30))
def test_a_life_never_delivers_twice_nor_before_the_money(attempts: list[OrderState]) -> None:
    state, life = OrderState.CREATED, [OrderState.CREATED]
    for target in attempts:
        with suppress(IllegalTransition):
            rules.check_transition(state, target)
            state = target
            life.append(target)

    assert life.count(OrderState.PAID) <= 1
    assert life.count(OrderState.DELIVERED) <= 1
    if OrderState.DELIVERED in life:
        assert life[life.index(OrderState.DELIVERED) - 1] is OrderState.PAID
    if OrderState.MISMATCH in life:
        assert OrderState.DELIVERED not in life


@given(states)
def test_no_step_leads_to_where_an_order_is_already(state: OrderState) -> None:
    with pytest.raises(IllegalTransition):
        rules.check_transition(state, state)


@given(states)
def test_money_is_awaited_exactly_where_it_may_arrive(state: OrderState) -> None:
    assert (OrderState.PAID in rules.NEXT[state]) == (state in rules.AWAITING_MONEY)


def test_what_was_paid_for_is_delivered_or_given_back_and_a_mismatch_is_only_given_back() -> None:
    assert {(before.value, after.value) for before, allowed in rules.NEXT.items() for after in allowed} == {
        ("created", "paying"), ("created", "paid"), ("created", "closed"), ("created", "mismatch"),
        ("paying", "paid"), ("paying", "closed"), ("paying", "mismatch"),
        ("closed", "paid"), ("closed", "mismatch"),
        ("paid", "delivered"), ("paid", "refunding"), ("delivered", "refunding"), ("mismatch", "refunding"),
        ("refunding", "refunded"),
    }  # fmt: skip


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(rules.NEXT) == set(OrderState)
    assert rules.OPEN < rules.AWAITING_MONEY
    assert not rules.AWAITING_MONEY & rules.HAS_MONEY


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=0, max_value=10_000))
def test_patience_only_grows(first: int, second: int) -> None:
    fewer, more = sorted((first, second))

    assert rules.check_delay(fewer) <= rules.check_delay(more)


terms = st.builds(
    rules.Terms,
    merchant_id=st.sampled_from(["1900000001", "1900000002"]),
    app_id=st.sampled_from(["wx01", "wx02"]),
    amount_fen=st.integers(min_value=1, max_value=3),
    currency=st.sampled_from(["CNY", "USD"]),
)


@given(terms, terms)
def test_a_payment_fits_exactly_when_all_terms_are_equal(expected: rules.Terms, captured: rules.Terms) -> None:
    assert (rules.mismatches(expected, captured) == ()) == (expected == captured)
