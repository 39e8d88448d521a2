"""What a movement must look like before the database is asked; and whether a repeat is one."""

from apps.ledger.contracts import AccountRef, Hold, Transfer
from apps.ledger.errors import CauseConflict, InvalidAmount

# A balance stays below 2^63 for thousands of the largest movements: SQLite turns an overflowing integer into a float.
LARGEST_AMOUNT = 10**15

# The leg of the movement that posts a hold. It is nobody else's, so that posting never meets a foreign transfer.
HOLD_LEG = "hold"


def check_amount(amount: int) -> None:
    """Raise InvalidAmount unless it is a whole number from 1 to LARGEST_AMOUNT."""
    if type(amount) is not int or not 0 < amount <= LARGEST_AMOUNT:
        raise InvalidAmount(amount=str(amount))


def check_posted_amount(amount: int) -> None:
    """Raise InvalidAmount unless it is 0, which releases the hold, or an amount that can be moved."""
    if type(amount) is not int or amount != 0:
        check_amount(amount)


def check_transfer(*, debit: AccountRef, credit: AccountRef, amount: int, leg: str) -> None:
    """Raise InvalidAmount for a bad amount, ValueError for what only a mistake in our code can ask for."""
    check_amount(amount)
    if debit == credit:
        raise ValueError(f"a transfer needs two accounts: {debit}")
    if debit.asset != credit.asset:
        raise ValueError(f"a transfer moves one asset: {debit.asset}, {credit.asset}")
    if leg == HOLD_LEG:
        raise ValueError(f"the leg {HOLD_LEG!r} belongs to posted holds")


def check_reservable(account: AccountRef, amount: int) -> None:
    """Raise InvalidAmount for a bad amount, ValueError for a system account, which has nothing to reserve."""
    check_amount(amount)
    if account.is_system:
        raise ValueError(f"system accounts keep no balance: {account}")


def check_same_transfer(first: Transfer, *, debit: AccountRef, credit: AccountRef, amount: int, kind: str) -> None:
    """Raise CauseConflict unless the first transfer of this cause is the one asked for again."""
    if (first.debit, first.credit, first.amount, first.kind) != (debit, credit, amount, kind):
        raise CauseConflict(cause_type=first.cause.type, cause_id=first.cause.id, leg=first.leg)


def check_same_hold(first: Hold, *, account: AccountRef, amount: int, kind: str) -> None:
    """Raise CauseConflict unless the first hold of this cause is the one asked for again; its deadline may differ."""
    if (first.account, first.amount, first.kind) != (account, amount, kind):
        raise CauseConflict(cause_type=first.cause.type, cause_id=first.cause.id)
