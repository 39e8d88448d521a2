"""What must never be false in the ledger, each as one query over whole tables."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F, Q

from apps.kernel.append_only import triggers_of
from apps.kernel.db import portable
from apps.kernel.ids import first_id_at
from apps.kernel.invariants import Breach, first_key_at, invariant, rows
from apps.kernel.schema import missing_triggers
from apps.ledger import causes
from apps.ledger.contracts import HoldState
from apps.ledger.models import Account, Hold, Transfer
from apps.ledger.rules import HOLD_LEG, LOT_CAUSE, TAKEN_BACK_LEG

# The first rows name the trouble; a broken ledger would have millions.
_SHOWN = 100

# How long past its deadline a hold, or past its end a lot, may wait for its sweeper.
_SWEEP_GRACE = timedelta(minutes=5)

# The triggers of migrations 0002 and 0004 beside those of the append-only tables.
_GUARDS = {f"ledger_{table}_no_{verb}" for table in ("account", "hold") for verb in ("change", "delete")}
_GUARDS |= {"ledger_lot_columns_never_change"}
_APPEND_ONLY = ("ledger_transfer", "ledger_allocation", "ledger_takeback")

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
WHERE entry.id >= %s AND (account.id IS NULL
   OR account.asset <> entry.asset
   OR account.is_system <> (entry.balance_after IS NULL))
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
_POSTED = """
SELECT hold.id, hold.posted_amount, COALESCE(transfer.amount, 0)
FROM ledger_hold AS hold
LEFT JOIN ledger_transfer AS transfer ON transfer.cause_id = hold.cause_id AND transfer.cause_type = hold.cause_type
    AND transfer.leg = '{leg}' AND transfer.debit_id = hold.account_id AND transfer.kind = hold.kind
WHERE hold.posted_amount <> COALESCE(transfer.amount, 0)
"""
_HELD = """
SELECT account.id, account.held, COALESCE(SUM(hold.amount), 0)
FROM ledger_account AS account
LEFT JOIN ledger_hold AS hold ON hold.account_id = account.id AND hold.state = 'pending'
GROUP BY account.id, account.held
HAVING account.held <> COALESCE(SUM(hold.amount), 0)
"""

# Assets with a colon in their name have no lots.
_LOTS = """
SELECT account.id, account.balance, COALESCE(SUM(lot.remaining), 0)
FROM ledger_account AS account LEFT JOIN ledger_lot AS lot ON lot.account_id = account.id AND lot.remaining > 0
WHERE NOT account.is_system AND account.asset NOT LIKE '%%:%%'
GROUP BY account.id, account.balance
HAVING account.balance <> COALESCE(SUM(lot.remaining), 0)
"""
_LEFT = """
SELECT lot.transfer_id, lot.granted, lot.remaining, COALESCE(SUM(allocation.amount), 0)
FROM ledger_lot AS lot LEFT JOIN ledger_allocation AS allocation ON allocation.lot_id = lot.transfer_id
WHERE lot.remaining > 0 OR lot.transfer_id >= %s
    OR lot.transfer_id IN (SELECT lot_id FROM ledger_allocation WHERE id >= %s)
GROUP BY lot.transfer_id, lot.granted, lot.remaining
HAVING lot.granted <> lot.remaining + COALESCE(SUM(allocation.amount), 0)
"""
_GRANTS = """
SELECT transfer.id, transfer.amount, COALESCE(lot.granted, 0)
FROM ledger_transfer AS transfer LEFT JOIN ledger_lot AS lot ON lot.transfer_id = transfer.id
WHERE transfer.id >= %s AND (lot.granted <> transfer.amount OR lot.account_id <> transfer.credit_id
    OR (lot.transfer_id IS NULL) <> (transfer.credit_balance_after IS NULL OR transfer.asset LIKE '%%:%%'))
"""
_PAYMENTS = """
SELECT transfer.id, transfer.amount, COALESCE(SUM(allocation.amount), 0)
FROM ledger_transfer AS transfer
LEFT JOIN ledger_allocation AS allocation ON allocation.transfer_id = transfer.id
LEFT JOIN ledger_lot AS lot ON lot.transfer_id = allocation.lot_id
WHERE transfer.id >= %s
GROUP BY transfer.id, transfer.amount, transfer.asset, transfer.debit_balance_after
HAVING COUNT(CASE WHEN lot.account_id <> transfer.debit_id THEN 1 END) > 0 OR COALESCE(SUM(allocation.amount), 0)
    <> CASE WHEN transfer.debit_balance_after IS NULL OR transfer.asset LIKE '%%:%%' THEN 0 ELSE transfer.amount END
"""
_ENDS = """
SELECT lot.transfer_id, lot.ends_at
FROM ledger_lot AS lot JOIN ledger_account AS account ON account.id = lot.account_id
WHERE lot.remaining > 0 AND lot.ends_at IS NOT NULL
    AND (account.next_end_at IS NULL OR account.next_end_at > lot.ends_at)
"""
_EXPIRIES = f"""
SELECT transfer.id, transfer.cause_id
FROM ledger_transfer AS transfer
LEFT JOIN ledger_allocation AS allocation ON allocation.transfer_id = transfer.id
LEFT JOIN ledger_lot AS lot ON lot.transfer_id = allocation.lot_id
LEFT JOIN ledger_account AS sink ON sink.id = transfer.credit_id
WHERE transfer.id >= %s AND transfer.cause_type = '{LOT_CAUSE}' AND (lot.ends_at IS NULL
    OR lot.ends_at > transfer.created_at OR UUID_TEXT(lot.transfer_id) <> SUBSTR(transfer.cause_id, 1, 36)
    OR COALESCE(sink.owner, '') <> 'system:expired')
"""  # noqa: S608  # our own word
_OWED = """
SELECT account.id, account.owed, COALESCE(debt.owed - debt.paid, 0)
FROM ledger_account AS account LEFT JOIN (
    SELECT lot.account_id, SUM(takeback.owed) AS owed, (
        SELECT COALESCE(SUM(transfer.amount), 0) FROM ledger_transfer AS transfer
        WHERE transfer.debit_id = lot.account_id AND transfer.debit_balance_after IS NOT NULL
            AND transfer.leg LIKE '%%.owed') AS paid
    FROM ledger_takeback AS takeback JOIN ledger_lot AS lot ON lot.transfer_id = takeback.lot_id
    GROUP BY lot.account_id
) AS debt ON debt.account_id = account.id
WHERE account.owed <> COALESCE(debt.owed - debt.paid, 0)
"""
_REPAID = f"""
SELECT payment.id, payment.amount
FROM ledger_transfer AS payment
LEFT JOIN ledger_transfer AS granted ON granted.cause_id = payment.cause_id
    AND granted.cause_type = payment.cause_type AND granted.leg || '.owed' = payment.leg
    AND granted.credit_id = payment.debit_id AND granted.amount >= payment.amount
LEFT JOIN ledger_hold AS released ON released.cause_id = payment.cause_id
    AND released.cause_type = payment.cause_type AND payment.leg = '{HOLD_LEG}.owed'
    AND released.account_id = payment.debit_id AND released.state <> 'pending'
    AND released.amount - released.posted_amount >= payment.amount
LEFT JOIN ledger_takeback AS caused ON caused.cause_id = payment.cause_id
    AND caused.cause_type = payment.cause_type AND payment.leg = '{TAKEN_BACK_LEG}.owed'
    AND caused.owed >= payment.amount
WHERE payment.id >= %s AND payment.leg LIKE '%%.owed'
    AND (COALESCE(granted.id, released.id, caused.id) IS NULL OR NOT EXISTS (
    SELECT 1 FROM ledger_takeback AS takeback JOIN ledger_lot AS lot ON lot.transfer_id = takeback.lot_id
    WHERE lot.account_id = payment.debit_id AND takeback.id < payment.id))
"""  # noqa: S608  # our own words
_TAKEN_BACK = f"""
SELECT takeback.id, takeback.amount, COALESCE(allocation.amount, 0)
FROM ledger_takeback AS takeback JOIN ledger_lot AS lot ON lot.transfer_id = takeback.lot_id
LEFT JOIN ledger_transfer AS transfer ON transfer.cause_id = takeback.cause_id
    AND transfer.cause_type = takeback.cause_type AND transfer.leg = '{TAKEN_BACK_LEG}'
LEFT JOIN ledger_allocation AS allocation ON allocation.transfer_id = transfer.id
    AND allocation.lot_id = lot.transfer_id
WHERE takeback.amount <> COALESCE(allocation.amount, 0) OR takeback.amount + takeback.owed > lot.granted
"""  # noqa: S608  # our own word
_TAKEN_FOR_NOTHING = f"""
SELECT transfer.id, transfer.amount
FROM ledger_transfer AS transfer
LEFT JOIN ledger_takeback AS takeback ON takeback.cause_id = transfer.cause_id
    AND takeback.cause_type = transfer.cause_type AND takeback.amount = transfer.amount
WHERE transfer.id >= %s AND transfer.leg = '{TAKEN_BACK_LEG}' AND takeback.id IS NULL
"""  # noqa: S608  # our own word


@invariant("I-02", "the triggers that keep the ledger's rows immutable are in place")
def rows_are_guarded(now: datetime) -> Iterable[Breach]:
    """Triggers that are missing or disabled."""
    return missing_triggers(_GUARDS | triggers_of(*_APPEND_ONLY))


@invariant("I-03", "each balance equals the sum of its account's movements")
def balances_equal_movements(now: datetime) -> Iterable[Breach]:
    """Accounts whose cached balance tells another story than their entries."""
    for account_id, balance, moved in rows(_BALANCES):
        yield Breach(f"account {account_id}", f"balance {balance}, movements sum to {moved}")


@invariant("I-03", "each movement belongs to two accounts of its asset", windowed=True)
def movements_have_accounts(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Movements whose account is missing or of another asset, or that take a user for a system account."""
    for transfer_id, account_id in rows(_STRAY_ENTRIES, [first_key_at(since)]):
        yield Breach(f"transfer {transfer_id}", f"does not fit account {account_id}")


@invariant("I-04", "per asset, users own what left the system accounts")
def assets_sum_to_zero(now: datetime) -> Iterable[Breach]:
    """Assets of which users own more or less than the system accounts gave out."""
    for asset, owned, issued in rows(_FLOWS):
        yield Breach(f"asset {asset}", f"users own {owned}, system accounts gave {issued}")


@invariant("I-15", "each held amount equals the account's pending holds")
def held_equals_pending_holds(now: datetime) -> Iterable[Breach]:
    """Accounts whose cached held amount differs from the sum of their pending holds."""
    for account_id, held, pending in rows(_HELD):
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


@invariant("I-03", "an account's key follows from its name", windowed=True)
def accounts_have_their_names(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Accounts under another key than their name's: there could be a second one of the same name."""
    accounts = Account.objects.all() if since is None else Account.objects.filter(created_at__gte=since)
    for account in accounts.order_by("pk").iterator(chunk_size=2000):
        if account.ref.id != account.pk:
            yield Breach(f"account {account.pk}", "its key is another name's")


@invariant("I-13", "a hold's posted amount is what moved for its cause")
def posted_holds_moved(now: datetime) -> Iterable[Breach]:
    """Holds that say another amount than their movement, or whose movement is missing."""
    for hold, posted, moved in rows(_POSTED.format(leg=HOLD_LEG)):
        yield Breach(f"hold {hold}", f"posted {posted}, {moved} moved")


@invariant("I-51", "every cause is in the closed list", windowed=True)
def causes_are_known(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Movements and holds of a cause type, or a leg of it, that no app declared; pending holds whatever their age."""
    known = Q()
    for cause_type, leg in causes.known_legs:
        known |= Q(cause_type=cause_type, leg=leg)
    transfers = Transfer.objects.exclude(known)
    holds = Hold.objects.exclude(cause_type__in=causes.known_reservations)
    if since is not None:
        first = first_id_at(since)
        transfers, holds = transfers.filter(pk__gte=first), holds.filter(Q(pk__gte=first) | Q(state=HoldState.PENDING))
    for transfer in transfers.order_by("pk")[:_SHOWN]:
        yield Breach(f"transfer {transfer.pk}", f"its cause {transfer.cause_type} {transfer.leg} is not in the list")
    for hold in holds.order_by("pk")[:_SHOWN]:
        yield Breach(f"hold {hold.pk}", f"its cause {hold.cause_type} is not in the list")


@invariant("I-49", "the lots of an account sum to its balance")
def lots_sum_to_balances(now: datetime) -> Iterable[Breach]:
    """Accounts whose lots have more or less left than their balance."""
    for account_id, balance, left in rows(_LOTS):
        yield Breach(f"account {account_id}", f"balance {balance}, {left} left in its lots")


@invariant("I-49", "what is left of a lot is what it granted and nobody took", windowed=True)
def lots_have_left_what_nobody_took(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Lots that lost more or less than movements took from them: spent, expired or taken back."""
    first = first_key_at(since)
    for lot_id, granted, left, taken in rows(_LEFT, [first, first]):
        yield Breach(f"lot {lot_id}", f"{granted} granted, {taken} taken, {left} left")


@invariant("I-49", "every grant is a lot and every lot a grant", windowed=True)
def grants_are_lots(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Movements into accounts without their lot, and lots of another account or amount than their movement."""
    for transfer_id, amount, granted in rows(_GRANTS, [first_key_at(since)]):
        yield Breach(f"transfer {transfer_id}", f"{amount} granted, a lot of {granted}")


@invariant("I-49", "every movement out of an account is paid by its lots", windowed=True)
def payments_come_from_lots(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Movements that lots paid too much or too little of, or the lots of somebody else."""
    for transfer_id, amount, paid in rows(_PAYMENTS, [first_key_at(since)]):
        yield Breach(f"transfer {transfer_id}", f"{amount} moved, {paid} allocated, or not to lots of its account")


@invariant("I-49", "no lot ends before its account knows")
def accounts_know_their_ends(now: datetime) -> Iterable[Breach]:
    """Lots that would be spent after their end, and that the sweep would not see."""
    for lot_id, ends_at in rows(_ENDS):
        yield Breach(f"lot {lot_id}", f"ends at {ends_at}, its account expects no end by then")


@invariant("I-49", "nothing expires before its end", windowed=True)
def only_ended_lots_expire(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Expiries of lots that had not ended, of other lots than they say, or to elsewhere."""
    for transfer_id, cause_id in rows(portable(_EXPIRIES), [first_key_at(since)]):
        yield Breach(f"transfer {transfer_id}", f"is no expiry of lot {cause_id}")


@invariant("I-52-lots", "lots that have ended are gone")
def ended_lots_are_swept(now: datetime) -> Iterable[Breach]:
    """Accounts that keep of an ended lot what no hold needs."""
    late = Account.objects.filter(next_end_at__lt=now - _SWEEP_GRACE, balance__gt=F("held"))
    for account in late.order_by("next_end_at")[:_SHOWN]:
        yield Breach(f"account {account.pk}", f"has an end of {account.next_end_at}")


@invariant("I-58", "what an account owes was taken back and is not paid yet")
def debts_have_their_cause(now: datetime) -> Iterable[Breach]:
    """Accounts that owe more or less than what was taken back left open and later grants have not paid."""
    for account_id, owed, due in rows(_OWED):
        yield Breach(f"account {account_id}", f"owes {owed}, {due} open")


@invariant("I-58", "an account that owes has nothing free")
def debts_are_paid_at_once(now: datetime) -> Iterable[Breach]:
    """Accounts that owe and could spend."""
    for account in Account.objects.filter(owed__gt=0, balance__gt=F("held")).order_by("pk")[:_SHOWN]:
        free = account.balance - account.held
        yield Breach(f"account {account.pk}", f"owes {account.owed} and has {free} free")


@invariant("I-58", "only what became free pays what is owed, and only what is", windowed=True)
def debts_are_paid_by_what_became_free(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Payments of debts without their grant, released hold or grant taken back, above it, or of nothing owed."""
    for transfer_id, amount in rows(_REPAID, [first_key_at(since)]):
        yield Breach(f"transfer {transfer_id}", f"{amount} paid for a debt that is not there, or by nothing free")


@invariant("I-58", "a grant that was taken back lost what the books say", windowed=True)
def grants_were_taken_back(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Grants taken back that differ from their movement, or exceed what was granted; and movements without one."""
    for takeback_id, amount, taken in rows(_TAKEN_BACK):
        yield Breach(f"grant taken back {takeback_id}", f"{amount} due, {taken} taken from its lot")
    for transfer_id, amount in rows(_TAKEN_FOR_NOTHING, [first_key_at(since)]):
        yield Breach(f"transfer {transfer_id}", f"{amount} taken back, of no grant")
