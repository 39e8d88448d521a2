"""Balances of before become lots: each account's movements are replayed, as if lots had been there from the start.

A grant becomes a lot of its purse without an end; what went out took from the lots in the order of spending. Movements
are read in the order of their keys, which follows the balances as far as the servers' clocks agreed: what goes out
before there is enough is taken from the next grants. So the lots sum to the movements, whatever the clocks said.

Accounts are done in batches, each in a transaction of its own; run again, it goes on with accounts that have no lots.
"""

from collections import deque

from django.db import migrations, transaction
from django.db.models import Exists, OuterRef, Q

from apps.kernel.ids import new_id

ACCOUNTS_AT_ONCE = 50
ROWS_AT_ONCE = 500

# Everything else was a gift: registration, sign-in, rebates, prizes, exchange, adjustments.
PAID_CAUSE = "orders.order"


class Replay:
    """The lots of one account: [key, left] by purse, in the order of spending, and what each movement took."""

    def __init__(self):
        self.granted = []
        self.allocations = []
        self._open = {"gift": deque(), "paid": deque()}
        self._short = deque()

    def come_in(self, transfer_id, amount, *, is_paid):
        """A grant, which first covers what went out too early."""
        purse = "paid" if is_paid else "gift"
        lot = [transfer_id, amount]
        self.granted.append((lot, purse, amount))
        self._open[purse].append(lot)
        while self._short and any(self._open.values()):
            self.go_out(*self._short.popleft())

    def go_out(self, transfer_id, amount):
        """A movement out of the account: gifts pay first, then the oldest."""
        for lots in self._open.values():
            while amount and lots:
                lot = lots[0]
                part = min(amount, lot[1])
                self.allocations.append((transfer_id, lot[0], part))
                amount -= part
                lot[1] -= part
                if not lot[1]:
                    lots.popleft()
        if amount:
            self._short.appendleft((transfer_id, amount))


def replay(account, transfers):
    """Everything that ever moved in one account; `transfers` is a QuerySet."""
    found = Replay()
    mine = transfers.filter(Q(debit_id=account.pk) | Q(credit_id=account.pk)).order_by("pk")
    columns = ("pk", "credit_id", "amount", "cause_type")
    for pk, credit_id, amount, cause_type in mine.values_list(*columns).iterator(chunk_size=2000):
        if credit_id == account.pk:
            found.come_in(pk, amount, is_paid=cause_type == PAID_CAUSE)
        else:
            found.go_out(pk, amount)
    return found


def write(apps, account, found):
    """The lots and allocations of one account."""
    lot, allocation = apps.get_model("ledger", "Lot"), apps.get_model("ledger", "Allocation")
    lot.objects.bulk_create(
        (
            lot(transfer_id=pk, account_id=account.pk, purse=purse, granted=amount, remaining=left)
            for (pk, left), purse, amount in found.granted
        ),
        batch_size=ROWS_AT_ONCE,
    )
    allocation.objects.bulk_create(
        (allocation(id=new_id(), transfer_id=out, lot_id=pk, amount=amount) for out, pk, amount in found.allocations),
        batch_size=ROWS_AT_ONCE,
    )


def forwards(apps, schema_editor):
    """Every user account of an asset that has lots: one without a colon in its name."""
    accounts, transfers = apps.get_model("ledger", "Account").objects, apps.get_model("ledger", "Transfer").objects
    has_lots = Exists(apps.get_model("ledger", "Lot").objects.filter(account=OuterRef("pk")))
    waiting = accounts.filter(~has_lots, is_system=False).exclude(asset__contains=":").order_by("pk")
    batch = list(waiting[:ACCOUNTS_AT_ONCE])
    while batch:
        with transaction.atomic():
            for account in accounts.select_for_update().filter(pk__in=[account.pk for account in batch]):
                write(apps, account, replay(account, transfers))
        batch = list(waiting.filter(pk__gt=batch[-1].pk)[:ACCOUNTS_AT_ONCE])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0004_lots")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop, elidable=False)]
