"""The statements that change lots. Whoever runs one has changed or locked the account's row before.

So nobody else is at the account's lots; what is left is changed under a condition nevertheless, and the row counted.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Exists, Min, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from apps.kernel.db import insert
from apps.ledger import rules
from apps.ledger.contracts import Purse
from apps.ledger.engine.rows import key, one
from apps.ledger.models import Account, Allocation, Lot, TakeBack, Transfer
from apps.ledger.rules import Share

# How many lots are read at once; a movement that needs more comes back for them.
BATCH = 100

# The order of spending: earliest end first, no end last; gifts before what was paid; then the oldest. The index
# ledger_lot_in_order has it, and the keys of one account's lots follow their age.
_IN_ORDER = ("ends_at IS NULL", "ends_at", "purse", "transfer_id")
# Most movements are paid by one lot, and this one statement finds it and takes from it.
_TAKE_FROM_FIRST = f"""
UPDATE ledger_lot SET remaining = remaining - %s
WHERE remaining >= %s AND transfer_id = (
    SELECT transfer_id FROM ledger_lot WHERE account_id = %s AND remaining > 0
    ORDER BY {", ".join(_IN_ORDER)} LIMIT 1
)
RETURNING transfer_id, remaining
"""  # noqa: S608  # our own words
_TAKE = "UPDATE ledger_lot SET remaining = remaining - %s WHERE transfer_id = %s AND remaining >= %s"


def open_lot(grant: Transfer, *, purse: Purse, ends_at: datetime | None) -> None:
    """Make the lot of a movement that grants."""
    lot = Lot(
        transfer_id=grant.id,
        account_id=grant.credit_id,
        purse=purse,
        granted=grant.amount,
        remaining=grant.amount,
        ends_at=ends_at,
    )
    insert([lot])


def take(payment: Transfer) -> None:
    """Let the lots of the debited account pay a movement, in the order of spending.

    Raises RuntimeError when they do not cover it: they would not sum to the balance.
    """
    amount = payment.amount
    first = one(_TAKE_FROM_FIRST, [amount, amount, key(payment.debit_id)])
    if first is not None:
        lot_id, left = first
        _record([(payment, Share(UUID(str(lot_id)), amount, left))])
        return
    _take_all(payment, amount, _open_lots(payment.debit_id))


def repay(payment: Transfer) -> None:
    """Let lots pay a debt: what is left of those that were taken back, then the others in the order of spending.

    Raises RuntimeError as take() does.
    """
    mine = _open_lots(payment.debit_id)
    taken_back = mine.filter(Exists(TakeBack.objects.filter(lot=OuterRef("pk"))))
    rest = _take_some(payment, payment.amount, taken_back)
    _take_all(payment, rest, mine)


def take_shares(parts: Sequence[tuple[Transfer, Share]]) -> None:
    """Take from each lot its share of a movement."""
    values = [(share.amount, key(share.lot_id), share.amount) for _, share in parts]
    with connection.cursor() as cursor:
        cursor.executemany(_TAKE, values)
        if cursor.rowcount != len(values):
            raise RuntimeError(f"lots have less left than they are to pay: {values}")
    _record(parts)


def ended_lots(account_id: UUID, *, now: datetime) -> list[tuple[UUID, int]]:
    """The first lots that have ended with something left, and what is left in them."""
    return _in_order(_open_lots(account_id).filter(ends_at__lte=now))


def renew_next_end(account_id: UUID) -> None:
    """Note in the account when the next of its lots ends."""
    next_end = _open_lots(account_id).aggregate(Min("ends_at"))["ends_at__min"]
    Account.objects.filter(pk=account_id).update(next_end_at=next_end)


def _take_all(payment: Transfer, amount: int, lots: QuerySet[Lot]) -> None:
    if _take_some(payment, amount, lots):
        raise RuntimeError(f"the lots of account {payment.debit_id} do not sum to its balance")


def _take_some(payment: Transfer, amount: int, lots: QuerySet[Lot]) -> int:
    """Take an amount from lots in the order of spending; returns what they do not cover."""
    while amount and (shares := rules.shares(amount, _in_order(lots))):
        take_shares([(payment, share) for share in shares])
        amount -= sum(share.amount for share in shares)
    return amount


def _open_lots(account_id: UUID) -> QuerySet[Lot]:
    return Lot.objects.filter(account_id=account_id, remaining__gt=0)


def _in_order(lots: QuerySet[Lot]) -> list[tuple[UUID, int]]:
    order = [RawSQL(term, ()) for term in _IN_ORDER]  # noqa: S611  # our own words
    return list(lots.order_by(*order).values_list("transfer_id", "remaining")[:BATCH])


def _record(parts: Iterable[tuple[Transfer, Share]]) -> None:
    insert([Allocation(transfer_id=payment.id, lot_id=share.lot_id, amount=share.amount) for payment, share in parts])
