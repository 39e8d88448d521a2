"""Grants into an account, and what is spent out of it."""

from datetime import datetime

from apps.kernel.db import require_transaction
from apps.ledger import contracts, rules, selectors
from apps.ledger.contracts import AccountRef, Cause, Purse, system_account
from apps.ledger.engine import balances, lots
from apps.ledger.engine.transfers import is_first, new_transfer
from apps.ledger.errors import CauseConflict, GrantEnded, InsufficientFunds
from apps.ledger.models import Lot
from apps.ledger.rules import Share
from apps.ledger.services.debts import ISSUER, move_owed
from apps.ledger.services.expiring import EXPIRED, expire_ended


def grant(
    *,
    account: AccountRef,
    amount: int,
    purse: Purse,
    kind: str,
    cause: Cause,
    leg: str = "main",
    ends_at: datetime | None = None,
    now: datetime,
) -> contracts.Transfer:
    """Give a user's account an amount as a lot, once per cause and leg; what the account owes, the lot pays at once.

    An asset with a colon in its name has no lots: purse and end mean nothing to it, and it never owes.
    Raises InvalidAmount, GrantEnded when its end has passed, and CauseConflict when the cause already moved something
    else, or the same as another lot; nothing changed then.
    """
    require_transaction("ledger.grant()")
    rules.check_amount(amount)
    rules.check_user_account(account)
    rules.check_leg(leg)
    rules.check_end(account, ends_at)
    issuer = system_account(ISSUER, account.asset)
    if ends_at is not None and ends_at <= now:
        # A repeat may come that late; a grant may not.
        if selectors.lot_of(cause, leg) is None:
            raise GrantEnded(ends_at=ends_at.isoformat())
        return _first_grant(issuer, account, amount, purse=purse, kind=kind, cause=cause, leg=leg, ends_at=ends_at)
    balances.ensure_system_account(issuer, now)
    if ends_at is not None:
        # Whoever lets it leave at its end may have locked the account by then.
        balances.ensure_system_account(system_account(EXPIRED, account.asset), now)
    credited = balances.credit(account, amount, ends_at=ends_at, now=now)
    row = new_transfer(
        debit=issuer,
        credit=account,
        amount=amount,
        kind=kind,
        cause=cause,
        leg=leg,
        balance_after=credited.balance,
        now=now,
    )
    if not is_first(row):
        # This cause has moved its amount before: take the second movement back.
        balances.change(account.id, balance=-amount)
        if ends_at is not None:
            lots.renew_next_end(account.id)
        return _first_grant(issuer, account, amount, purse=purse, kind=kind, cause=cause, leg=leg, ends_at=ends_at)
    if account.has_lots:
        lots.open_lot(row, purse=purse, ends_at=ends_at)
        if credited.payable:
            payment = move_owed(credited, cause=cause, leg=leg, now=now)
            # Its own lot pays: what an ended lot keeps for a hold stays for that.
            lots.take_shares([(payment, Share(row.id, payment.amount, left=amount - payment.amount))])
    return selectors.transfer_picture(row, debit=issuer, credit=account)


def spend(
    *, account: AccountRef, amount: int, sink: str, kind: str, cause: Cause, leg: str = "main", now: datetime
) -> contracts.Transfer:
    """Move an amount from a user's account to the system account `sink`, once per cause and leg.

    Raises InsufficientFunds when the available balance is below the amount, InvalidAmount, and CauseConflict when
    the cause already moved something else; nothing changed then.
    """
    require_transaction("ledger.spend()")
    rules.check_amount(amount)
    rules.check_user_account(account)
    rules.check_leg(leg)
    into = system_account(sink, account.asset)
    balances.ensure_system_account(into, now)
    after = balances.debit(account, amount, now=now)
    if after is None and expire_ended(account.id, now=now):
        after = balances.debit(account, amount, now=now)
    if after is None:
        return _first(account, into, amount, kind=kind, cause=cause, leg=leg)
    row = new_transfer(
        debit=account, credit=into, amount=amount, kind=kind, cause=cause, leg=leg, balance_after=after, now=now
    )
    if not is_first(row):
        balances.change(account.id, balance=amount)
        return _first(account, into, amount, kind=kind, cause=cause, leg=leg)
    if account.has_lots:
        lots.take(row)
    return selectors.transfer_picture(row, debit=account, credit=into)


def _first(
    debit: AccountRef, credit: AccountRef, amount: int, *, kind: str, cause: Cause, leg: str
) -> contracts.Transfer:
    """The movement that this cause made before. Raises InsufficientFunds when it made none, CauseConflict."""
    first = selectors.transfer_of(cause, leg)
    if first is None:
        raise InsufficientFunds(asset=debit.asset, amount=amount)
    rules.check_same_transfer(first, debit=debit, credit=credit, amount=amount, kind=kind)
    return first


def _first_grant(
    issuer: AccountRef,
    account: AccountRef,
    amount: int,
    *,
    purse: Purse,
    kind: str,
    cause: Cause,
    leg: str,
    ends_at: datetime | None,
) -> contracts.Transfer:
    """The same of a grant, whose lot must be the same too. Raises CauseConflict."""
    first = _first(issuer, account, amount, kind=kind, cause=cause, leg=leg)
    if account.has_lots and not Lot.objects.filter(pk=first.id, purse=purse, ends_at=ends_at).exists():
        raise CauseConflict(cause_type=cause.type, cause_id=cause.id, leg=leg)
    return first
