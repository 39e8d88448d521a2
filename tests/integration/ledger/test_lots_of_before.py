"""Balances from before there were lots become lots, by replaying what moved (migration 0005)."""

from collections.abc import Callable
from importlib import import_module
from itertools import count

import pytest
from django.apps import apps
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.kernel.ids import new_id
from apps.ledger import services as ledger
from apps.ledger.models import Account, Allocation, Lot, Transfer
from apps.ledger.services import Purse
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    CHANCES,
    ISSUER,
    NOON,
    REVENUE,
    breaches,
    issue,
    money,
    reserve,
    snapshot,
    spend,
)
from tests.rows import unguard_all

migration = import_module("apps.ledger.migrations.0005_lots_of_before")

ORDER = "orders.order"


def migrate() -> None:
    """What `migrate` does to the rows that are there."""
    migration.forwards(apps, None)


def forget_lots() -> None:
    """The ledger as it was before there were lots; the test's transaction brings the triggers back."""
    for model in (Allocation, Lot):
        unguard_all(model._meta.db_table)
        model.objects.all()._raw_delete("default")


def left() -> list[tuple[str, int, int]]:
    """Purse, grant and rest of every lot, the oldest first."""
    return list(Lot.objects.order_by("pk").values_list("purse", "granted", "remaining"))


@pytest.mark.django_db
def test_what_is_left_of_each_grant_comes_through() -> None:
    issue(ALICE, 30, ledger.Cause(ORDER, "1"), purse=Purse.PAID)
    issue(ALICE, 20)
    spend(ALICE, 25)
    issue(ALICE, 10, ledger.Cause(ORDER, "2"), purse=Purse.PAID)
    reserve(ALICE, 15)
    issue(BOB, 7)
    issue(CHANCES, 3)
    forget_lots()

    migrate()

    assert left() == [("paid", 30, 25), ("gift", 20, 0), ("paid", 10, 10), ("gift", 7, 7)]
    assert (money(ALICE), money(BOB)) == ((35, 15), (7, 0))
    assert [breach for breach in breaches() if not breach.subject.startswith(("trigger", "transfer"))] == []
    spend(ALICE, 20)
    assert left()[0] == ("paid", 30, 5)


@pytest.mark.django_db
def test_a_second_run_changes_nothing() -> None:
    issue(ALICE, 30)
    spend(ALICE, 4)
    forget_lots()
    migrate()
    before = snapshot()

    migrate()

    assert snapshot() == before


@pytest.mark.django_db
def test_more_accounts_than_one_batch_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "ACCOUNTS_AT_ONCE", 2)
    monkeypatch.setattr(migration, "ROWS_AT_ONCE", 3)
    for number in range(7):
        account = ledger.AccountRef(f"user:{number}", "points")
        for _ in range(number + 1):
            issue(account, 5)
        spend(account, 3)
    forget_lots()

    migrate()

    assert sum(rest for _, _, rest in left()) == sum(Account.objects.values_list("balance", flat=True))
    assert Allocation.objects.count() == 7


@pytest.mark.django_db
def test_clocks_that_disagreed_lose_nothing() -> None:
    """What was spent carries an older key than the grant that paid for it."""
    issue(ALICE, 4)
    spent, granted = new_id(), new_id()
    both = {"asset": "points", "kind": "test", "cause_type": "test.fact", "leg": "main", "created_at": NOON}
    Transfer.objects.create(
        id=granted, debit_id=ISSUER.id, credit_id=ALICE.id, amount=10, cause_id="in", credit_balance_after=14, **both
    )
    Transfer.objects.create(
        id=spent, debit_id=ALICE.id, credit_id=REVENUE.id, amount=12, cause_id="out", debit_balance_after=2, **both
    )
    Account.objects.filter(pk=ALICE.id).update(balance=2)
    forget_lots()

    migrate()

    assert left() == [("gift", 4, 0), ("gift", 10, 2)]
    paid = Allocation.objects.filter(transfer_id=spent).order_by("lot_id").values_list("amount", flat=True)
    assert list(paid) == [4, 8]


steps = st.lists(st.tuples(st.sampled_from(["gift", "paid", "spend"]), st.integers(1, 9)), max_size=25)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_a_replayed_history_leaves_what_living_through_it_left(history: list[tuple[str, int]]) -> None:
    numbers = count()
    act: dict[str, Callable[[int], object]] = {
        "gift": lambda amount: issue(ALICE, amount),
        "paid": lambda amount: issue(ALICE, amount, ledger.Cause(ORDER, str(next(numbers))), purse=Purse.PAID),
        "spend": lambda amount: spend(ALICE, min(amount, money(ALICE)[0])),
    }
    with transaction.atomic():
        for what, amount in history:
            if what != "spend" or money(ALICE)[0]:
                act[what](amount)
        lived = (left(), sorted(Allocation.objects.values_list("transfer_id", "lot_id", "amount")))
        forget_lots()

        migrate()

        assert (left(), sorted(Allocation.objects.values_list("transfer_id", "lot_id", "amount"))) == lived
        transaction.set_rollback(True)
