"""What the ledger's services read."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum

from apps.kernel.db import CompiledRead, Given
from apps.kernel.paging import Page, page_of
from apps.ledger import contracts
from apps.ledger.contracts import AccountRef, Balance, Cause, HoldState
from apps.ledger.models import Account, Allocation, Entry, Hold, Lot, Transfer
from apps.ledger.rules import END_LEG, LOT_CAUSE


def transfer_of(cause: Cause, leg: str) -> contracts.Transfer | None:
    """The movement that this leg of a cause made, if it did."""
    rows = Transfer.objects.select_related("debit", "credit")
    row = rows.filter(cause_type=cause.type, cause_id=cause.id, leg=leg).first()
    return None if row is None else transfer_picture(row, debit=row.debit.ref, credit=row.credit.ref)


def transfer_picture(row: Transfer, *, debit: AccountRef, credit: AccountRef) -> contracts.Transfer:
    """A movement's row as the border shows it."""
    return contracts.Transfer(
        id=row.id,
        debit=debit,
        credit=credit,
        amount=row.amount,
        kind=row.kind,
        cause=Cause(row.cause_type, row.cause_id),
        leg=row.leg,
        debit_balance_after=row.debit_balance_after,
        credit_balance_after=row.credit_balance_after,
        created_at=row.created_at,
    )


def hold_of(cause: Cause) -> contracts.Hold | None:
    """The hold of a cause, whatever became of it."""
    row = Hold.objects.select_related("account").filter(cause_type=cause.type, cause_id=cause.id).first()
    return None if row is None else hold_picture(row, account=row.account.ref)


def hold_by_id(hold_id: UUID) -> contracts.Hold | None:
    """One hold, whatever became of it."""
    row = Hold.objects.select_related("account").filter(pk=hold_id).first()
    return None if row is None else hold_picture(row, account=row.account.ref)


def hold_picture(row: Hold, *, account: AccountRef) -> contracts.Hold:
    """A hold's row as the border shows it."""
    return contracts.Hold(
        id=row.id,
        account=account,
        amount=row.amount,
        posted_amount=row.posted_amount,
        state=HoldState(row.state),
        kind=row.kind,
        cause=Cause(row.cause_type, row.cause_id),
        deadline_at=row.deadline_at,
        created_at=row.created_at,
        resolved_at=row.resolved_at,
    )


def lot_of(cause: Cause, leg: str) -> Lot | None:
    """The lot that this leg of a cause granted, if it did."""
    lots = Lot.objects.filter(transfer__cause_type=cause.type, transfer__cause_id=cause.id, transfer__leg=leg)
    return lots.first()


def ended_of(lot: Lot) -> int:
    """How much of a lot left at its end."""
    ended = Allocation.objects.filter(lot=lot, transfer__cause_type=LOT_CAUSE, transfer__leg=END_LEG)
    return ended.aggregate(Sum("amount"))["amount__sum"] or 0


def asset_with_ended_lots(account_id: UUID, now: datetime) -> str | None:
    """The asset of an account that has noted an end that has passed; None when it has not."""
    return Account.objects.filter(pk=account_id, next_end_at__lte=now).values_list("asset", flat=True).first()


def accounts_with_ended_lots(now: datetime, limit: int) -> list[UUID]:
    """Accounts in which a lot has ended and something may leave, the earliest end first.

    Where holds need all that there is, nothing may: whoever resolves one lets the rest leave. Those must not stand in
    the way of the others.
    """
    due = Account.objects.filter(Q(balance__gt=F("held")) | Q(held=0), next_end_at__lte=now)
    return list(due.order_by("next_end_at", "pk").values_list("pk", flat=True)[:limit])


def balances(refs: Sequence[AccountRef]) -> dict[AccountRef, Balance]:
    """The balances of accounts in one query; an account that does not exist has nothing."""
    rows = _amounts(len(refs)).tuples(**{f"id_{number}": ref.id for number, ref in enumerate(refs)})
    found = {pk: Balance(balance, held) for pk, balance, held in rows}
    return {ref: found.get(ref.id, Balance(0, 0)) for ref in refs}


@cache
def _amounts(number: int) -> CompiledRead[Any]:
    """What so many accounts hold: few numbers of accounts are ever asked for together."""
    return CompiledRead(lambda: _amounts_of([Given(f"id_{each}") for each in range(number)]))


def _amounts_of(ids: Any) -> QuerySet[Any, Any]:
    return Account.objects.filter(pk__in=ids).values_list("pk", "balance", "held")


def entries(account: AccountRef, cursor: str | None, size: int) -> Page[contracts.Entry]:
    """One page of a user account's movements, newest first; raises CursorNotValid."""
    return page_of(entries_of(account), cursor, size).map(_entry_picture)


def entries_of(account: AccountRef) -> QuerySet[Entry]:
    """A user account's movements; none of a system account."""
    # A user's balance is never null; saying so lets the partial indexes of transfers serve.
    of_account = Entry.objects.filter(account_id=account.id, balance_after__isnull=False)
    # A grant's lot has its movement's key.
    return of_account.annotate(ends_at=Subquery(Lot.objects.filter(pk=OuterRef("pk")).values("ends_at")))


def _entry_picture(row: Entry) -> contracts.Entry:
    return contracts.Entry(
        id=row.id,
        amount=row.amount,
        kind=row.kind,
        cause=Cause(row.cause_type, row.cause_id),
        balance_after=cast("int", row.balance_after),  # entries_of() leaves the empty ones out
        ends_at=row.ends_at,  # type: ignore[attr-defined]  # entries_of() adds it
        created_at=row.created_at,
    )
