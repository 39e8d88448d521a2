"""What a movement must look like before the database is asked; whether a repeat is one; and how much each lot pays."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.ledger.contracts import AccountRef, Hold, Transfer
from apps.ledger.errors import CauseConflict, InvalidAmount

# A balance stays below 2^63 for thousands of the largest movements: SQLite turns an overflowing integer into a float.
LARGEST_AMOUNT = 10**15

# The leg of the movement that posts a hold. It is nobody else's, so that posting never meets a foreign transfer.
HOLD_LEG = "hold"
# What takes a grant back, under the cause that says so.
TAKEN_BACK_LEG = "taken_back"
# What leaves a lot at its end; the cause is the lot.
LOT_CAUSE = "ledger.lot"
END_LEG = "end"
_OWED = ".owed"


@dataclass(frozen=True)
class Share:
    """What one lot pays, and what is left in it then."""

    lot_id: UUID
    amount: int
    left: int


def shares(amount: int, lots: Iterable[tuple[UUID, int]]) -> list[Share]:
    """Take an amount from lots in their order, given what is left in each; less than the amount if they have less."""
    taken = []
    for lot_id, remaining in lots:
        if amount == 0:
            break
        part = min(amount, remaining)
        taken.append(Share(lot_id, part, remaining - part))
        amount -= part
    return taken


def owed_leg(leg: str) -> str:
    """The leg of the movement by which a grant pays what its account owes."""
    return leg + _OWED


def check_amount(amount: int) -> None:
    """Raise InvalidAmount unless it is a whole number from 1 to LARGEST_AMOUNT."""
    if type(amount) is not int or not 0 < amount <= LARGEST_AMOUNT:
        raise InvalidAmount(amount=str(amount))


def check_posted_amount(amount: int) -> None:
    """Raise InvalidAmount unless it is 0, which releases the hold, or an amount that can be moved."""
    if type(amount) is not int or amount != 0:
        check_amount(amount)


def check_leg(leg: str) -> None:
    """Raise ValueError for a leg that is the ledger's own."""
    if leg in {HOLD_LEG, TAKEN_BACK_LEG} or leg.endswith(_OWED):
        raise ValueError(f"the leg {leg!r} is the ledger's own")


def check_user_account(account: AccountRef) -> None:
    """Raise ValueError for a system account, which keeps no balance."""
    if account.is_system:
        raise ValueError(f"system accounts keep no balance: {account}")


def check_end(account: AccountRef, ends_at: datetime | None) -> None:
    """Raise ValueError for an end of what has no lots."""
    if ends_at is not None and not account.has_lots:
        raise ValueError(f"a grant to {account} is no lot and cannot end")


def check_same_transfer(first: Transfer, *, debit: AccountRef, credit: AccountRef, amount: int, kind: str) -> None:
    """Raise CauseConflict unless the first transfer of this cause is the one asked for again."""
    if (first.debit, first.credit, first.amount, first.kind) != (debit, credit, amount, kind):
        raise CauseConflict(cause_type=first.cause.type, cause_id=first.cause.id, leg=first.leg)


def check_same_hold(first: Hold, *, account: AccountRef, amount: int, kind: str) -> None:
    """Raise CauseConflict unless the first hold of this cause is the one asked for again; its deadline may differ."""
    if (first.account, first.amount, first.kind) != (account, amount, kind):
        raise CauseConflict(cause_type=first.cause.type, cause_id=first.cause.id)
