"""Amounts come into an account and leave it once per cause, or nothing changes."""

from functools import partial
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from apps.ledger import services as ledger
from apps.ledger.models import Account, Transfer
from apps.ledger.services import Purse
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    CHANCES,
    DEADLINE,
    ISSUER,
    NOON,
    REVENUE,
    breaches,
    cause,
    issue,
    money,
    reserve,
    snapshot,
    spend,
)

pytestmark = pytest.mark.django_db


def test_the_first_grant_creates_the_account() -> None:
    assert ledger.balance(account=ALICE) == ledger.Balance(0, 0)

    first = issue(ALICE, 70)
    second = issue(ALICE, 30)

    assert money(ALICE) == (100, 0)
    assert (first.debit, first.credit) == (ISSUER, ALICE)
    assert (first.debit_balance_after, first.credit_balance_after) == (None, 70)
    assert second.credit_balance_after == 100
    assert breaches() == []


def test_what_is_spent_goes_to_a_system_account() -> None:
    issue(ALICE, 10)

    moved = spend(ALICE, 4)

    assert (moved.debit, moved.credit, moved.amount) == (ALICE, REVENUE, 4)
    assert (moved.debit_balance_after, moved.credit_balance_after) == (6, None)
    assert money(ALICE) == (6, 0)
    assert breaches() == []


def test_system_accounts_keep_no_balance() -> None:
    issue(ALICE, 5)
    spend(ALICE, 3)

    assert money(ISSUER) == money(REVENUE) == (0, 0)
    assert list(Account.objects.filter(is_system=True).values_list("balance", "held")) == [(0, 0), (0, 0)]
    assert breaches() == []


def test_spending_beyond_the_balance_changes_nothing() -> None:
    issue(ALICE, 10)
    spend(ALICE, 1)
    before = snapshot()

    with transaction.atomic():  # the caller may go on in its transaction
        with pytest.raises(ledger.InsufficientFunds) as refusal:
            ledger.spend(account=ALICE, amount=10, sink="revenue", kind="test", cause=cause(), now=NOON)
        assert snapshot() == before

    assert refusal.value.context == {"asset": "points", "amount": 10}
    assert snapshot() == before


def test_what_is_held_cannot_be_spent() -> None:
    issue(ALICE, 10)
    reserve(ALICE, 7)

    with pytest.raises(ledger.InsufficientFunds):
        spend(ALICE, 4)
    spend(ALICE, 3)

    assert money(ALICE) == (7, 7)


def test_an_account_that_does_not_exist_cannot_pay() -> None:
    with pytest.raises(ledger.InsufficientFunds):
        spend(ALICE, 1)

    assert not Account.objects.filter(is_system=False).exists()


@pytest.mark.parametrize("account", [ALICE, CHANCES])
def test_a_repeat_returns_the_first_movement_and_changes_nothing(account: ledger.AccountRef) -> None:
    for act in (issue, spend):
        issue(account, 30)
        why = cause()
        first = act(account, 20, why)
        before = snapshot()

        assert act(account, 20, why) == first
        assert snapshot() == before


def test_a_repeat_finds_its_first_result_even_when_the_money_is_gone() -> None:
    issue(ALICE, 20)
    why = cause()
    first = spend(ALICE, 20, why)

    assert spend(ALICE, 20, why) == first
    assert money(ALICE) == (0, 0)


def test_a_repeat_leaves_the_callers_transaction_usable() -> None:
    why = cause()
    first = issue(ALICE, 5, why)

    with transaction.atomic():
        again = ledger.grant(account=ALICE, amount=5, purse=Purse.GIFT, kind="test", cause=why, now=NOON)
        ledger.grant(account=ALICE, amount=1, purse=Purse.GIFT, kind="test", cause=cause(), now=NOON)

    assert again == first
    assert money(ALICE) == (6, 0)
    assert breaches() == []


def test_the_same_cause_with_other_contents_is_refused() -> None:
    issue(ALICE, 100)
    issue(BOB, 100)
    why = cause()
    spend(ALICE, 20, why)
    before = snapshot()

    for account, amount, sink in [(ALICE, 21, "revenue"), (BOB, 20, "revenue"), (ALICE, 20, "used"), (ALICE, 500, "x")]:
        with transaction.atomic(), pytest.raises(ledger.CauseConflict):
            ledger.spend(account=account, amount=amount, sink=sink, kind="test", cause=why, now=NOON)
    with transaction.atomic(), pytest.raises(ledger.CauseConflict):
        ledger.spend(account=ALICE, amount=20, sink="revenue", kind="another", cause=why, now=NOON)
    with pytest.raises(ledger.CauseConflict):
        issue(ALICE, 20, why)

    assert snapshot()[1] == before[1]
    assert (money(ALICE), money(BOB)) == ((80, 0), (100, 0))
    assert breaches() == []


@pytest.mark.parametrize(
    "move",
    [
        partial(ledger.grant, purse=Purse.GIFT),
        partial(ledger.spend, sink="revenue"),
        partial(ledger.hold, deadline_at=DEADLINE),
    ],
    ids=["grant", "spend", "hold"],
)
def test_no_verb_moves_nothing_or_out_of_a_system_account_or_by_a_leg_of_the_ledgers_own(move: Any) -> None:
    issue(ALICE, 10)
    before = snapshot()
    said: dict[str, Any] = {"account": ALICE, "amount": 1, "kind": "test", "cause": cause(), "now": NOON}

    for amount in (0, -1, 2**63):
        with pytest.raises(ledger.InvalidAmount):
            move(**{**said, "amount": amount})
    wrong: list[dict[str, Any]] = [{"account": REVENUE}] + ([] if move.func is ledger.hold else [{"leg": "hold"}])
    for changes in wrong:
        with pytest.raises(ValueError, match=r"system accounts keep no balance|the ledger's own"):
            move(**{**said, **changes})

    assert snapshot() == before


def test_one_cause_may_have_several_legs() -> None:
    why = cause()
    with transaction.atomic():
        for leg, amount in (("main", 5), ("bonus", 3), ("bonus", 3)):
            made = ledger.grant(
                account=ALICE, amount=amount, purse=Purse.GIFT, kind="test", cause=why, leg=leg, now=NOON
            )
            assert (made.leg, made.amount) == (leg, amount)

    assert money(ALICE) == (8, 0)
    assert Transfer.objects.filter(cause_id=why.id).count() == 2


def test_a_rolled_back_transfer_never_happened() -> None:
    issue(ALICE, 5)
    before = snapshot()

    with transaction.atomic():
        ledger.spend(account=ALICE, amount=5, sink="revenue", kind="test", cause=cause(), now=NOON)
        transaction.set_rollback(True)

    assert snapshot() == before


@pytest.mark.parametrize(("account", "to_grant", "to_spend"), [(ALICE, 3, 4), (CHANCES, 2, 2)])
def test_a_movement_costs_one_statement_for_its_account_one_for_itself_and_its_lots_at_most_two(
    django_assert_num_queries: DjangoAssertNumQueries,
    known_system_accounts: None,
    account: ledger.AccountRef,
    to_grant: int,
    to_spend: int,
) -> None:
    issue(account, 100)
    with transaction.atomic():
        with django_assert_num_queries(to_grant):
            ledger.grant(account=account, amount=1, purse=Purse.GIFT, kind="test", cause=cause(), now=NOON)
        with django_assert_num_queries(to_spend):
            ledger.spend(account=account, amount=1, sink="revenue", kind="test", cause=cause(), now=NOON)


def test_balances_of_one_owner_come_in_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    issue(ALICE, 9)
    reserve(ALICE, 2)

    with django_assert_num_queries(1):
        found = ledger.balances(owner=ALICE.owner, assets=["points", "chances:1"])

    assert found == {"points": ledger.Balance(9, 2), "chances:1": ledger.Balance(0, 0)}
    assert found["points"].available == 7
