"""The statements that write the ledger. Each is one conditional statement that says whether it happened.

They are raw SQL because Django 5.2 has neither UPDATE … RETURNING nor an INSERT that tells whether
it met a conflict; both engines speak this dialect (SQLite from 3.35 on). Every caller is inside a
transaction. Why they come in this order: docs/algorithms/ledger.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction

from apps.ledger.contracts import AccountRef, Cause, HoldState
from apps.ledger.models import Account

_CREDIT = """
INSERT INTO ledger_account (id, owner, asset, is_system, balance, held, created_at)
VALUES (%s, %s, %s, %s, %s, 0, %s)
ON CONFLICT (id) DO UPDATE SET balance = ledger_account.balance + excluded.balance
RETURNING balance
"""
_DEBIT = """
UPDATE ledger_account SET balance = balance - %s
WHERE id = %s AND balance - held >= %s
RETURNING balance
"""
_HOLD = """
UPDATE ledger_account SET held = held + %s
WHERE id = %s AND balance - held >= %s
RETURNING held
"""
_SETTLE = """
UPDATE ledger_account SET balance = balance - %s, held = held - %s
WHERE id = %s
RETURNING balance, owner, asset
"""
_POST = """
UPDATE ledger_hold SET state = %s, posted_amount = %s, resolved_at = %s
WHERE id = %s AND state = %s AND amount >= %s AND account_id <> %s
  AND (SELECT asset FROM ledger_account WHERE ledger_account.id = account_id) = %s
RETURNING account_id, amount, kind, cause_type, cause_id
"""
_RELEASE = """
UPDATE ledger_hold SET state = CASE WHEN deadline_at <= %s THEN %s ELSE %s END, resolved_at = %s
WHERE id = %s AND state = %s
RETURNING account_id, amount, kind, cause_type, cause_id
"""

# System accounts that are known to be committed, so that a movement need not create them again.
_known_system_accounts: set[UUID] = set()


@dataclass(frozen=True)
class ResolvedHold:
    """What a hold that was just resolved said."""

    account_id: UUID
    amount: int
    kind: str
    cause: Cause


@dataclass(frozen=True)
class Settled:
    """The account of a hold after the hold was taken off it."""

    account: AccountRef
    balance: int


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


def credit(account: AccountRef, amount: int, now: datetime) -> int:
    """Add to a user's account, which the first credit creates; return the new balance."""
    row = _one(_CREDIT, [_key(account.id), account.owner, account.asset, False, amount, _moment(now)])
    (balance,) = _affected(row)
    return int(balance)


def debit(account: AccountRef, amount: int) -> int | None:
    """Take from a user's account; return the new balance, or None when the available part is too small."""
    row = _one(_DEBIT, [amount, _key(account.id), amount])
    return row[0] if row else None


def set_aside(account: AccountRef, amount: int) -> bool:
    """Move a part of the available balance to held; False when it is too small."""
    return _one(_HOLD, [amount, _key(account.id), amount]) is not None


def put_back(account_id: UUID, amount: int) -> None:
    """Make a held amount available again."""
    settle(account_id, posted=0, released=amount)


def settle(account_id: UUID, *, posted: int, released: int) -> Settled:
    """Take a hold off its account: `released` is the held amount, `posted` the part of it that is spent."""
    balance, owner, asset = _affected(_one(_SETTLE, [posted, released, _key(account_id)]))
    return Settled(AccountRef(owner, asset), balance)


def mark_posted(hold_id: UUID, *, amount: int, into: AccountRef, now: datetime) -> ResolvedHold | None:
    """Resolve a pending hold as posted; None when it is not pending, too small, or not a hold of that asset."""
    values = [HoldState.POSTED.value, amount, _moment(now), _key(hold_id), HoldState.PENDING.value, amount]
    return _resolved(_one(_POST, [*values, _key(into.id), into.asset]))


def mark_released(hold_id: UUID, *, now: datetime) -> ResolvedHold | None:
    """Resolve a pending hold as voided, or as expired once its deadline has passed; None when it is not pending."""
    moment = _moment(now)
    states = [HoldState.EXPIRED.value, HoldState.VOIDED.value]
    return _resolved(_one(_RELEASE, [moment, *states, moment, _key(hold_id), HoldState.PENDING.value]))


def insert_once(row: models.Model, unless_same: Sequence[str] = ("id",)) -> bool:
    """Insert a row unless a unique key of its table refuses it; say whether it was inserted.

    `unless_same` names the columns that make a row a repeat. A repeat that is visible is skipped
    without a conflict, which would wait for whoever is changing that row.
    """
    fields = row._meta.local_concrete_fields
    prepared = {str(field.column): field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields}
    # Column and table names are our models'; every value is a parameter.
    statement = (
        f"INSERT INTO {row._meta.db_table} ({', '.join(prepared)}) SELECT {', '.join(['%s'] * len(prepared))}"  # noqa: S608
        f" WHERE NOT EXISTS (SELECT 1 FROM {row._meta.db_table}"
        f" WHERE {' AND '.join(f'{column} = %s' for column in unless_same)}) ON CONFLICT DO NOTHING"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*prepared.values(), *(prepared[column] for column in unless_same)])
        inserted: bool = cursor.rowcount == 1
    return inserted


def _one(statement: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    return rows[0] if rows else None


def _affected(row: tuple[Any, ...] | None) -> tuple[Any, ...]:
    if row is None:
        raise RuntimeError("a ledger account that must exist does not")
    return row


def _resolved(row: tuple[Any, ...] | None) -> ResolvedHold | None:
    if row is None:
        return None
    account_id, amount, kind, cause_type, cause_id = row
    return ResolvedHold(UUID(str(account_id)), amount, kind, Cause(cause_type, cause_id))


def _key(value: UUID) -> UUID | str:
    return value if connection.features.has_native_uuid_field else value.hex


def _moment(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)
