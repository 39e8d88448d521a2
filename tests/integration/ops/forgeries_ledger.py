"""What a forger does to lots, to what they paid and to what accounts owe; the number that names it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db.models import F

from apps.kernel import clock
from apps.ledger import services as ledger
from apps.ledger.contracts import AccountRef, Cause, Purse, system_account
from apps.ledger.models import Account, Allocation, Lot, TakeBack, Transfer
from tests.integration.ops.forgeries import Forgery, _changed, _deleted

# Nobody's of the site: what happens here explains nothing there.
SOMEBODY = AccountRef("user:somebody", "points")
DEBTOR = AccountRef("user:debtor", "points")


def widen() -> None:
    """An account in which a lot ended and another is going to, and one whose lot was spent and taken back."""
    now = clock.now()
    _grant(SOMEBODY, "1", 4, ends_at=now)
    _grant(SOMEBODY, "2", 5, ends_at=now + timedelta(days=2))
    _grant(DEBTOR, "3", 9)
    ledger.expire_lots(now=now)
    ledger.spend(account=DEBTOR, amount=8, sink="revenue", kind="test", cause=Cause("test.fact", "4"), now=now)
    ledger.take_back(granted=Cause("test.fact", "3"), kind="test", cause=Cause("test.fact", "5"), now=now)
    _grant(DEBTOR, "6", 1)


def _grant(account: AccountRef, number: str, amount: int, **more: Any) -> None:
    ledger.grant(
        account=account,
        amount=amount,
        purse=Purse.PAID,
        kind="test",
        cause=Cause("test.fact", number),
        now=clock.now() - timedelta(minutes=1),
        **more,
    )


def _bought() -> Any:
    return Lot.objects.filter(transfer__kind="purchase")


def _mine() -> Any:
    return Account.objects.filter(pk=SOMEBODY.id)


def _forgiven() -> None:
    widen()
    _changed(Account.objects.filter(pk=DEBTOR.id), owed=0)


def _taken_back(**changes: Any) -> None:
    widen()
    _changed(TakeBack.objects.all(), **changes)


def _undone() -> None:
    widen()
    _deleted(TakeBack.objects.all())


def _unpaid() -> None:
    """A debt that the books explain, of an account that could pay it."""
    widen()
    lot = Lot.objects.get(transfer__cause_id="2", transfer__cause_type="test.fact")
    TakeBack.objects.create(
        lot=lot, amount=0, owed=1, cause_type="test.fact", cause_id=str(uuid4()), created_at=clock.now()
    )
    _changed(_mine(), owed=1)


def _invented_take_back() -> None:
    """Somebody's purchase is taken back, and nothing left."""
    lot = _bought().order_by("pk")[0]
    TakeBack.objects.create(
        lot=lot, amount=0, owed=1, cause_type="test.fact", cause_id=str(uuid4()), created_at=clock.now()
    )


def _out(cause_type: str, leg: str, sink: str) -> None:
    """One unit that leaves the newest purchase, with everything that the ledger itself looks at."""
    lot = _bought().order_by("-pk")[0]
    account = lot.account
    Account.objects.filter(pk=account.pk).update(balance=F("balance") - 1)
    Lot.objects.filter(pk=lot.pk).update(remaining=F("remaining") - 1)
    moved = Transfer.objects.create(
        debit_id=account.pk,
        credit_id=system_account(sink, account.asset).id,
        asset=account.asset,
        amount=1,
        kind="expiry",
        cause_type=cause_type,
        cause_id=f"{lot.pk}:{lot.remaining - 1}",
        leg=leg,
        debit_balance_after=account.balance - 1,
        created_at=clock.now(),
    )
    Allocation.objects.create(transfer=moved, lot=lot, amount=1)


def _endless() -> None:
    widen()
    _changed(_mine(), next_end_at=None)


def _unswept() -> None:
    widen()
    _changed(_mine(), next_end_at=clock.now() - timedelta(hours=1))


WITH_TRIGGERS: list[Forgery] = [
    (
        "more left in a lot",
        lambda: _changed(Lot.objects.filter(remaining__lt=F("granted")), remaining=F("granted")),
        "I-49",
    ),
    ("less left in a lot", lambda: _changed(_bought(), remaining=0), "I-49"),
    ("an expiry before its end", lambda: _out("ledger.lot", "end", "expired"), "I-49"),
    ("an end that its account forgot", _endless, "I-49"),
    ("a lot that stays after its end", _unswept, "I-52-lots"),
    ("a debt out of nowhere", lambda: _changed(Account.objects.filter(is_system=False), owed=1), "I-58"),
    ("a forgiven debt", _forgiven, "I-58"),
    ("a debt of who could pay it", _unpaid, "I-58"),
    ("a grant taken back in the books alone", _invented_take_back, "I-58"),
    ("something taken back of no grant", lambda: _out("test.fact", "taken_back", "issuer"), "I-58"),
    ("a debt paid that was not there", lambda: _out("test.fact", "main.owed", "issuer"), "I-58"),
]
WITHOUT_TRIGGERS: list[Forgery] = [
    ("ledger_lot", lambda: _changed(_bought(), purse="gift"), "I-07"),
    ("ledger_lot", lambda: _changed(_bought(), ends_at=clock.now()), "I-07"),
    ("ledger_lot", lambda: _changed(_bought(), granted=F("granted") + 1, remaining=F("remaining") + 1), "I-49"),
    ("ledger_lot", lambda: _changed(Lot.objects.all(), account_id=_bought()[0].account_id), "I-49"),
    ("ledger_allocation", lambda: _changed(Allocation.objects.all(), amount=F("amount") + 1), "I-49"),
    ("ledger_allocation", lambda: _deleted(Allocation.objects.all()), "I-49"),
    ("ledger_takeback", lambda: _taken_back(owed=0), "I-58"),
    ("ledger_takeback", lambda: _taken_back(amount=F("amount") + 1), "I-58"),
    ("ledger_takeback", _undone, "I-58"),
]

# Columns whose forged value is neither refused nor named, and why.
EXPLAINED = {
    "ledger.Account.next_end_at": "may be early: the account is looked at once more; late, or empty, is I-49",
}
