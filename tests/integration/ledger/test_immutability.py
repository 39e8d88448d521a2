"""The database itself refuses to rewrite history, whoever asks."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from apps.ledger.contracts import HoldState
from apps.ledger.models import Account, Allocation, Hold, Lot, TakeBack, Transfer
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    ISSUER,
    NOON,
    REVENUE,
    issue,
    post,
    reserve,
    snapshot,
    spend,
    take_back,
    void,
)

pytestmark = pytest.mark.django_db


def refused(change: Callable[[], object]) -> None:
    before = snapshot()
    with pytest.raises(IntegrityError), transaction.atomic():
        change()
    assert snapshot() == before


def test_a_transfer_is_neither_changed_nor_deleted() -> None:
    issue(ALICE, 10)

    refused(lambda: Transfer.objects.update(amount=F("amount") + 1))
    refused(lambda: Transfer.objects.update(kind="other"))
    refused(lambda: Transfer.objects.update(debit_balance_after=1))
    refused(lambda: Transfer.objects.all()._raw_delete("default"))


def test_a_pending_hold_keeps_what_it_says() -> None:
    issue(ALICE, 10)
    issue(BOB, 10)
    reserve(ALICE, 5)

    changes: list[dict[str, Any]] = [
        {"amount": 6},
        {"account_id": BOB.id},
        {"kind": "other"},
        {"cause_id": "other"},
        {"deadline_at": NOON + timedelta(days=1)},
    ]
    for change in changes:
        refused(partial(Hold.objects.update, **change))
    refused(lambda: Hold.objects.all()._raw_delete("default"))


@pytest.mark.parametrize("resolve", [lambda hold: post(hold, 2), void], ids=["posted", "voided"])
def test_a_resolved_hold_never_changes(resolve: Callable[[object], object]) -> None:
    issue(ALICE, 10)
    resolve(reserve(ALICE, 5))

    refused(lambda: Hold.objects.update(state=HoldState.PENDING, resolved_at=None, posted_amount=0))
    refused(lambda: Hold.objects.update(posted_amount=3, state=HoldState.POSTED))
    refused(lambda: Hold.objects.update(resolved_at=NOON + timedelta(days=1)))


def test_a_hold_is_only_ever_in_a_state_that_makes_sense() -> None:
    issue(ALICE, 10)
    reserve(ALICE, 5)

    changes: list[dict[str, Any]] = [
        {"state": "lost", "resolved_at": NOON},
        {"state": HoldState.VOIDED},
        {"resolved_at": NOON},
        {"state": HoldState.POSTED, "posted_amount": 6, "resolved_at": NOON},
        {"state": HoldState.POSTED, "posted_amount": -1, "resolved_at": NOON},
        {"state": HoldState.POSTED, "posted_amount": 0, "resolved_at": NOON},
        {"state": HoldState.VOIDED, "posted_amount": 1, "resolved_at": NOON},
    ]
    for change in changes:
        refused(partial(Hold.objects.update, **change))


def test_an_account_keeps_its_name_and_never_goes() -> None:
    issue(ALICE, 10)

    refused(lambda: Account.objects.filter(pk=ALICE.id).update(owner="user:other"))
    refused(lambda: Account.objects.filter(pk=ALICE.id).update(asset="quota"))
    refused(lambda: Account.objects.filter(pk=ALICE.id).update(is_system=True))
    refused(lambda: Account.objects.all()._raw_delete("default"))


def test_no_account_is_overdrawn_and_no_system_account_counts() -> None:
    issue(ALICE, 10)
    spend(ALICE, 1)
    reserve(ALICE, 5)

    refused(lambda: Account.objects.filter(pk=ALICE.id).update(balance=4))
    refused(lambda: Account.objects.filter(pk=ALICE.id).update(held=10))
    refused(lambda: Account.objects.filter(pk=ALICE.id).update(held=-1))
    refused(lambda: Account.objects.filter(pk=REVENUE.id).update(balance=1))


def test_a_movement_is_positive_between_two_accounts_and_has_a_cause() -> None:
    issue(ALICE, 10)

    def insert(**bent: object) -> None:
        values = {
            "debit_id": ALICE.id,
            "credit_id": REVENUE.id,
            "asset": "points",
            "amount": 1,
            "kind": "test",
            "cause_type": "test.fact",
            "cause_id": "by hand",
            "leg": "main",
            "created_at": NOON,
        }
        Transfer.objects.create(**{**values, **bent})

    impossible: list[dict[str, Any]] = [
        {"amount": 0},
        {"amount": -1},
        {"credit_id": ALICE.id},
        {"cause_type": ""},
        {"cause_id": ""},
        {"leg": ""},
    ]
    for bent in impossible:
        refused(partial(insert, **bent))
    insert()
    refused(insert)


def test_a_lot_keeps_what_it_says_and_never_goes() -> None:
    issue(ALICE, 10)
    issue(BOB, 10)
    spend(ALICE, 4)
    lot = Lot.objects.filter(account_id=ALICE.id)

    changes: list[dict[str, Any]] = [
        {"account_id": BOB.id},
        {"purse": "paid"},
        {"granted": 11},
        {"ends_at": NOON},
        {"remaining": 11},
        {"remaining": -1},
    ]
    for change in changes:
        refused(partial(lot.update, **change))
    refused(lambda: lot._raw_delete("default"))


def test_what_lots_paid_and_what_was_taken_back_never_changes() -> None:
    granted = issue(ALICE, 10)
    spend(ALICE, 4)
    take_back(granted)

    for model in (Allocation, TakeBack):
        refused(partial(model.objects.update, amount=1))
        refused(partial(model.objects.all()._raw_delete, "default"))
    refused(lambda: TakeBack.objects.update(owed=1))


def test_no_account_owes_less_than_nothing_and_no_system_account_owes() -> None:
    issue(ALICE, 10)

    refused(lambda: Account.objects.filter(pk=ALICE.id).update(owed=-1))
    refused(lambda: Account.objects.filter(pk=ISSUER.id).update(owed=1))
