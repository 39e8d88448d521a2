"""What must never be false in the ledger, each as one query over whole tables."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F

from apps.kernel.append_only import triggers_of
from apps.kernel.invariants import Breach, invariant, missing_triggers
from apps.ledger.contracts import HoldState
from apps.ledger.models import Account, Hold

# The first rows name the trouble; a broken ledger would have millions.
_SHOWN = 100

# How long past its deadline a hold may wait for its sweeper.
_SWEEP_GRACE = timedelta(minutes=5)

# The triggers of migration 0002 beside the append-only table's.
_GUARDS = {f"ledger_{table}_no_{verb}" for table in ("account", "hold") for verb in ("change", "delete")}

_BALANCES = """
SELECT account.id, account.balance, COALESCE(SUM(entry.amount), 0)
FROM ledger_account AS account LEFT JOIN ledger_entry AS entry ON entry.account_id = account.id
WHERE NOT account.is_system
GROUP BY account.id, account.balance
HAVING account.balance <> COALESCE(SUM(entry.amount), 0)
"""
_STRAY_ENTRIES = """
SELECT entry.id, entry.account_id
FROM ledger_entry AS entry LEFT JOIN ledger_account AS account ON account.id = entry.account_id
WHERE account.id IS NULL
   OR account.asset <> entry.asset
   OR account.is_system <> (entry.balance_after IS NULL)
"""
_FLOWS = """
SELECT asset, SUM(owned), SUM(issued)
FROM (
    SELECT asset, balance AS owned, 0 AS issued FROM ledger_account
    UNION ALL
    SELECT asset, 0, CASE WHEN debit_balance_after IS NULL THEN amount ELSE 0 END
        - CASE WHEN credit_balance_after IS NULL THEN amount ELSE 0 END
    FROM ledger_transfer
) AS flow
GROUP BY asset
HAVING SUM(owned) <> SUM(issued)
"""
_HELD = """
SELECT account.id, account.held, COALESCE(SUM(hold.amount), 0)
FROM ledger_account AS account
LEFT JOIN ledger_hold AS hold ON hold.account_id = account.id AND hold.state = 'pending'
GROUP BY account.id, account.held
HAVING account.held <> COALESCE(SUM(hold.amount), 0)
"""


@invariant("I-02", "the triggers that keep the ledger's rows immutable are in place")
def rows_are_guarded(now: datetime) -> Iterable[Breach]:
    """Triggers that are missing or disabled."""
    return missing_triggers(_GUARDS | triggers_of("ledger_transfer"))


@invariant("I-03", "each balance equals the sum of its account's movements")
def balances_equal_movements(now: datetime) -> Iterable[Breach]:
    """Accounts whose cached balance tells another story than their entries."""
    for account_id, balance, moved in _rows(_BALANCES):
        yield Breach(f"account {account_id}", f"balance {balance}, movements sum to {moved}")


@invariant("I-03", "each movement belongs to two accounts of its asset")
def movements_have_accounts(now: datetime) -> Iterable[Breach]:
    """Movements whose account is missing or of another asset, or that take a user for a system account."""
    for transfer_id, account_id in _rows(_STRAY_ENTRIES):
        yield Breach(f"transfer {transfer_id}", f"does not fit account {account_id}")


@invariant("I-04", "per asset, users own what left the system accounts")
def assets_sum_to_zero(now: datetime) -> Iterable[Breach]:
    """Assets of which users own more or less than the system accounts gave out."""
    for asset, owned, issued in _rows(_FLOWS):
        yield Breach(f"asset {asset}", f"users own {owned}, system accounts gave {issued}")


@invariant("I-15", "each held amount equals the account's pending holds")
def held_equals_pending_holds(now: datetime) -> Iterable[Breach]:
    """Accounts whose cached held amount differs from the sum of their pending holds."""
    for account_id, held, pending in _rows(_HELD):
        yield Breach(f"account {account_id}", f"held {held}, pending holds sum to {pending}")


@invariant("I-16", "no hold is pending long after its deadline")
def holds_are_swept(now: datetime) -> Iterable[Breach]:
    """Pending holds that their app's sweeper should have resolved."""
    late = Hold.objects.filter(state=HoldState.PENDING, deadline_at__lt=now - _SWEEP_GRACE)
    for hold in late.order_by("deadline_at")[:_SHOWN]:
        yield Breach(f"hold {hold.pk}", f"due since {hold.deadline_at.isoformat()}")


@invariant("I-18", "no available balance is negative")
def nobody_overdraws(now: datetime) -> Iterable[Breach]:
    """Accounts that hold more than they have; the CHECK forbids them, this proves that it is there."""
    for account in Account.objects.filter(balance__lt=F("held")).order_by("pk")[:_SHOWN]:
        yield Breach(f"account {account.pk}", f"balance {account.balance}, held {account.held}")


def _rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchmany(_SHOWN)
    return rows
