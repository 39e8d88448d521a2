"""An amount is set aside once per cause, and spent or released once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from apps.ledger import services as ledger
from apps.ledger.models import Transfer
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    DEADLINE,
    NOON,
    REVENUE,
    breaches,
    cause,
    issue,
    money,
    post,
    reserve,
    snapshot,
    void,
)

pytestmark = pytest.mark.django_db

LATER = DEADLINE + timedelta(seconds=1)


def state_of(hold: ledger.Hold) -> tuple[ledger.HoldState, int]:
    with transaction.atomic():
        again = ledger.hold(
            account=hold.account,
            amount=hold.amount,
            kind=hold.kind,
            cause=hold.cause,
            deadline_at=hold.deadline_at,
            now=NOON,
        )
    return again.state, again.posted_amount


def test_a_reserved_amount_is_held_and_still_owned() -> None:
    issue(ALICE, 10)

    hold = reserve(ALICE, 6)

    assert money(ALICE) == (10, 6)
    assert (hold.state, hold.amount, hold.posted_amount, hold.resolved_at) == (ledger.HoldState.PENDING, 6, 0, None)
    assert breaches() == []


def test_a_reservation_beyond_the_available_balance_changes_nothing() -> None:
    issue(ALICE, 10)
    reserve(ALICE, 6)
    before = snapshot()

    with transaction.atomic(), pytest.raises(ledger.InsufficientFunds):
        ledger.hold(account=ALICE, amount=5, kind="test", cause=cause(), deadline_at=DEADLINE, now=NOON)

    assert snapshot() == before


def test_a_repeated_reservation_returns_the_first_hold_even_when_the_money_is_gone() -> None:
    issue(ALICE, 10)
    why = cause()
    first = reserve(ALICE, 10, why)
    before = snapshot()

    assert reserve(ALICE, 10, why) == first
    assert snapshot() == before

    issue(ALICE, 10)
    assert reserve(ALICE, 10, why) == first
    assert money(ALICE) == (20, 10)


def test_the_same_cause_reserving_something_else_is_refused() -> None:
    issue(ALICE, 10)
    why = cause()
    reserve(ALICE, 4, why)
    before = snapshot()

    for account, amount, kind in [(ALICE, 5, "test"), (ALICE, 500, "test"), (BOB, 4, "test"), (ALICE, 4, "another")]:
        with transaction.atomic(), pytest.raises(ledger.CauseConflict):
            ledger.hold(account=account, amount=amount, kind=kind, cause=why, deadline_at=DEADLINE, now=NOON)

    assert snapshot() == before


@pytest.mark.parametrize("amount", [1, 6])
def test_posting_spends_a_part_and_releases_the_rest(amount: int) -> None:
    issue(ALICE, 10)
    hold = reserve(ALICE, 6)

    moved = post(hold, amount)

    assert moved is not None
    assert (moved.debit, moved.credit, moved.amount, moved.kind) == (ALICE, REVENUE, amount, "test")
    assert (moved.cause, moved.debit_balance_after, moved.credit_balance_after) == (hold.cause, 10 - amount, None)
    assert money(ALICE) == (10 - amount, 0)
    assert state_of(hold) == (ledger.HoldState.POSTED, amount)
    assert breaches() == []


def test_posting_twice_returns_the_first_result_whatever_the_second_asks() -> None:
    issue(ALICE, 10)
    hold = reserve(ALICE, 6)
    first = post(hold, 4)
    before = snapshot()

    assert first is not None
    for amount in (4, 6, 0, 7):
        assert post(hold, amount) == first
    void(hold)

    assert snapshot() == before


def test_posting_nothing_voids() -> None:
    issue(ALICE, 10)
    hold = reserve(ALICE, 6)

    assert post(hold, 0) is None

    assert money(ALICE) == (10, 0)
    assert state_of(hold) == (ledger.HoldState.VOIDED, 0)
    assert post(hold, 3) is None
    assert money(ALICE) == (10, 0)
    assert breaches() == []


@pytest.mark.parametrize(
    ("moment", "state"),
    [(NOON, ledger.HoldState.VOIDED), (DEADLINE, ledger.HoldState.EXPIRED), (LATER, ledger.HoldState.EXPIRED)],
)
def test_a_hold_released_after_its_deadline_has_expired(moment: object, state: ledger.HoldState) -> None:
    issue(ALICE, 10)
    hold = reserve(ALICE, 6)

    void(hold, now=moment)  # type: ignore[arg-type]  # parametrized
    void(hold, now=LATER)

    assert money(ALICE) == (10, 0)
    assert state_of(hold) == (state, 0)


@pytest.mark.parametrize("amount", [7, -1])
def test_more_than_the_hold_cannot_be_posted(amount: int) -> None:
    issue(ALICE, 10)
    hold = reserve(ALICE, 6)
    before = snapshot()

    with transaction.atomic(), pytest.raises(ledger.InvalidAmount):
        ledger.post(hold_id=hold.id, amount=amount, sink="revenue", now=NOON)

    assert snapshot() == before


def test_an_unknown_hold_is_not_found() -> None:
    issue(ALICE, 10)
    reserve(ALICE, 6)

    with transaction.atomic():
        for amount in (0, 1):
            with pytest.raises(ledger.HoldNotFound):
                ledger.post(hold_id=uuid4(), amount=amount, sink="revenue", now=NOON)
        with pytest.raises(ledger.HoldNotFound):
            ledger.void(hold_id=uuid4(), now=NOON)


def test_holds_cost_two_statements_to_make_and_five_to_post(
    django_assert_num_queries: DjangoAssertNumQueries, known_system_accounts: None
) -> None:
    issue(ALICE, 10)
    with transaction.atomic():
        with django_assert_num_queries(2):
            first = ledger.hold(account=ALICE, amount=3, kind="test", cause=cause(), deadline_at=DEADLINE, now=NOON)
        with django_assert_num_queries(5):
            ledger.post(hold_id=first.id, amount=2, sink="revenue", now=NOON)
        second = ledger.hold(account=ALICE, amount=3, kind="test", cause=cause(), deadline_at=DEADLINE, now=NOON)
        with django_assert_num_queries(2):
            ledger.void(hold_id=second.id, now=NOON)


def test_a_hold_and_a_transfer_of_the_same_cause_do_not_meet() -> None:
    why = cause()
    issue(ALICE, 10)
    hold = reserve(ALICE, 5, why)
    with transaction.atomic():
        ledger.grant(account=ALICE, amount=1, purse=ledger.Purse.GIFT, kind="test", cause=why, now=NOON)

    post(hold, 5)

    assert Transfer.objects.filter(cause_id=why.id).count() == 2
    assert money(ALICE) == (6, 0)
