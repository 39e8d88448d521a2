"""What the ledger's services read."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from django.db.models import QuerySet

from apps.kernel.paging import Page, page_of
from apps.ledger import contracts
from apps.ledger.contracts import AccountRef, Balance, Cause, HoldState
from apps.ledger.models import Account, Entry, Hold, Transfer


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


def holds_due(now: datetime, limit: int) -> list[contracts.Hold]:
    """Pending holds whose deadline has passed, the oldest first."""
    rows = Hold.objects.select_related("account").filter(state=HoldState.PENDING, deadline_at__lte=now)
    return [hold_picture(row, account=row.account.ref) for row in rows.order_by("deadline_at")[:limit]]


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


def balances(refs: Sequence[AccountRef]) -> dict[AccountRef, Balance]:
    """The balances of accounts in one query; an account that does not exist has nothing."""
    rows = Account.objects.filter(pk__in=[ref.id for ref in refs]).values_list("pk", "balance", "held")
    found = {pk: Balance(balance, held) for pk, balance, held in rows}
    return {ref: found.get(ref.id, Balance(0, 0)) for ref in refs}


def entries(account: AccountRef, cursor: str | None, size: int) -> Page[contracts.Entry]:
    """One page of a user account's movements, newest first; raises CursorNotValid."""
    return page_of(entries_of(account), cursor, size).map(_entry_picture)


def entries_of(account: AccountRef) -> QuerySet[Entry]:
    """A user account's movements; none of a system account."""
    # A user's balance is never null; saying so lets the partial indexes of transfers serve.
    return Entry.objects.filter(account_id=account.id, balance_after__isnull=False)


def _entry_picture(row: Entry) -> contracts.Entry:
    return contracts.Entry(
        id=row.id,
        amount=row.amount,
        kind=row.kind,
        cause=Cause(row.cause_type, row.cause_id),
        balance_after=cast("int", row.balance_after),  # entries_of() leaves the empty ones out
        created_at=row.created_at,
    )
