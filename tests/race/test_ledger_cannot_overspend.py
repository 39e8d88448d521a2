"""Real threads, real transactions: one balance is never spent twice, one hold never resolved twice."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from apps.ledger import services as ledger
from apps.ledger.engine import balances
from apps.ledger.models import Account, Hold, Lot, TakeBack, Transfer
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    NOON,
    breaches,
    cause,
    issue,
    left,
    money,
    owed,
    post,
    reserve,
    spend,
    take_back,
    void,
)
from tests.race.concurrency import in_thread, run_concurrently, run_together, wait_for_waiting
from tests.race.guards import (
    UNCHECKED_BALANCE,
    Rewritten,
    dropped,
    guarded_by,
    locks,
    meet,
    nothing,
    replaced,
    taken_as_read,
)

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 50

NEVER_BEFORE = r"NOT EXISTS \(.*?\)"
UNLOCKED_DEBIT = """
SELECT balance - %s FROM ledger_account
WHERE id = %s AND balance - held >= %s AND (next_end_at IS NULL OR next_end_at > %s)
"""

MOVED_AGAIN = (taken_as_read("INSERT INTO ledger_transfer", NEVER_BEFORE), dropped("ledger_transfer_once_per_cause"))
HELD_AGAIN = (taken_as_read("INSERT INTO ledger_hold", NEVER_BEFORE), dropped("ledger_hold_once_per_cause"))
RESOLVED_AGAIN = (
    taken_as_read("UPDATE ledger_hold", "(?<=AND )state = %s"),
    dropped("ledger_hold", "ledger_transfer_once_per_cause", "ledger_account_available_not_negative"),
    dropped("ledger_account_held_not_negative"),
    replaced("apps.ledger.engine.lots.take", nothing),
)
CREDIT = balances.credit
UNLOCKED = locks("ledger_account")
# Who makes one is waited for.
SYSTEM_ACCOUNTS_ARE_THERE = replaced("apps.ledger.engine.balances.ensure_system_account", nothing)


def credit_what_was_read(account: ledger.AccountRef, amount: int, **more: Any) -> balances.Changed:
    """Everybody reads before anybody writes."""
    row = Account.objects.filter(pk=account.id).first()
    if row is None:
        return CREDIT(account, amount, **more)
    meet()
    balances.change(account.id, balance=amount)
    return balances.Changed(account, row.balance + amount, row.held, row.owed)


def settle_what_was_read(account_id: UUID, *, posted: int, released: int, now: datetime) -> balances.Changed:
    """The same."""
    row = Account.objects.get(pk=account_id)
    meet()
    balances.change(account_id, balance=-posted, held=-released)
    return balances.Changed(row.ref, row.balance - posted, row.held - released, row.owed)


@pytest.fixture(autouse=True)
def sound_ledger() -> Iterator[None]:
    """Real concurrency before, a ledger without a breach after each test."""
    yield
    assert breaches() == []


@guarded_by(*UNCHECKED_BALANCE, seen="8 == 1")
def test_fifty_payments_of_a_balance_that_affords_one() -> None:
    issue(ALICE, 10)

    outcomes = run_concurrently(lambda: spend(ALICE, 10), THREADS)

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {ledger.InsufficientFunds}
    assert money(ALICE) == (0, 0)


@guarded_by(*UNCHECKED_BALANCE, seen="8 == 7")
def test_fifty_payments_of_a_balance_that_affords_seven() -> None:
    issue(ALICE, 7 * 3 + 2)

    outcomes = run_concurrently(lambda: spend(ALICE, 3), THREADS)

    assert len(outcomes.results) == 7
    assert outcomes.kinds == {ledger.InsufficientFunds}
    assert money(ALICE) == (2, 0)
    # Each movement saw the balance that its predecessor left.
    assert sorted(moved.debit_balance_after or 0 for moved in outcomes.results) == list(range(2, 23 - 2, 3))


@guarded_by(*MOVED_AGAIN, seen="8 == 1")
def test_fifty_repeats_of_one_payment_move_once() -> None:
    issue(ALICE, 100)
    why = cause()

    outcomes = run_concurrently(lambda: spend(ALICE, 10, why), THREADS)

    assert outcomes.errors == []
    assert len({moved.id for moved in outcomes.results}) == 1
    assert money(ALICE) == (90, 0)


@guarded_by(replaced("apps.ledger.selectors.transfer_of", nothing), seen="InsufficientFunds")
def test_fifty_repeats_of_a_payment_that_takes_everything_all_find_it() -> None:
    issue(ALICE, 10)
    why = cause()

    outcomes = run_concurrently(lambda: spend(ALICE, 10, why), THREADS)

    assert outcomes.errors == []
    assert len({moved.id for moved in outcomes.results}) == 1
    assert money(ALICE) == (0, 0)


@guarded_by(
    Rewritten("INSERT INTO ledger_account", r"ON CONFLICT \(id\) DO UPDATE.*(?=RETURNING)", ""), seen="IntegrityError"
)
def test_fifty_first_credits_create_one_account() -> None:
    balances.forget_system_accounts()

    outcomes = run_concurrently(lambda: issue(ALICE, 2), THREADS)

    assert outcomes.errors == []
    assert money(ALICE) == (100, 0)


@guarded_by(*UNCHECKED_BALANCE, seen="8 == 3")
def test_fifty_reservations_of_a_balance_that_affords_three() -> None:
    issue(ALICE, 10)

    outcomes = run_concurrently(lambda: reserve(ALICE, 3), THREADS)

    assert len(outcomes.results) == 3
    assert outcomes.kinds == {ledger.InsufficientFunds}
    assert money(ALICE) == (10, 9)


@guarded_by(*HELD_AGAIN, *UNCHECKED_BALANCE, seen="8 == 1")
def test_fifty_repeats_of_one_reservation_hold_once() -> None:
    issue(ALICE, 10)
    why = cause()

    outcomes = run_concurrently(lambda: reserve(ALICE, 4, why), THREADS)

    assert outcomes.errors == []
    assert len({hold.id for hold in outcomes.results}) == 1
    assert money(ALICE) == (10, 4)


@guarded_by(*RESOLVED_AGAIN, seen="8 == 1")
def test_a_hold_posted_fifty_times_at_once_is_posted_once() -> None:
    issue(ALICE, 10)
    hold = reserve(ALICE, 6)

    outcomes = run_concurrently(lambda: post(hold, 4), THREADS)

    assert outcomes.errors == []
    assert len({moved.id for moved in outcomes.results if moved is not None}) == 1
    assert None not in outcomes.results
    assert money(ALICE) == (6, 0)


@guarded_by(*RESOLVED_AGAIN, seen="IntegrityError")
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


@guarded_by(
    HELD_AGAIN[0], meet="UPDATE ledger_account SET balance|INSERT INTO ledger_hold", wait_for=2, seen="deadlock"
)
def test_repeating_a_reservation_while_it_is_posted_is_no_deadlock() -> None:
    issue(ALICE, 1000)
    for _round in range(10):
        why = cause()
        hold = reserve(ALICE, 3, why)

        rivals: list[Callable[[], object]] = [partial(post, hold, 2), partial(reserve, ALICE, 3, why)]
        outcomes = run_together(rivals * 5)

        assert outcomes.errors == []
    assert money(ALICE) == (980, 0)


@guarded_by(replaced("apps.ledger.engine.balances._DEBIT", UNLOCKED_DEBIT), seen=r"RuntimeError|\d == ")
def test_fifty_payments_take_each_unit_of_their_lots_once() -> None:
    grants = [issue(ALICE, 7) for _ in range(THREADS * 3 // 7)]

    outcomes = run_concurrently(lambda: spend(ALICE, 3), THREADS)

    assert len(outcomes.results) == 7 * len(grants) // 3
    assert outcomes.kinds == {ledger.InsufficientFunds}
    assert sum(left(*grants)) == 7 * len(grants) % 3


@guarded_by(*MOVED_AGAIN, seen="8 == 1")
def test_fifty_repeats_of_one_grant_make_one_lot() -> None:
    why = cause()

    outcomes = run_concurrently(lambda: issue(ALICE, 10, why), THREADS)

    assert outcomes.errors == []
    assert Lot.objects.count() == 1
    assert money(ALICE) == (10, 0)


@guarded_by(
    UNLOCKED, SYSTEM_ACCOUNTS_ARE_THERE, meet='INSERT INTO "ledger_transfer"', seen="IntegrityError|RuntimeError"
)
def test_an_end_is_swept_once_while_its_rest_is_fought_for() -> None:
    end = NOON + timedelta(minutes=1)
    for _round in range(5):
        grants = [issue(ALICE, 9, ends_at=end), issue(ALICE, 6)]
        hold = reserve(ALICE, 4)

        rivals: list[Callable[[], object]] = [partial(ledger.expire_lots, now=end)] * 5
        rivals += [partial(spend, ALICE, 2, now=end)] * 5 + [partial(post, hold, 3, end)]
        outcomes = run_together(rivals)

        assert outcomes.kinds <= {ledger.InsufficientFunds}
        assert left(*grants)[0] == 0
        # Whoever was first: the second lot paid the hold and one of the payments.
        assert money(ALICE) == (1, 0)
        spend(ALICE, 1, now=end)


@guarded_by(UNLOCKED, meet='INSERT INTO "ledger_takeback"', seen="IntegrityError")
def test_a_grant_that_is_taken_back_fifty_times_is_taken_once() -> None:
    bought = issue(ALICE, 20)
    spend(ALICE, 6)
    why = cause()

    outcomes = run_concurrently(lambda: take_back(bought, why), THREADS)

    assert outcomes.errors == []
    assert set(outcomes.results) == {ledger.TakenBack(amount=14, owed=6)}
    assert TakeBack.objects.count() == 1
    assert (money(ALICE), owed(ALICE)) == ((0, 0), 6)


@guarded_by(replaced("apps.ledger.engine.balances.credit", credit_what_was_read), seen="IntegrityError")
def test_grants_at_once_pay_what_is_owed_once() -> None:
    bought = issue(ALICE, 20)
    spend(ALICE, 20)
    take_back(bought)

    outcomes = run_concurrently(lambda: issue(ALICE, 3), 10)

    assert outcomes.errors == []
    assert (money(ALICE), owed(ALICE)) == ((10, 0), 0)


@guarded_by(UNLOCKED, meet='INSERT INTO "ledger_takeback"', seen="IntegrityError|RuntimeError")
def test_taking_back_against_spending_and_holding_loses_nothing() -> None:
    debt = 0
    for _round in range(5):
        bought = issue(ALICE, 20 + debt)

        rivals: list[Callable[[], object]] = [partial(spend, ALICE, 3), partial(reserve, ALICE, 2)]
        rivals = [*rivals * 5, partial(take_back, bought)]
        outcomes = run_together(rivals)

        assert outcomes.kinds <= {ledger.InsufficientFunds}
        for hold in outcomes.results:
            if isinstance(hold, ledger.Hold):
                void(hold)
        spent = sum(moved.amount for moved in outcomes.results if isinstance(moved, ledger.Transfer))
        assert (money(ALICE), owed(ALICE)) == ((0, 0), debt + spent)
        debt = owed(ALICE)


@guarded_by(replaced("apps.ledger.engine.balances.settle", settle_what_was_read), seen="== .*0, 0.*, 1")
def test_a_hold_released_while_its_grant_is_taken_back_leaves_nothing_to_spend() -> None:
    for _round in range(10):
        bought = issue(ALICE, 20)
        holds = [reserve(ALICE, 7), reserve(ALICE, 13)]

        rivals: list[Callable[[], object]] = [partial(void, holds[0]), partial(post, holds[1], 1)]
        rivals.append(partial(take_back, bought))
        outcomes = run_together(rivals)

        assert outcomes.errors == []
        assert (money(ALICE), owed(ALICE)) == ((0, 0), 1)
        issue(ALICE, 1)


@guarded_by(
    UNLOCKED, SYSTEM_ACCOUNTS_ARE_THERE, meet='INSERT INTO "ledger_transfer"', seen="IntegrityError|RuntimeError"
)
def test_all_verbs_at_once_leave_a_sound_ledger() -> None:
    end = NOON + timedelta(minutes=1)
    bought = [issue(account, 40, ends_at=ends_at) for account in (ALICE, BOB) for ends_at in (None, end)]
    holds = [reserve(account, 2) for account in (ALICE, BOB) * 5]

    outcomes = run_together(
        [partial(post, hold, 1, end) for hold in holds]
        + [partial(void, hold, end) for hold in holds]
        + [lambda: spend(ALICE, 3, now=end), lambda: spend(BOB, 3, now=end), lambda: issue(BOB, 1, now=end)] * 5
        + [lambda: reserve(ALICE, 1, now=end), lambda: reserve(BOB, 1, now=end)] * 5
        + [partial(take_back, granted, now=end) for granted in bought]
        + [partial(ledger.expire_lots, now=end)] * 3
    )

    assert outcomes.kinds <= {ledger.InsufficientFunds}


@pytest.mark.parametrize("attempt", range(5))
def test_the_first_end_of_all_makes_nobody_wait_in_a_circle(attempt: int) -> None:
    issue(ALICE, 3)
    issue(ALICE, 10, ends_at=NOON + timedelta(minutes=1))
    with ThreadPoolExecutor(max_workers=2) as pool:
        with transaction.atomic():
            # Something ends sooner, as a slower clock sees it, and nobody knows before the commit.
            ledger.grant(
                account=ALICE, amount=5, purse=ledger.Purse.GIFT, kind="test", cause=cause(), now=NOON,
                ends_at=NOON + timedelta(seconds=30),
            )  # fmt: skip
            spending = pool.submit(in_thread, lambda: spend(ALICE, 3, now=NOON + timedelta(seconds=45)))
            wait_for_waiting(1)
            sweeping = pool.submit(in_thread, lambda: ledger.expire_lots(now=NOON + timedelta(minutes=5)))
            wait_for_waiting(2)
        spending.result(timeout=60)
        sweeping.result(timeout=60)

    # Who comes first is PostgreSQL's choice: the 3 are spent of what lasts, or of what ends.
    assert money(ALICE) in {(0, 0), (3, 0)}
