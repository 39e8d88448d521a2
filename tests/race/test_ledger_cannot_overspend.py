"""Real threads, real transactions: one balance is never spent twice, one hold never resolved twice."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from django.db import connection

from apps.ledger import engine
from apps.ledger import services as ledger
from apps.ledger.models import Hold, Transfer
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    ISSUER,
    REVENUE,
    breaches,
    cause,
    issue,
    money,
    move,
    post,
    reserve,
    void,
)
from tests.race.concurrency import run_concurrently, run_together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 50


@pytest.fixture(autouse=True)
def sound_ledger() -> Iterator[None]:
    """Real concurrency before, a ledger without a breach after each test."""
    if connection.vendor != "postgresql":
        pytest.skip("NOT RUN: SQLite has one writer at a time and cannot race; set DATABASE_URL to a PostgreSQL")
    yield
    assert breaches() == []


def test_fifty_payments_of_a_balance_that_affords_one() -> None:
    issue(ALICE, 10)

    outcomes = run_concurrently(lambda: move(ALICE, REVENUE, 10), THREADS)

    assert len(outcomes.results) == 1
    assert {type(error) for error in outcomes.errors} == {ledger.InsufficientFunds}
    assert money(ALICE) == (0, 0)


def test_fifty_payments_of_a_balance_that_affords_seventeen() -> None:
    issue(ALICE, 17 * 3 + 2)

    outcomes = run_concurrently(lambda: move(ALICE, REVENUE, 3), THREADS)

    assert len(outcomes.results) == 17
    assert {type(error) for error in outcomes.errors} == {ledger.InsufficientFunds}
    assert money(ALICE) == (2, 0)
    # Each movement saw the balance that its predecessor left.
    assert sorted(moved.debit_balance_after or 0 for moved in outcomes.results) == list(range(2, 53 - 2, 3))


def test_fifty_repeats_of_one_payment_move_once() -> None:
    issue(ALICE, 100)
    why = cause()

    outcomes = run_concurrently(lambda: move(ALICE, BOB, 10, why), THREADS)

    assert outcomes.errors == []
    assert len({moved.id for moved in outcomes.results}) == 1
    assert (money(ALICE), money(BOB)) == ((90, 0), (10, 0))


def test_fifty_repeats_of_a_payment_that_takes_everything_all_find_it() -> None:
    issue(ALICE, 10)
    why = cause()

    outcomes = run_concurrently(lambda: move(ALICE, REVENUE, 10, why), THREADS)

    assert outcomes.errors == []
    assert len({moved.id for moved in outcomes.results}) == 1
    assert money(ALICE) == (0, 0)


def test_fifty_first_credits_create_one_account() -> None:
    engine.forget_system_accounts()

    outcomes = run_concurrently(lambda: issue(ALICE, 2), THREADS)

    assert outcomes.errors == []
    assert money(ALICE) == (100, 0)


def test_people_who_pay_each_other_never_wait_in_a_circle() -> None:
    issue(ALICE, 100)
    issue(BOB, 100)

    outcomes = run_together(
        [lambda: move(ALICE, BOB, 1)] * (THREADS // 2) + [lambda: move(BOB, ALICE, 1)] * (THREADS // 2)
    )

    assert outcomes.errors == []
    assert (money(ALICE), money(BOB)) == ((100, 0), (100, 0))


def test_fifty_reservations_of_a_balance_that_affords_three() -> None:
    issue(ALICE, 10)

    outcomes = run_concurrently(lambda: reserve(ALICE, 3), THREADS)

    assert len(outcomes.results) == 3
    assert {type(error) for error in outcomes.errors} == {ledger.InsufficientFunds}
    assert money(ALICE) == (10, 9)


def test_fifty_repeats_of_one_reservation_hold_once() -> None:
    issue(ALICE, 10)
    why = cause()

    outcomes = run_concurrently(lambda: reserve(ALICE, 4, why), THREADS)

    assert outcomes.errors == []
    assert len({hold.id for hold in outcomes.results}) == 1
    assert money(ALICE) == (10, 4)


def test_a_hold_posted_fifty_times_at_once_is_posted_once() -> None:
    issue(ALICE, 10)
    hold = reserve(ALICE, 6)

    outcomes = run_concurrently(lambda: post(hold, 4), THREADS)

    assert outcomes.errors == []
    assert len({moved.id for moved in outcomes.results if moved is not None}) == 1
    assert None not in outcomes.results
    assert money(ALICE) == (6, 0)


def test_settling_against_voiding_has_one_winner() -> None:
    issue(ALICE, 10)
    for _round in range(10):
        hold = reserve(ALICE, 1)
        before = money(ALICE)[0]

        rivals: list[Callable[[], object]] = [partial(post, hold, 1), partial(void, hold)]
        outcomes = run_together(rivals * 5)

        assert outcomes.errors == []
        state = Hold.objects.get(pk=hold.id).state
        spent = before - money(ALICE)[0]
        assert (state, spent) in {(ledger.HoldState.POSTED, 1), (ledger.HoldState.VOIDED, 0)}
        assert Transfer.objects.filter(cause_id=hold.cause.id).count() == spent


def test_repeating_a_reservation_while_it_is_posted_is_no_deadlock() -> None:
    issue(ALICE, 1000)
    for _round in range(10):
        why = cause()
        hold = reserve(ALICE, 3, why)

        rivals: list[Callable[[], object]] = [partial(post, hold, 2), partial(reserve, ALICE, 3, why)]
        outcomes = run_together(rivals * 5)

        assert outcomes.errors == []
    assert money(ALICE) == (980, 0)


def test_all_verbs_at_once_leave_a_sound_ledger() -> None:
    issue(ALICE, 40)
    issue(BOB, 40)
    holds = [reserve(account, 2) for account in (ALICE, BOB) * 5]

    outcomes = run_together(
        [partial(post, hold, 1, BOB if hold.account == ALICE else ALICE) for hold in holds]
        + [partial(void, hold) for hold in holds]
        + [lambda: move(ALICE, BOB, 3), lambda: move(BOB, ALICE, 3), lambda: move(ISSUER, BOB, 1)] * 5
        + [lambda: reserve(ALICE, 1), lambda: reserve(BOB, 1)] * 5
    )

    assert {type(error) for error in outcomes.errors} <= {ledger.InsufficientFunds}
    assert money(ALICE)[0] + money(BOB)[0] == 85
