"""What happens to lots at their end: what no hold needs leaves at once, the rest when its hold is resolved."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.ledger import rules, selectors
from apps.ledger.contracts import AccountRef, Cause, system_account
from apps.ledger.engine import balances, lots
from apps.ledger.engine.transfers import new_transfer
from apps.ledger.models import Transfer

EXPIRED = "expired"


def expire_lots(*, now: datetime, limit: int = 500) -> int:
    """Take from lots that have ended what no hold needs, the earliest first; returns of how many accounts.

    May run anywhere at any time. Each account is a transaction of its own.
    """
    account_ids = selectors.accounts_with_ended_lots(now, limit)
    for account_id in account_ids:
        with transaction.atomic():
            expire_ended(account_id, now=now)
    return len(account_ids)


def expire_ended(account_id: UUID, *, now: datetime) -> bool:
    """The same for one account in the caller's transaction; False when no lot has ended, else the account is locked."""
    asset = selectors.asset_with_ended_lots(account_id, now)
    if asset is None:
        return False
    # It is there: who granted something that ends has made it (docs/algorithms/ledger.md, "Locks").
    expired = system_account(EXPIRED, asset)
    account = balances.lock(account_id)
    available, balance = account.balance - account.held, account.balance
    while available and (shares := rules.shares(available, lots.ended_lots(account_id, now=now))):
        parts = []
        for share in shares:
            balance -= share.amount
            parts.append((_expiry(account.ref, expired, share, balance_after=balance, now=now), share))
        available -= sum(share.amount for share in shares)
        Transfer.objects.bulk_create(movement for movement, _ in parts)
        lots.take_shares(parts)
    balances.change(account_id, balance=balance - account.balance)
    lots.renew_next_end(account_id)
    return True


def _expiry(
    account: AccountRef, expired: AccountRef, share: rules.Share, *, balance_after: int, now: datetime
) -> Transfer:
    return new_transfer(
        debit=account,
        credit=expired,
        amount=share.amount,
        kind="expiry",
        # A lot may leave in parts, when a hold needs some of it; what is left in it falls with each.
        cause=Cause(rules.LOT_CAUSE, f"{share.lot_id}:{share.left}"),
        leg=rules.END_LEG,
        balance_after=balance_after,
        now=now,
    )
