"""A few accounts, and one-line ways to move amounts between them; shared by the ledger's tests."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from django.db import transaction

from apps.kernel.ids import UserId
from apps.kernel.invariants import Breach
from apps.ledger import invariants
from apps.ledger import services as ledger
from apps.ledger.models import Account, Hold, Transfer

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DEADLINE = NOON + timedelta(minutes=10)

ALICE = ledger.user_account(UserId(UUID("00000000-0000-7000-8000-00000000000a")), "points")
BOB = ledger.user_account(UserId(UUID("00000000-0000-7000-8000-00000000000b")), "points")
ISSUER = ledger.system_account("issuer", "points")
REVENUE = ledger.system_account("revenue", "points")

_numbers = count(1)


def cause(number: int | None = None) -> ledger.Cause:
    """A cause of its own, or the one of this number."""
    return ledger.Cause("test.fact", str(next(_numbers)) if number is None else f"number {number}")


def move(
    debit: ledger.AccountRef, credit: ledger.AccountRef, amount: int, because: ledger.Cause | None = None
) -> ledger.Transfer:
    """One transfer in a transaction of its own."""
    with transaction.atomic():
        return ledger.transfer(
            debit=debit, credit=credit, amount=amount, kind="test", cause=because or cause(), now=NOON
        )


def issue(account: ledger.AccountRef, amount: int) -> ledger.Transfer:
    """Give an account something to spend."""
    return move(ISSUER, account, amount)


def reserve(account: ledger.AccountRef, amount: int, because: ledger.Cause | None = None) -> ledger.Hold:
    """One hold in a transaction of its own."""
    with transaction.atomic():
        return ledger.reserve(
            account=account, amount=amount, kind="test", cause=because or cause(), deadline_at=DEADLINE, now=NOON
        )


def post(
    hold: ledger.Hold, amount: int, credit: ledger.AccountRef = REVENUE, now: datetime = NOON
) -> ledger.Transfer | None:
    """Post a hold in a transaction of its own."""
    with transaction.atomic():
        return ledger.post(hold_id=hold.id, amount=amount, credit=credit, now=now)


def void(hold: ledger.Hold, now: datetime = NOON) -> None:
    """Void a hold in a transaction of its own."""
    with transaction.atomic():
        ledger.void(hold_id=hold.id, now=now)


def money(account: ledger.AccountRef) -> tuple[int, int]:
    """An account's total and held amounts."""
    balance = ledger.balance(account=account)
    return balance.total, balance.held


def snapshot() -> list[list[tuple[object, ...]]]:
    """Every row of the ledger, to compare before and after."""
    return [
        sorted(model.objects.values_list(), key=str)  # the order of keys says nothing
        for model in (Account, Transfer, Hold)
    ]


def breaches(now: datetime = NOON) -> list[Breach]:
    """What the audit finds in the ledger; empty when all is well."""
    checks = (
        invariants.rows_are_guarded,
        invariants.balances_equal_movements,
        invariants.movements_have_accounts,
        invariants.assets_sum_to_zero,
        invariants.held_equals_pending_holds,
        invariants.holds_are_swept,
        invariants.nobody_overdraws,
    )
    return [breach for check in checks for breach in check(now)]
