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
    ISSUER,
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
        again = ledger.reserve(
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
        ledger.reserve(account=ALICE, amount=5, kind="test", cause=cause(), deadline_at=DEADLINE, now=NOON)

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

    for account, amount in [(ALICE, 5), (ALICE, 500), (BOB, 4)]:
        with transaction.atomic(), pytest.raises(ledger.CauseConflict):
            ledger.reserve(account=account, amount=amount, kind="test", cause=why, deadline_at=DEADLINE, now=NOON)

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


@pytest.mark.parametrize(("payer", "payee"), [(ALICE, BOB), (BOB, ALICE)])
def test_a_hold_can_be_posted_to_another_user(payer: ledger.AccountRef, payee: ledger.AccountRef) -> None:
    issue(payer, 10)

    moved = post(reserve(payer, 6), 5, credit=payee)

    assert moved is not None
    assert (moved.debit_balance_after, moved.credit_balance_after) == (5, 5)
    assert (money(payer), money(payee)) == ((5, 0), (5, 0))
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
        ledger.post(hold_id=hold.id, amount=amount, credit=REVENUE, now=NOON)

    assert snapshot() == before


@pytest.mark.parametrize("credit", [ledger.system_account("revenue", "quota"), ALICE])
def test_a_hold_is_not_posted_to_itself_nor_to_another_asset(credit: ledger.AccountRef) -> None:
    issue(ALICE, 10)
    hold = reserve(ALICE, 6)
    before = snapshot()

    with transaction.atomic(), pytest.raises(ValueError, match="cannot be posted"):
        ledger.post(hold_id=hold.id, amount=1, credit=credit, now=NOON)

    assert snapshot() == before


def test_an_unknown_hold_is_not_found() -> None:
    with transaction.atomic():
        for amount in (0, 1):
            with pytest.raises(ledger.HoldNotFound):
                ledger.post(hold_id=uuid4(), amount=amount, credit=REVENUE, now=NOON)
        with pytest.raises(ledger.HoldNotFound):
            ledger.void(hold_id=uuid4(), now=NOON)


def test_expired_holds_are_the_pending_ones_past_their_deadline() -> None:
    issue(ALICE, 10)
    waiting, posted = reserve(ALICE, 1), reserve(ALICE, 2)
    post(posted, 2)

    assert ledger.expired_holds(now=NOON, limit=10) == []
    assert ledger.expired_holds(now=LATER, limit=10) == [waiting]
    assert ledger.expired_holds(now=LATER, limit=0) == []


def test_holds_cost_two_statements_to_make_and_three_to_post(
    django_assert_num_queries: DjangoAssertNumQueries, known_system_accounts: None
) -> None:
    issue(ALICE, 10)
    with transaction.atomic():
        with django_assert_num_queries(2):
            first = ledger.reserve(account=ALICE, amount=3, kind="test", cause=cause(), deadline_at=DEADLINE, now=NOON)
        with django_assert_num_queries(3):
            ledger.post(hold_id=first.id, amount=2, credit=REVENUE, now=NOON)
        second = ledger.reserve(account=ALICE, amount=3, kind="test", cause=cause(), deadline_at=DEADLINE, now=NOON)
        with django_assert_num_queries(2):
            ledger.void(hold_id=second.id, now=NOON)


def test_a_hold_and_a_transfer_of_the_same_cause_do_not_meet() -> None:
    why = cause()
    issue(ALICE, 10)
    hold = reserve(ALICE, 5, why)
    with transaction.atomic():
        ledger.transfer(debit=ISSUER, credit=ALICE, amount=1, kind="test", cause=why, now=NOON)

    post(hold, 5)

    assert Transfer.objects.filter(cause_id=why.id).count() == 2
    assert money(ALICE) == (6, 0)
