"""A grant is taken back once: what is left of its lot leaves, the rest is owed, and later grants pay it first."""

from datetime import timedelta

import pytest

from apps.ledger import services as ledger
from apps.ledger.models import Account, Hold, TakeBack, Transfer
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
    owed,
    post,
    reserve,
    snapshot,
    spend,
    take_back,
    void,
)

pytestmark = pytest.mark.django_db


def test_what_is_left_of_the_lot_leaves_and_other_lots_stay() -> None:
    gift, bought = issue(ALICE, 5), issue(ALICE, 20, purse=Purse.PAID)

    assert take_back(bought) == ledger.TakenBack(amount=20, owed=0)

    assert left(gift, bought) == [5, 0]
    assert (money(ALICE), owed(ALICE)) == ((5, 0), 0)
    assert breaches() == []


def test_a_grant_is_known_by_its_cause_type_and_leg_too() -> None:
    why = cause()
    gift = issue(ALICE, 5, ledger.Cause("test.gift", why.id))
    bonus = ledger.grant(account=ALICE, amount=3, purse=Purse.GIFT, kind="test", cause=why, leg="bonus", now=NOON)
    bought = issue(ALICE, 20, why, purse=Purse.PAID)

    assert take_back(bought) == ledger.TakenBack(amount=20, owed=0)

    assert left(gift, bonus, bought) == [5, 3, 0]


def test_what_was_spent_of_it_is_owed() -> None:
    gift, bought = issue(ALICE, 5), issue(ALICE, 20, purse=Purse.PAID)
    spend(ALICE, 12)

    assert take_back(bought) == ledger.TakenBack(amount=13, owed=7)

    assert left(gift, bought) == [0, 0]
    assert (money(ALICE), owed(ALICE)) == ((0, 0), 7)
    assert breaches() == []


def test_later_grants_pay_first_what_is_owed() -> None:
    bought = issue(ALICE, 20, purse=Purse.PAID)
    spend(ALICE, 20)
    take_back(bought)

    small = issue(ALICE, 6)
    assert (left(small), money(ALICE), owed(ALICE)) == ([0], (0, 0), 14)
    large = issue(ALICE, 20)
    assert (left(large), money(ALICE), owed(ALICE)) == ([6], (6, 0), 0)
    last = issue(ALICE, 3)

    assert left(large, last) == [6, 3]
    paid = Transfer.objects.filter(leg="main.owed").order_by("pk").values_list("amount", "cause_id")
    assert list(paid) == [(6, small.cause.id), (14, large.cause.id)]
    assert breaches() == []


def test_a_repeated_grant_pays_nothing_again() -> None:
    bought = issue(ALICE, 20, purse=Purse.PAID)
    spend(ALICE, 20)
    take_back(bought)
    why = cause()
    issue(ALICE, 5, why)
    before = snapshot()

    issue(ALICE, 5, why)

    assert snapshot() == before


def test_what_a_hold_needs_stays_and_is_owed() -> None:
    bought = issue(ALICE, 20, purse=Purse.PAID)
    hold = reserve(ALICE, 8)

    assert take_back(bought) == ledger.TakenBack(amount=12, owed=8)

    assert money(ALICE) == (8, 8)
    post(hold, 8)
    assert (money(ALICE), owed(ALICE)) == ((0, 0), 8)
    assert breaches() == []


def test_a_released_hold_pays_at_once_what_is_owed() -> None:
    gift, bought = issue(ALICE, 5, ends_at=NOON + timedelta(days=1)), issue(ALICE, 20, purse=Purse.PAID)
    posted, voided = reserve(ALICE, 15), reserve(ALICE, 10)
    assert take_back(bought) == ledger.TakenBack(amount=0, owed=20)

    void(voided)
    assert (left(gift, bought), money(ALICE), owed(ALICE)) == ([5, 10], (15, 15), 10)
    post(posted, 4)

    # What was taken back pays first: its member keeps what was given to them besides.
    assert (left(gift, bought), money(ALICE), owed(ALICE)) == ([1, 0], (1, 0), 0)
    paid = Transfer.objects.filter(leg="hold.owed").order_by("pk").values_list("amount", "cause_id", "kind")
    assert list(paid) == [(10, voided.cause.id, "owed"), (10, posted.cause.id, "owed")]
    assert breaches() == []


def test_a_hold_resolved_again_pays_nothing_again() -> None:
    bought = issue(ALICE, 20)
    posted, voided = reserve(ALICE, 12), reserve(ALICE, 8)
    take_back(bought)
    first = post(posted, 5)
    void(voided)
    issue(ALICE, 9)
    before = snapshot()

    assert post(posted, 5) == first
    void(voided)

    assert snapshot() == before


@pytest.mark.parametrize("spent", [0, 30])
def test_what_a_hold_kept_of_a_lot_that_ended_is_not_owed(spent: int) -> None:
    end = NOON + timedelta(seconds=2)
    bought = issue(ALICE, 100, ends_at=end)
    hold = reserve(ALICE, 100)
    take_back(bought)

    post(hold, spent, now=end)

    assert (left(bought), money(ALICE), owed(ALICE)) == ([0], (0, 0), spent)
    assert breaches(end) == []


def test_what_ends_unpaid_for_leaves_after_the_debt_is_paid() -> None:
    end = NOON + timedelta(seconds=2)
    bought, other = issue(ALICE, 10, purse=Purse.PAID), issue(ALICE, 30, ends_at=end)
    hold = reserve(ALICE, 40)
    take_back(bought)

    void(hold, now=end)

    assert (left(bought, other), money(ALICE), owed(ALICE)) == ([0, 0], (0, 0), 0)
    assert Transfer.objects.get(kind="expiry").amount == 30
    assert breaches(end) == []


def test_what_is_free_of_other_lots_pays_as_soon_as_it_is_owed() -> None:
    bought = issue(ALICE, 20, purse=Purse.PAID, ends_at=NOON + timedelta(days=1))
    spend(ALICE, 20)
    first, last, why = issue(ALICE, 6), issue(ALICE, 30), cause()
    hold = reserve(ALICE, 25)

    assert take_back(bought, why) == ledger.TakenBack(amount=0, owed=20)

    assert (left(first, last), money(ALICE), owed(ALICE)) == ([0, 25], (25, 25), 9)
    paid = Transfer.objects.get(kind="owed")
    assert (paid.cause_id, paid.leg, paid.amount) == (why.id, "taken_back.owed", 11)
    void(hold)
    assert (money(ALICE), owed(ALICE)) == ((16, 0), 0)
    assert breaches() == []


def test_a_debt_beside_something_free_is_found() -> None:
    bought = issue(ALICE, 20)
    hold = reserve(ALICE, 20)
    take_back(bought)
    Hold.objects.filter(pk=hold.id).update(state="voided", resolved_at=NOON)
    Account.objects.filter(pk=ALICE.id).update(held=0)

    assert [breach.detail for breach in breaches()] == ["owes 20 and has 20 free"]


def test_a_repeat_returns_the_first_result_and_changes_nothing() -> None:
    bought, why = issue(ALICE, 20), cause()
    spend(ALICE, 5)
    first = take_back(bought, why)
    issue(ALICE, 1)
    before = snapshot()

    assert take_back(bought, why) == first
    assert snapshot() == before


def test_a_grant_is_taken_back_for_one_cause_and_a_cause_takes_one_grant() -> None:
    first, second, why = issue(ALICE, 20), issue(ALICE, 20), cause()
    take_back(first, why)
    before = snapshot()

    for granted, because in ((first, cause()), (second, why), (first, ledger.Cause("test.other", why.id))):
        with pytest.raises(ledger.CauseConflict):
            take_back(granted, because)

    assert snapshot() == before


def test_grants_are_taken_back_for_causes_that_differ_in_their_type_or_in_their_number() -> None:
    first, second, third, why = issue(ALICE, 20), issue(ALICE, 5), issue(ALICE, 7), cause()
    take_back(first, why)

    assert take_back(second, ledger.Cause("test.other", why.id)) == ledger.TakenBack(amount=5, owed=0)
    assert take_back(third, ledger.Cause(why.type, "another")) == ledger.TakenBack(amount=7, owed=0)

    assert (left(first, second, third), money(ALICE)) == ([0, 0, 0], (0, 0))


def test_what_was_never_granted_as_a_lot_is_not_taken_back() -> None:
    for granted in (issue(CHANCES, 3), spend(CHANCES, 1)):
        with pytest.raises(ledger.GrantNotFound):
            take_back(granted)

    assert not TakeBack.objects.exists()


def test_the_movement_that_takes_back_says_why() -> None:
    why = cause()
    take_back(issue(ALICE, 20), why)

    moved = Transfer.objects.get(kind="refund")
    assert (moved.cause_type, moved.cause_id, moved.leg, moved.debit_balance_after) == (
        why.type,
        why.id,
        "taken_back",
        0,
    )


def test_a_debt_of_nothing_is_found() -> None:
    issue(ALICE, 20)
    Account.objects.filter(pk=ALICE.id).update(owed=1)

    assert [breach.detail for breach in breaches()] == ["owes 1, 0 open", "owes 1 and has 20 free"]


def test_a_debt_that_somebody_forgave_is_found() -> None:
    bought = issue(ALICE, 20)
    issue(BOB, 1)
    spend(ALICE, 20)
    take_back(bought)
    Account.objects.filter(pk=ALICE.id).update(owed=3)

    assert [breach.detail for breach in breaches()] == ["owes 3, 20 open"]


def test_an_end_that_passed_takes_nothing_twice() -> None:
    end = NOON + timedelta(minutes=1)
    granted = issue(ALICE, 20, ends_at=end)

    assert take_back(granted, now=end) == ledger.TakenBack(amount=0, owed=0)

    assert (money(ALICE), owed(ALICE)) == ((0, 0), 0)
    assert breaches(end) == []
