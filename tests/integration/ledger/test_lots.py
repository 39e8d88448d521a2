"""Each grant is a lot; what is spent takes from lots in one order, and lots sum to the balance."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.ledger import services as ledger
from apps.ledger.engine import lots
from apps.ledger.models import Allocation, Lot, Transfer
from apps.ledger.services import Purse
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    CHANCES,
    NOON,
    breaches,
    cause,
    issue,
    left,
    money,
    post,
    reserve,
    snapshot,
    spend,
    void,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
END = NOON + DAY


def test_a_grant_is_a_lot_with_its_cause_purse_and_end() -> None:
    granted = issue(ALICE, 10, purse=Purse.PAID, ends_at=NOON + DAY)

    lot = Lot.objects.get()
    assert (lot.transfer_id, lot.account_id, lot.purse) == (granted.id, ALICE.id, Purse.PAID)
    assert (lot.granted, lot.remaining, lot.ends_at) == (10, 10, NOON + DAY)
    assert breaches() == []


def test_a_repeat_makes_no_second_lot() -> None:
    why = cause()
    for _ in range(3):
        issue(ALICE, 10, why)

    assert Lot.objects.count() == 1
    assert breaches() == []


def test_an_asset_with_a_colon_in_its_name_has_no_lots() -> None:
    issue(CHANCES, 3)
    spend(CHANCES, 2)

    assert (Lot.objects.count(), Allocation.objects.count()) == (0, 0)
    assert breaches() == []
    with pytest.raises(ValueError, match="is no lot and cannot end"):
        issue(CHANCES, 1, ends_at=NOON + DAY)


def test_the_earliest_end_pays_first_then_gifts_then_the_oldest() -> None:
    old_paid, old_gift = issue(ALICE, 1, purse=Purse.PAID), issue(ALICE, 1)
    new_gift, new_paid = issue(ALICE, 1), issue(ALICE, 1, purse=Purse.PAID)
    late = issue(ALICE, 1, purse=Purse.GIFT, ends_at=NOON + 2 * DAY)
    soon_paid = issue(ALICE, 1, purse=Purse.PAID, ends_at=NOON + DAY)
    soon_gift = issue(ALICE, 1, purse=Purse.GIFT, ends_at=NOON + DAY)

    order = [soon_gift, soon_paid, late, old_gift, new_gift, old_paid, new_paid]
    for spent in range(1, len(order) + 1):
        spend(ALICE, 1)
        assert left(*order) == [0] * spent + [1] * (len(order) - spent)


@pytest.mark.parametrize("spent", range(2, 7))
def test_a_payment_out_of_several_lots_takes_them_in_the_same_order(spent: int) -> None:
    old_paid, old_gift = issue(ALICE, 1, purse=Purse.PAID), issue(ALICE, 1)
    late, soon = issue(ALICE, 1, ends_at=NOON + 2 * DAY), issue(ALICE, 1, purse=Purse.PAID, ends_at=NOON + DAY)
    new_gift, new_paid = issue(ALICE, 1), issue(ALICE, 1, purse=Purse.PAID)

    spend(ALICE, spent)

    order = [soon, late, old_gift, new_gift, old_paid, new_paid]
    assert left(*order) == [0] * spent + [1] * (len(order) - spent)
    assert breaches() == []


def test_a_movement_may_take_from_several_lots() -> None:
    first, second, third = issue(ALICE, 3), issue(ALICE, 4), issue(ALICE, 5)

    moved = spend(ALICE, 8)

    assert left(first, second, third) == [0, 0, 4]
    parts = Allocation.objects.filter(transfer_id=moved.id).order_by("lot_id").values_list("lot_id", "amount")
    assert list(parts) == [(first.id, 3), (second.id, 4), (third.id, 1)]
    assert breaches() == []


def test_more_lots_than_are_read_at_once_pay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "BATCH", 2)
    grants = [issue(ALICE, 2) for _ in range(7)]

    spend(ALICE, 13)

    assert left(*grants) == [0] * 6 + [1]
    assert breaches() == []


def test_a_hold_takes_from_no_lot_until_it_is_posted() -> None:
    first, second = issue(ALICE, 5), issue(ALICE, 5)
    hold = reserve(ALICE, 7)
    assert left(first, second) == [5, 5]
    spend(ALICE, 3)
    assert left(first, second) == [2, 5]

    post(hold, 4)

    assert left(first, second) == [0, 3]
    assert breaches() == []


def test_a_voided_hold_takes_nothing() -> None:
    granted = issue(ALICE, 5)

    void(reserve(ALICE, 5))

    assert left(granted) == [5]
    assert breaches() == []


def test_somebody_elses_lots_stay() -> None:
    mine, theirs = issue(ALICE, 5), issue(BOB, 5)

    spend(ALICE, 5)

    assert left(mine, theirs) == [0, 5]


def test_lots_that_do_not_cover_a_balance_stop_the_movement() -> None:
    issue(ALICE, 5)
    Lot.objects.update(remaining=4)

    with pytest.raises(RuntimeError, match="do not sum"):
        spend(ALICE, 5)

    assert money(ALICE) == (5, 0)
    assert not Transfer.objects.filter(debit_id=ALICE.id).exists()


def test_the_lots_of_a_movement_are_found_by_the_index_of_their_order() -> None:
    issue(ALICE, 5)
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        ledger.spend(account=ALICE, amount=1, sink="revenue", kind="test", cause=cause(), now=NOON)
    (statement,) = [query["sql"] for query in captured if query["sql"].lstrip().startswith("UPDATE ledger_lot")]

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # an empty table needs no index
            cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN '}{statement}")
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())

    assert "ledger_lot_in_order" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan  # SQLite's sort


@pytest.mark.parametrize(
    "other",
    [
        {"purse": Purse.PAID, "ends_at": END},
        {"purse": Purse.GIFT, "ends_at": END - timedelta(minutes=1)},
        {"purse": Purse.GIFT, "ends_at": None},
    ],
)
def test_a_repeat_of_a_grant_as_another_lot_is_refused_and_changes_nothing(other: dict[str, Any]) -> None:
    issue(ALICE, 30)
    why = cause()
    first = issue(ALICE, 20, why, ends_at=END)
    before = snapshot()

    with transaction.atomic(), pytest.raises(ledger.CauseConflict):
        ledger.grant(account=ALICE, amount=20, kind="test", cause=why, now=NOON, **other)

    assert snapshot() == before
    assert issue(ALICE, 20, why, ends_at=END) == first
    assert snapshot() == before


def test_what_has_ended_is_not_granted_but_a_grant_is_repeated_after_its_end() -> None:
    why = cause()
    with pytest.raises(ledger.GrantEnded):
        issue(ALICE, 20, why, ends_at=END, now=END)
    assert snapshot() == [[]] * 6
    first = issue(ALICE, 20, why, ends_at=END, now=END - timedelta(seconds=1))

    assert issue(ALICE, 20, why, ends_at=END, now=END) == first
    with pytest.raises(ledger.CauseConflict):
        issue(ALICE, 21, why, ends_at=END, now=END)

    assert money(ALICE) == (20, 0)
