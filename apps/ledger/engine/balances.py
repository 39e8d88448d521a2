"""The statements that change an account. Each is one conditional statement that says whether it happened.

They are raw SQL because Django 5.2 has neither UPDATE … RETURNING nor an INSERT that tells whether
it met a conflict; both engines speak this dialect (SQLite from 3.35 on). Every caller is inside a
transaction. Why they come in this order: docs/algorithms/ledger.md.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.kernel.db import insert_once
from apps.ledger.contracts import AccountRef
from apps.ledger.engine.rows import affected, key, moment, one
from apps.ledger.models import Account

_CREDIT = """
INSERT INTO ledger_account (id, owner, asset, is_system, balance, held, owed, next_end_at, created_at)
VALUES (%s, %s, %s, %s, %s, 0, 0, %s, %s)
ON CONFLICT (id) DO UPDATE SET balance = ledger_account.balance + excluded.balance,
    next_end_at = CASE WHEN excluded.next_end_at IS NULL OR ledger_account.next_end_at < excluded.next_end_at
                       THEN ledger_account.next_end_at ELSE excluded.next_end_at END
RETURNING owner, asset, balance, held, owed
"""
# A lot that has ended is not spent: no row, and the caller first takes from it what no hold needs.
_DEBIT = """
UPDATE ledger_account SET balance = balance - %s
WHERE id = %s AND balance - held >= %s AND (next_end_at IS NULL OR next_end_at > %s)
RETURNING balance
"""
_HOLD = """
UPDATE ledger_account SET held = held + %s
WHERE id = %s AND balance - held >= %s AND (next_end_at IS NULL OR next_end_at > %s)
RETURNING held
"""
_SETTLE = """
UPDATE ledger_account SET balance = balance - %s, held = held - %s
WHERE id = %s AND (next_end_at IS NULL OR next_end_at > %s)
RETURNING owner, asset, balance, held, owed
"""
_CHANGE = """
UPDATE ledger_account SET balance = balance + %s, held = held + %s, owed = owed + %s
WHERE id = %s
RETURNING owner, asset, balance, held, owed
"""

# System accounts that are known to be committed, so that a movement need not create them again.
_known_system_accounts: set[UUID] = set()


@dataclass(frozen=True)
class Changed:
    """A user's account as a statement left it."""

    ref: AccountRef
    balance: int
    held: int
    owed: int

    @property
    def payable(self) -> int:
        """How much of what is owed can be paid now."""
        return min(self.owed, self.balance - self.held)


def forget_system_accounts() -> None:
    """Create system accounts again when next used: the tables were emptied."""
    _known_system_accounts.clear()


def ensure_system_account(account: AccountRef, now: datetime) -> None:
    """Create a system account unless this process has seen it committed; existing rows are not touched."""
    if account.id in _known_system_accounts:
        return
    insert_once(
        Account(
            id=account.id,
            owner=account.owner,
            asset=account.asset,
            is_system=True,
            balance=0,
            held=0,
            created_at=now,
        )
    )
    # Not before the commit: a rollback takes the row with it.
    transaction.on_commit(lambda: _known_system_accounts.add(account.id))


def credit(account: AccountRef, amount: int, *, ends_at: datetime | None, now: datetime) -> Changed:
    """Add to a user's account, which the first credit creates."""
    values = [key(account.id), account.owner, account.asset, False, amount, moment(ends_at), moment(now)]
    return _changed(affected(one(_CREDIT, values)))


def debit(account: AccountRef, amount: int, *, now: datetime) -> int | None:
    """Take from a user's account; the new balance, or None when too little is available or a lot has ended."""
    row = one(_DEBIT, [amount, key(account.id), amount, moment(now)])
    return row[0] if row else None


def set_aside(account: AccountRef, amount: int, *, now: datetime) -> bool:
    """Move a part of the available balance to held; False when it is too small or a lot has ended."""
    return one(_HOLD, [amount, key(account.id), amount, moment(now)]) is not None


def settle(account_id: UUID, *, posted: int, released: int, now: datetime) -> Changed | None:
    """Take a hold off its account: `released` is the held amount, `posted` the part of it that is spent.

    None, with nothing changed, when a lot has ended.
    """
    row = one(_SETTLE, [posted, released, key(account_id), moment(now)])
    return None if row is None else _changed(row)


def change(account_id: UUID, *, balance: int = 0, held: int = 0, owed: int = 0) -> Changed:
    """Add to an account what must fit: its row is locked, or what was just done is undone."""
    return _changed(affected(one(_CHANGE, [balance, held, owed, key(account_id)])))


def lock(account_id: UUID) -> Account:
    """An account as it is, and stays until the end of this transaction."""
    return Account.objects.select_for_update(of=("self",), no_key=True).get(pk=account_id)


def _changed(row: tuple[Any, ...]) -> Changed:
    owner, asset, balance, held, owed = row
    return Changed(AccountRef(owner, asset), balance, held, owed)
