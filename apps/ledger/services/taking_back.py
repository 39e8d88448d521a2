"""Taking a grant back: what is left of its lot leaves, and the account owes the rest."""

from datetime import datetime

from django.db.models import Q

from apps.kernel.db import require_transaction
from apps.ledger import rules, selectors
from apps.ledger.contracts import AccountRef, Cause, TakenBack, system_account
from apps.ledger.engine import balances, lots
from apps.ledger.engine.transfers import new_transfer
from apps.ledger.errors import CauseConflict, GrantNotFound
from apps.ledger.models import Account, Lot, TakeBack
from apps.ledger.services.debts import ISSUER, pay_owed
from apps.ledger.services.expiring import expire_ended


def take_back(*, granted: Cause, leg: str = "main", kind: str, cause: Cause, now: datetime) -> TakenBack:
    """Take back what this leg of the cause `granted` gave, once; the account owes what it has spent of it.

    What is free of other lots pays at once of what is owed. What a hold needs now stays, is owed too, and pays as
    soon as the hold is released; what ended before is not owed. Raises GrantNotFound when there is no such lot, and
    CauseConflict when it was taken back for another cause, or this cause took back another; nothing changed then.

    The caller holds the member first (accounts.hold_open): who owes cannot leave, and who has left cannot owe.
    """
    require_transaction("ledger.take_back()")
    lot = selectors.lot_of(granted, leg)
    if lot is None:
        raise GrantNotFound(cause_type=granted.type, cause_id=granted.id, leg=leg)
    expire_ended(lot.account_id, now=now)
    account = balances.lock(lot.account_id)
    first = TakeBack.objects.filter(Q(lot=lot) | Q(cause_type=cause.type, cause_id=cause.id)).first()
    if first is not None:
        if (first.lot_id, first.cause_type, first.cause_id) != (lot.pk, cause.type, cause.id):
            raise CauseConflict(cause_type=cause.type, cause_id=cause.id)
        return TakenBack(amount=first.amount, owed=first.owed)
    lot.refresh_from_db()
    amount = min(lot.remaining, account.balance - account.held)
    taken = TakenBack(amount=amount, owed=lot.granted - amount - selectors.ended_of(lot))
    TakeBack.objects.create(
        lot=lot, amount=taken.amount, owed=taken.owed, cause_type=cause.type, cause_id=cause.id, created_at=now
    )
    _move(account, lot, taken, kind=kind, cause=cause, now=now)
    return taken


def _move(account: Account, lot: Lot, taken: TakenBack, *, kind: str, cause: Cause, now: datetime) -> None:
    changed = balances.change(account.pk, balance=-taken.amount, owed=taken.owed)
    if taken.amount:
        _take(account.ref, lot, taken.amount, balance_after=changed.balance, kind=kind, cause=cause, now=now)
    pay_owed(changed, cause=cause, leg=rules.TAKEN_BACK_LEG, now=now)


def _take(
    account: AccountRef, lot: Lot, amount: int, *, balance_after: int, kind: str, cause: Cause, now: datetime
) -> None:
    row = new_transfer(
        debit=account,
        credit=system_account(ISSUER, account.asset),
        amount=amount,
        kind=kind,
        cause=cause,
        leg=rules.TAKEN_BACK_LEG,
        balance_after=balance_after,
        now=now,
    )
    row.save(force_insert=True)
    lots.take_shares([(row, rules.Share(lot.pk, amount, lot.remaining - amount))])
