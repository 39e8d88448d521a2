"""A few accounts, and one-line ways to move amounts in and out of them; shared by the ledger's tests."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from django.db import transaction

from apps.kernel.ids import UserId
from apps.kernel.invariants import Breach, all_invariants
from apps.ledger import services as ledger
from apps.ledger.models import Account, Allocation, Hold, Lot, TakeBack, Transfer
from apps.ledger.services import Purse

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DEADLINE = NOON + timedelta(minutes=10)

ALICE = ledger.user_account(UserId(UUID("00000000-0000-7000-8000-00000000000a")), "points")
BOB = ledger.user_account(UserId(UUID("00000000-0000-7000-8000-00000000000b")), "points")
# An asset without lots.
CHANCES = ledger.AccountRef(ALICE.owner, "chances:1")
ISSUER = ledger.system_account("issuer", "points")
REVENUE = ledger.system_account("revenue", "points")

_numbers = count(1)


def cause(number: int | None = None) -> ledger.Cause:
    """A cause of its own, or the one of this number."""
    return ledger.Cause("test.fact", str(next(_numbers)) if number is None else f"number {number}")


def issue(
    account: ledger.AccountRef,
    amount: int,
    because: ledger.Cause | None = None,
    *,
    purse: Purse = Purse.GIFT,
    ends_at: datetime | None = None,
    now: datetime = NOON,
) -> ledger.Transfer:
    """Give an account something to spend, in a transaction of its own."""
    with transaction.atomic():
        return ledger.grant(
            account=account,
            amount=amount,
            purse=purse,
            kind="test",
            cause=because or cause(),
            ends_at=ends_at,
            now=now,
        )


def spend(
    account: ledger.AccountRef,
    amount: int,
    because: ledger.Cause | None = None,
    *,
    sink: str = "revenue",
    now: datetime = NOON,
) -> ledger.Transfer:
    """Spend in a transaction of its own."""
    with transaction.atomic():
        return ledger.spend(account=account, amount=amount, sink=sink, kind="test", cause=because or cause(), now=now)


def reserve(
    account: ledger.AccountRef, amount: int, because: ledger.Cause | None = None, *, now: datetime = NOON
) -> ledger.Hold:
    """One hold in a transaction of its own."""
    with transaction.atomic():
        return ledger.hold(
            account=account, amount=amount, kind="test", cause=because or cause(), deadline_at=DEADLINE, now=now
        )


def post(hold: ledger.Hold, amount: int, now: datetime = NOON) -> ledger.Transfer | None:
    """Post a hold in a transaction of its own."""
    with transaction.atomic():
        return ledger.post(hold_id=hold.id, amount=amount, sink="revenue", now=now)


def void(hold: ledger.Hold, now: datetime = NOON) -> None:
    """Void a hold in a transaction of its own."""
    with transaction.atomic():
        ledger.void(hold_id=hold.id, now=now)


def take_back(
    granted: ledger.Transfer, because: ledger.Cause | None = None, *, now: datetime = NOON
) -> ledger.TakenBack:
    """Take a grant back in a transaction of its own."""
    with transaction.atomic():
        return ledger.take_back(granted=granted.cause, kind="refund", cause=because or cause(), now=now)


def money(account: ledger.AccountRef) -> tuple[int, int]:
    """An account's total and held amounts."""
    balance = ledger.balance(account=account)
    return balance.total, balance.held


def owed(account: ledger.AccountRef) -> int:
    """What an account owes."""
    return Account.objects.get(pk=account.id).owed


def left(*grants: ledger.Transfer) -> list[int]:
    """What is left in the lots of these grants."""
    remaining = dict(Lot.objects.values_list("pk", "remaining"))
    return [remaining[granted.id] for granted in grants]


def snapshot() -> list[list[tuple[object, ...]]]:
    """Every row of the ledger, to compare before and after."""
    return [
        sorted(model.objects.values_list(), key=str)  # the order of keys says nothing
        for model in (Account, Transfer, Hold, Lot, Allocation, TakeBack)
    ]


def breaches(now: datetime = NOON) -> list[Breach]:
    """What the audit finds in the ledger; empty when all is well."""
    ours = [item.check for item in all_invariants() if item.check.__module__ == "apps.ledger.invariants"]
    return [breach for check in ours for breach in check(now)]
