"""Amounts move between accounts once per cause, or nothing changes."""

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from apps.ledger import services as ledger
from apps.ledger.models import Account, Transfer
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    ISSUER,
    NOON,
    REVENUE,
    breaches,
    cause,
    issue,
    money,
    move,
    reserve,
    snapshot,
)

pytestmark = pytest.mark.django_db


def test_the_first_credit_creates_the_account() -> None:
    assert ledger.balance(account=ALICE) == ledger.Balance(0, 0)

    first = issue(ALICE, 70)
    second = issue(ALICE, 30)

    assert money(ALICE) == (100, 0)
    assert (first.debit_balance_after, first.credit_balance_after) == (None, 70)
    assert second.credit_balance_after == 100
    assert breaches() == []


def test_system_accounts_keep_no_balance() -> None:
    issue(ALICE, 5)
    move(ALICE, REVENUE, 3)
    move(ISSUER, REVENUE, 8)

    assert money(ISSUER) == money(REVENUE) == (0, 0)
    assert list(Account.objects.filter(is_system=True).values_list("balance", "held")) == [(0, 0), (0, 0)]
    assert breaches() == []


@pytest.mark.parametrize(("payer", "payee"), [(ALICE, BOB), (BOB, ALICE)])
def test_users_can_pay_each_other_whatever_the_order_of_their_keys(
    payer: ledger.AccountRef, payee: ledger.AccountRef
) -> None:
    issue(payer, 10)

    moved = move(payer, payee, 4)

    assert (money(payer), money(payee)) == ((6, 0), (4, 0))
    assert (moved.debit_balance_after, moved.credit_balance_after) == (6, 4)
    assert breaches() == []


@pytest.mark.parametrize(("payer", "payee"), [(ALICE, BOB), (BOB, ALICE), (ALICE, REVENUE)])
def test_a_payment_beyond_the_balance_changes_nothing(payer: ledger.AccountRef, payee: ledger.AccountRef) -> None:
    issue(payer, 10)
    issue(BOB if payer == ALICE else ALICE, 1)
    move(ISSUER, REVENUE, 1)
    before = snapshot()

    with transaction.atomic():  # the caller may go on in its transaction
        with pytest.raises(ledger.InsufficientFunds) as refusal:
            ledger.transfer(debit=payer, credit=payee, amount=11, kind="test", cause=cause(), now=NOON)
        assert snapshot() == before

    assert refusal.value.context == {"asset": "points", "amount": 11}
    assert snapshot() == before


def test_what_is_held_cannot_be_spent() -> None:
    issue(ALICE, 10)
    reserve(ALICE, 7)

    with pytest.raises(ledger.InsufficientFunds):
        move(ALICE, REVENUE, 4)
    move(ALICE, REVENUE, 3)

    assert money(ALICE) == (7, 7)


def test_an_account_that_does_not_exist_cannot_pay() -> None:
    with pytest.raises(ledger.InsufficientFunds):
        move(ALICE, REVENUE, 1)

    assert not Account.objects.filter(is_system=False).exists()


@pytest.mark.parametrize(("payer", "payee"), [(ISSUER, ALICE), (ALICE, REVENUE), (ALICE, BOB), (BOB, ALICE)])
def test_a_repeat_returns_the_first_transfer_and_changes_nothing(
    payer: ledger.AccountRef, payee: ledger.AccountRef
) -> None:
    issue(ALICE, 30)
    issue(BOB, 30)
    why = cause()
    first = move(payer, payee, 20, why)
    before = snapshot()

    assert move(payer, payee, 20, why) == first
    assert snapshot() == before


def test_a_repeat_finds_its_first_result_even_when_the_money_is_gone() -> None:
    issue(ALICE, 20)
    why = cause()
    first = move(ALICE, REVENUE, 20, why)

    assert move(ALICE, REVENUE, 20, why) == first
    assert money(ALICE) == (0, 0)


def test_a_repeat_leaves_the_callers_transaction_usable() -> None:
    why = cause()
    first = move(ISSUER, ALICE, 5, why)

    with transaction.atomic():
        again = ledger.transfer(debit=ISSUER, credit=ALICE, amount=5, kind="test", cause=why, now=NOON)
        ledger.transfer(debit=ISSUER, credit=ALICE, amount=1, kind="test", cause=cause(), now=NOON)

    assert again == first
    assert money(ALICE) == (6, 0)


def test_the_same_cause_with_other_contents_is_refused() -> None:
    issue(ALICE, 100)
    issue(BOB, 100)
    why = cause()
    move(ALICE, BOB, 20, why)
    before = snapshot()

    for payer, payee, amount in [(ALICE, BOB, 21), (BOB, ALICE, 20), (ALICE, REVENUE, 20), (ALICE, BOB, 500)]:
        with pytest.raises(ledger.CauseConflict):
            move(payer, payee, amount, why)
    with transaction.atomic(), pytest.raises(ledger.CauseConflict):
        ledger.transfer(debit=ALICE, credit=BOB, amount=20, kind="another", cause=why, now=NOON)

    assert snapshot()[1] == before[1]
    assert (money(ALICE), money(BOB)) == ((80, 0), (120, 0))
    assert breaches() == []


def test_one_cause_may_have_several_legs() -> None:
    why = cause()
    with transaction.atomic():
        for leg in ("main", "bonus"):
            ledger.transfer(debit=ISSUER, credit=ALICE, amount=5, kind="test", cause=why, leg=leg, now=NOON)

    assert money(ALICE) == (10, 0)
    assert Transfer.objects.filter(cause_id=why.id).count() == 2


def test_a_rolled_back_transfer_never_happened() -> None:
    issue(ALICE, 5)
    before = snapshot()

    with transaction.atomic():
        ledger.transfer(debit=ALICE, credit=BOB, amount=5, kind="test", cause=cause(), now=NOON)
        transaction.set_rollback(True)

    assert snapshot() == before


def test_a_transfer_costs_one_statement_per_user_account_and_one_insert(
    django_assert_num_queries: DjangoAssertNumQueries, known_system_accounts: None
) -> None:
    issue(ALICE, 100)
    issue(BOB, 100)
    with transaction.atomic():
        for payer, payee, statements in [
            (ISSUER, ALICE, 2),
            (ALICE, REVENUE, 2),
            (ALICE, BOB, 3),
            (ISSUER, REVENUE, 1),
        ]:
            with django_assert_num_queries(statements):
                ledger.transfer(debit=payer, credit=payee, amount=1, kind="test", cause=cause(), now=NOON)


def test_balances_of_one_owner_come_in_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    issue(ALICE, 9)
    reserve(ALICE, 2)

    with django_assert_num_queries(1):
        found = ledger.balances(owner=ALICE.owner, assets=["points", "chances:1"])

    assert found == {"points": ledger.Balance(9, 2), "chances:1": ledger.Balance(0, 0)}
    assert found["points"].available == 7
