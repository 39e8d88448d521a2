"""The ledger's door: move, reserve, post and void integer amounts, and read balances and statements.

Amounts are whole numbers of an asset's smallest unit. The writing verbs belong to the caller's
transaction (RuntimeError outside one) and happen once per cause: a repeat returns the first result
and changes nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from apps.kernel.db import require_transaction
from apps.kernel.paging import Page
from apps.ledger import engine, models, rules, selectors
from apps.ledger.contracts import (
    AccountRef,
    Balance,
    Cause,
    Entry,
    Hold,
    HoldState,
    Transfer,
    system_account,
    user_account,
    user_owner,
)
from apps.ledger.errors import CauseConflict, HoldNotFound, InsufficientFunds, InvalidAmount

__all__ = [
    "AccountRef",
    "Balance",
    "Cause",
    "CauseConflict",
    "Entry",
    "Hold",
    "HoldNotFound",
    "HoldState",
    "InsufficientFunds",
    "InvalidAmount",
    "Transfer",
    "balance",
    "balances",
    "entries",
    "expired_holds",
    "post",
    "reserve",
    "statement",
    "system_account",
    "transfer",
    "user_account",
    "user_owner",
    "void",
]

_STATEMENT_PAGE = 500


def transfer(
    *,
    debit: AccountRef,
    credit: AccountRef,
    amount: int,
    kind: str,
    cause: Cause,
    leg: str = "main",
    now: datetime,
) -> Transfer:
    """Move an amount from one account to another, once per cause and leg.

    Raises InsufficientFunds when a user's available balance is below the amount, InvalidAmount, and
    CauseConflict when the cause already moved something else; nothing changed then.
    """
    require_transaction("ledger.transfer()")
    rules.check_transfer(debit=debit, credit=credit, amount=amount, leg=leg)
    after = _move(debit=debit, credit=credit, amount=amount, now=now)
    if after is not None:
        row = _transfer_row(
            debit=debit, credit=credit, amount=amount, kind=kind, cause=cause, leg=leg, after=after, now=now
        )
        if engine.insert_once(row, unless_same=("cause_type", "cause_id", "leg")):
            return selectors.transfer_picture(row, debit=debit, credit=credit)
        # This cause has moved its amount before: take the second movement back.
        _move(debit=credit, credit=debit, amount=amount, now=now)
    first = selectors.transfer_of(cause, leg)
    if first is None:
        raise InsufficientFunds(asset=debit.asset, amount=amount)
    rules.check_same_transfer(first, debit=debit, credit=credit, amount=amount, kind=kind)
    return first


def reserve(*, account: AccountRef, amount: int, kind: str, cause: Cause, deadline_at: datetime, now: datetime) -> Hold:
    """Set an amount of a user's available balance aside until it is posted or voided, once per cause.

    A repeat returns the first hold as it is now. Raises InsufficientFunds, InvalidAmount, and
    CauseConflict when the cause already reserved something else; nothing changed then.
    """
    require_transaction("ledger.reserve()")
    rules.check_reservable(account, amount)
    if engine.set_aside(account, amount):
        row = models.Hold(
            account_id=account.id,
            amount=amount,
            kind=kind,
            cause_type=cause.type,
            cause_id=cause.id,
            deadline_at=deadline_at,
            created_at=now,
        )
        if engine.insert_once(row, unless_same=("cause_type", "cause_id")):
            return selectors.hold_picture(row, account=account)
        engine.put_back(account.id, amount)
    first = selectors.hold_of(cause)
    if first is None:
        raise InsufficientFunds(asset=account.asset, amount=amount)
    rules.check_same_hold(first, account=account, amount=amount, kind=kind)
    return first


def post(*, hold_id: UUID, amount: int, credit: AccountRef, now: datetime) -> Transfer | None:
    """Spend a part of a hold, or all of it, and release the rest; 0 voids it and returns None.

    A hold is resolved once: later calls change nothing and return what the first one returned.
    Raises HoldNotFound, and InvalidAmount when the amount is negative or above the hold's.
    """
    require_transaction("ledger.post()")
    rules.check_posted_amount(amount)
    if amount == 0:
        return None if _release(hold_id, now) else _first_result(_existing(hold_id))
    hold = engine.mark_posted(hold_id, amount=amount, into=credit, now=now)
    if hold is None:
        return _not_postable(_existing(hold_id), amount=amount, credit=credit)
    debit, after = _settle(hold, amount=amount, credit=credit, now=now)
    row = _transfer_row(
        debit=debit,
        credit=credit,
        amount=amount,
        kind=hold.kind,
        cause=hold.cause,
        leg=rules.HOLD_LEG,
        after=after,
        now=now,
    )
    row.save(force_insert=True)
    return selectors.transfer_picture(row, debit=debit, credit=credit)


def void(*, hold_id: UUID, now: datetime) -> None:
    """Release a pending hold; past its deadline it is recorded as expired. A resolved hold stays as it is.

    Raises HoldNotFound.
    """
    require_transaction("ledger.void()")
    if not _release(hold_id, now):
        _existing(hold_id)


def expired_holds(*, now: datetime, limit: int) -> list[Hold]:
    """List pending holds whose deadline has passed, the oldest first; the app that made them resolves them."""
    return selectors.holds_due(now, limit)


def balance(*, account: AccountRef) -> Balance:
    """Read one account; zeros when nothing was ever moved into it."""
    return selectors.balances([account])[account]


def balances(*, owner: str, assets: Sequence[str]) -> dict[str, Balance]:
    """Read several accounts of one owner in one query; zeros for those that do not exist."""
    found = selectors.balances([AccountRef(owner, asset) for asset in assets])
    return {ref.asset: amounts for ref, amounts in found.items()}


def entries(*, account: AccountRef, cursor: str | None, size: int = 20) -> Page[Entry]:
    """Page through a user account's movements, newest first.

    Raises CursorNotValid. System accounts have no statement: theirs is everybody's.
    """
    return selectors.entries(account, cursor, size)


def statement(*, account: AccountRef) -> Iterator[Entry]:
    """All movements of a user account, newest first, read a page at a time; none of a system account."""
    cursor: str | None = None
    while True:
        page = selectors.entries(account, cursor, _STATEMENT_PAGE)
        yield from page.items
        if page.next is None:
            return
        cursor = page.next


def _move(*, debit: AccountRef, credit: AccountRef, amount: int, now: datetime) -> dict[AccountRef, int] | None:
    """Change the balances of the user accounts among the two; None, with nothing changed, when debit cannot pay.

    Accounts are locked in the order of their keys, so that two movements never wait for each other.
    """
    after: dict[AccountRef, int] = {}
    for account in sorted((debit, credit), key=lambda ref: ref.id):
        if account.is_system:
            engine.ensure_system_account(account, now)
        elif account == credit:
            after[account] = engine.credit(account, amount, now)
        elif (left := engine.debit(account, amount)) is not None:
            after[account] = left
        else:
            if credit in after:
                engine.debit(credit, amount)
            return None
    return after


def _settle(
    hold: engine.ResolvedHold, *, amount: int, credit: AccountRef, now: datetime
) -> tuple[AccountRef, dict[AccountRef, int]]:
    """Take the hold off its account and give its posted part to credit, locking in the order of the keys."""
    after: dict[AccountRef, int] = {}
    if credit.is_system:
        engine.ensure_system_account(credit, now)
    elif credit.id < hold.account_id:
        after[credit] = engine.credit(credit, amount, now)
    settled = engine.settle(hold.account_id, posted=amount, released=hold.amount)
    after[settled.account] = settled.balance
    if not credit.is_system and credit not in after:
        after[credit] = engine.credit(credit, amount, now)
    return settled.account, after


def _transfer_row(
    *,
    debit: AccountRef,
    credit: AccountRef,
    amount: int,
    kind: str,
    cause: Cause,
    leg: str,
    after: dict[AccountRef, int],
    now: datetime,
) -> models.Transfer:
    # Its id is made here, with the accounts locked: an account's ids follow its balances.
    return models.Transfer(
        debit_id=debit.id,
        credit_id=credit.id,
        asset=debit.asset,
        amount=amount,
        kind=kind,
        cause_type=cause.type,
        cause_id=cause.id,
        leg=leg,
        debit_balance_after=after.get(debit),
        credit_balance_after=after.get(credit),
        created_at=now,
    )


def _release(hold_id: UUID, now: datetime) -> bool:
    """Void or expire a hold; False when it is not pending."""
    hold = engine.mark_released(hold_id, now=now)
    if hold is not None:
        engine.put_back(hold.account_id, hold.amount)
    return hold is not None


def _existing(hold_id: UUID) -> Hold:
    hold = selectors.hold_by_id(hold_id)
    if hold is None:
        raise HoldNotFound(hold_id=str(hold_id))
    return hold


def _not_postable(hold: Hold, *, amount: int, credit: AccountRef) -> Transfer | None:
    """Explain why a hold could not be posted, or return what its first resolution returned."""
    if hold.state != HoldState.PENDING:
        return _first_result(hold)
    if amount > hold.amount:
        raise InvalidAmount(amount=amount, held=hold.amount)
    raise ValueError(f"a hold of {hold.account} cannot be posted to {credit}")


def _first_result(hold: Hold) -> Transfer | None:
    return selectors.transfer_of(hold.cause, rules.HOLD_LEG) if hold.state == HoldState.POSTED else None
