"""A lot that has ended loses what no hold needs; the rest counts for the hold, and leaves when it is resolved."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.kernel.ids import UserId, new_id
from apps.ledger import services as ledger
from apps.ledger import tasks
from apps.ledger.engine import lots
from apps.ledger.models import Account, Transfer
from apps.ledger.services import Purse
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    NOON,
    breaches,
    issue,
    left,
    money,
    post,
    reserve,
    snapshot,
    spend,
    take_back,
    void,
)

pytestmark = pytest.mark.django_db

END = NOON + timedelta(minutes=1)


def expired() -> list[int]:
    """What left at its end, in order."""
    return list(Transfer.objects.filter(kind="expiry").order_by("pk").values_list("amount", flat=True))


def test_the_sweep_takes_what_is_left_of_lots_that_have_ended() -> None:
    ends, stays, others = issue(ALICE, 10, ends_at=END), issue(ALICE, 5), issue(BOB, 7, ends_at=END)
    spend(ALICE, 4)

    assert ledger.expire_lots(now=END - timedelta(seconds=1)) == 0
    assert ledger.expire_lots(now=END) == 2

    assert left(ends, stays, others) == [0, 5, 0]
    assert (money(ALICE), money(BOB)) == ((5, 0), (0, 0))
    assert sorted(expired()) == [6, 7]
    assert breaches(END) == []
    before = snapshot()
    assert ledger.expire_lots(now=END) == 0
    assert snapshot() == before


def test_an_expiry_goes_to_its_own_system_account_and_names_its_lot() -> None:
    granted = issue(ALICE, 10, ends_at=END)

    ledger.expire_lots(now=END)

    moved = Transfer.objects.select_related("credit").get(kind="expiry")
    assert moved.credit.owner == "system:expired"
    assert (moved.cause_type, moved.cause_id, moved.leg) == ("ledger.lot", f"{granted.id}:0", "end")
    assert (moved.debit_balance_after, moved.created_at) == (0, END)


def test_nothing_of_an_ended_lot_is_spent_or_held_though_nobody_swept_it() -> None:
    ends, stays = issue(ALICE, 10, ends_at=END), issue(ALICE, 5)

    with pytest.raises(ledger.InsufficientFunds):
        spend(ALICE, 6, now=END)
    with pytest.raises(ledger.InsufficientFunds):
        reserve(ALICE, 6, now=END)
    assert expired() == []  # it was undone with the refused movement
    spend(ALICE, 3, now=END)

    assert left(ends, stays) == [0, 2]
    assert expired() == [10]
    assert breaches(END) == []


def test_what_has_no_end_is_held_though_nobody_swept_what_ended() -> None:
    ends, stays = issue(ALICE, 10, ends_at=END), issue(ALICE, 5)

    reserve(ALICE, 5, now=END)

    assert (left(ends, stays), money(ALICE), expired()) == ([0, 5], (5, 5), [10])
    assert breaches(END) == []


def test_what_a_hold_needs_stays_past_the_end_and_counts_for_its_posting() -> None:
    ends = issue(ALICE, 10, ends_at=END)
    hold = reserve(ALICE, 6)

    ledger.expire_lots(now=END)
    assert (left(ends), money(ALICE), expired()) == ([6], (6, 6), [4])
    post(hold, 5, now=END)

    assert (left(ends), money(ALICE), expired()) == ([0], (0, 0), [4, 1])
    assert breaches(END) == []


def test_a_voided_hold_lets_the_ended_rest_leave() -> None:
    issue(ALICE, 10, ends_at=END)
    first, second = reserve(ALICE, 6), reserve(ALICE, 3)
    ledger.expire_lots(now=END)

    void(first, now=END)
    assert (money(ALICE), expired()) == ((3, 3), [1, 6])
    void(second, now=END)

    assert (money(ALICE), expired()) == ((0, 0), [1, 6, 3])
    assert breaches(END) == []


@pytest.mark.parametrize("is_swept", [True, False])
def test_a_hold_that_another_lot_covers_keeps_no_ended_one(is_swept: bool) -> None:
    ends, stays = issue(ALICE, 10, ends_at=END), issue(ALICE, 10)
    hold = reserve(ALICE, 5)

    if is_swept:
        ledger.expire_lots(now=END)
    post(hold, 5, now=END)

    assert left(ends, stays) == [0, 5]
    assert breaches(END) == []


@pytest.mark.parametrize("is_swept", [True, False])
def test_a_later_grant_covers_the_hold_and_the_ended_lot_leaves(is_swept: bool) -> None:
    ends = issue(ALICE, 10, ends_at=END)
    hold = reserve(ALICE, 8)
    if is_swept:
        ledger.expire_lots(now=END)

    later = issue(ALICE, 20, now=END)
    post(hold, 8, now=END)

    assert left(ends, later) == [0, 12]
    assert breaches(END) == []


def test_an_account_that_cannot_lose_anything_yet_stands_in_nobodys_way() -> None:
    issue(ALICE, 10, ends_at=END)
    reserve(ALICE, 10)
    issue(BOB, 10, ends_at=END + timedelta(seconds=1))

    assert ledger.expire_lots(now=END + timedelta(seconds=1), limit=1) == 1

    assert (money(ALICE), money(BOB)) == ((10, 10), (0, 0))


def test_a_lot_that_was_used_up_is_looked_at_once() -> None:
    issue(ALICE, 10, ends_at=END)
    spend(ALICE, 10)

    assert ledger.expire_lots(now=END) == 1
    assert ledger.expire_lots(now=END) == 0
    assert expired() == []


def test_each_asset_has_a_place_of_its_own_for_what_ended() -> None:
    later = END + timedelta(minutes=1)
    accounts = sorted([ALICE, ledger.AccountRef(ALICE.owner, "quota")], key=lambda account: account.id)
    # Not the first account of the table ends first.
    for account, ends_at in zip(accounts, (later, END), strict=True):
        issue(account, 5, ends_at=ends_at)

    assert ledger.expire_lots(now=later) == 2

    movements = Transfer.objects.filter(kind="expiry").select_related("debit", "credit")
    assert sorted((row.debit.asset, row.credit.asset) for row in movements) == [
        ("points", "points"),
        ("quota", "quota"),
    ]


def test_what_ended_first_leaves_first() -> None:
    issue(ALICE, 5, ends_at=NOON + timedelta(days=2))
    issue(BOB, 5, ends_at=NOON + timedelta(days=1))

    assert ledger.expire_lots(now=NOON + timedelta(days=3), limit=1) == 1

    assert (money(ALICE), money(BOB)) == ((5, 0), (0, 0))


def test_the_sweep_is_bounded_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "BATCH", 2)
    for account in (ALICE, BOB):
        for _ in range(5):
            issue(account, 3, ends_at=END)

    assert ledger.expire_lots(now=END, limit=1) == 1
    assert sorted(Account.objects.filter(is_system=False).values_list("balance", flat=True)) == [0, 15]
    assert ledger.expire_lots(now=END, limit=1) == 1

    assert expired() == [3] * 10
    assert breaches(END) == []


def test_a_batch_of_ended_lots_costs_the_same_as_one() -> None:
    costs = []
    for account, lots_of_it in ((ALICE, 1), (BOB, 40)):
        for _ in range(lots_of_it):
            issue(account, 3, ends_at=END)
        with CaptureQueriesContext(connection) as captured:
            ledger.expire_lots(now=END)
        costs.append(len(captured))

    assert costs[1] <= costs[0]


def test_the_next_end_is_the_next_one_and_then_none() -> None:
    issue(ALICE, 1, ends_at=END + timedelta(days=1))
    issue(ALICE, 1, ends_at=END)
    issue(ALICE, 1)

    ends = [Account.objects.get(pk=ALICE.id).next_end_at]
    for now in (END, END + timedelta(days=1)):
        ledger.expire_lots(now=now)
        ends.append(Account.objects.get(pk=ALICE.id).next_end_at)

    assert ends == [END, END + timedelta(days=1), None]


def test_the_audit_names_an_ended_lot_that_nobody_swept() -> None:
    issue(ALICE, 10, ends_at=END)

    assert breaches(END + timedelta(minutes=5)) == []
    (found,) = breaches(END + timedelta(minutes=5, seconds=1))
    assert found.subject == f"account {ALICE.id}"


def test_what_ended_is_not_owed() -> None:
    granted = issue(ALICE, 10, purse=Purse.PAID, ends_at=END)
    spend(ALICE, 3)
    ledger.expire_lots(now=END)

    assert take_back(granted, now=END) == ledger.TakenBack(amount=0, owed=3)
    assert breaches(END) == []


def test_the_beat_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    issue(ALICE, 10, ends_at=END)
    monkeypatch.setattr("apps.kernel.clock.now", lambda: END)

    tasks.expire_lots()

    assert money(ALICE) == (0, 0)


def test_the_beat_sweeps_all_that_ended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = [ALICE, BOB, *(ledger.user_account(UserId(new_id()), "points") for _ in range(3))]
    for owner in owners:
        issue(owner, 10, ends_at=END)
    monkeypatch.setattr("apps.kernel.clock.now", lambda: END)
    monkeypatch.setattr(tasks, "_BATCH", 2)

    tasks.expire_lots()

    assert [money(owner) for owner in owners] == [(0, 0)] * 5
