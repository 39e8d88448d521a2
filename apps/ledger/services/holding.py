"""Amounts that are set aside until they are posted or released. A hold belongs to the account, not to lots."""

from datetime import datetime
from uuid import UUID

from apps.kernel.db import insert, insert_once, require_transaction
from apps.ledger import contracts, models, rules, selectors
from apps.ledger.contracts import AccountRef, Cause, HoldState, Transfer, system_account
from apps.ledger.engine import balances, holds, lots
from apps.ledger.engine.transfers import new_transfer
from apps.ledger.errors import HoldNotFound, InsufficientFunds, InvalidAmount
from apps.ledger.services.debts import pay_owed
from apps.ledger.services.expiring import expire_ended


def hold(
    *, account: AccountRef, amount: int, kind: str, cause: Cause, deadline_at: datetime, now: datetime
) -> contracts.Hold:
    """Set an amount of a user's available balance aside until it is posted or voided, once per cause.

    A repeat returns the first hold as it is now. Raises InsufficientFunds, InvalidAmount, and
    CauseConflict when the cause already reserved something else; nothing changed then.
    """
    require_transaction("ledger.hold()")
    rules.check_amount(amount)
    rules.check_user_account(account)
    is_set_aside = balances.set_aside(account, amount, now=now)
    if not is_set_aside and expire_ended(account.id, now=now):
        is_set_aside = balances.set_aside(account, amount, now=now)
    if is_set_aside:
        row = models.Hold(
            account_id=account.id,
            amount=amount,
            kind=kind,
            cause_type=cause.type,
            cause_id=cause.id,
            deadline_at=deadline_at,
            created_at=now,
        )
        if insert_once(row, unless_same=("cause_type", "cause_id")):
            return selectors.hold_picture(row, account=account)
        balances.change(account.id, held=-amount)
    first = selectors.hold_of(cause)
    if first is None:
        raise InsufficientFunds(asset=account.asset, amount=amount)
    rules.check_same_hold(first, account=account, amount=amount, kind=kind)
    return first


def post(*, hold_id: UUID, amount: int, sink: str, now: datetime) -> Transfer | None:
    """Spend a part of a hold, or all of it, and release the rest; 0 voids it and returns None.

    A hold is resolved once: later calls change nothing and return what the first one returned.
    Raises HoldNotFound, and InvalidAmount when the amount is negative or above the hold's.
    """
    require_transaction("ledger.post()")
    rules.check_posted_amount(amount)
    if amount == 0:
        return None if _release(hold_id, now) else _first_result(_existing(hold_id))
    resolved = holds.mark_posted(hold_id, amount=amount, now=now)
    if resolved is None:
        return _not_postable(_existing(hold_id), amount=amount)
    into = system_account(sink, resolved.asset)
    balances.ensure_system_account(into, now)
    settled = balances.settle(resolved.account_id, posted=amount, released=resolved.amount, now=now)
    has_ended_lots = settled is None
    if settled is None:
        expire_ended(resolved.account_id, now=now)
        settled = balances.change(resolved.account_id, balance=-amount, held=-resolved.amount)
    row = new_transfer(
        debit=settled.ref,
        credit=into,
        amount=amount,
        kind=resolved.kind,
        cause=resolved.cause,
        leg=rules.HOLD_LEG,
        balance_after=settled.balance,
        now=now,
    )
    insert([row])
    if settled.ref.has_lots:
        lots.take(row)
    pay_owed(settled, cause=resolved.cause, leg=rules.HOLD_LEG, now=now)
    if has_ended_lots:
        expire_ended(resolved.account_id, now=now)
    return selectors.transfer_picture(row, debit=settled.ref, credit=into)


def void(*, hold_id: UUID, now: datetime) -> None:
    """Release a pending hold; past its deadline it is recorded as expired. A resolved hold stays as it is.

    Raises HoldNotFound.
    """
    require_transaction("ledger.void()")
    if not _release(hold_id, now):
        _existing(hold_id)


def _release(hold_id: UUID, now: datetime) -> bool:
    """Void or expire a hold; False when it is not pending."""
    resolved = holds.mark_released(hold_id, now=now)
    if resolved is None:
        return False
    settled = balances.settle(resolved.account_id, posted=0, released=resolved.amount, now=now)
    has_ended_lots = settled is None
    if settled is None:
        expire_ended(resolved.account_id, now=now)
        settled = balances.change(resolved.account_id, held=-resolved.amount)
    pay_owed(settled, cause=resolved.cause, leg=rules.HOLD_LEG, now=now)
    if has_ended_lots:
        expire_ended(resolved.account_id, now=now)
    return True


def _existing(hold_id: UUID) -> contracts.Hold:
    found = selectors.hold_by_id(hold_id)
    if found is None:
        raise HoldNotFound(hold_id=str(hold_id))
    return found


def _not_postable(found: contracts.Hold, *, amount: int) -> Transfer | None:
    """Explain why a hold could not be posted, or return what its first resolution returned."""
    if found.state == HoldState.PENDING:
        raise InvalidAmount(amount=amount, held=found.amount)
    return _first_result(found)


def _first_result(found: contracts.Hold) -> Transfer | None:
    return selectors.transfer_of(found.cause, rules.HOLD_LEG) if found.state == HoldState.POSTED else None
