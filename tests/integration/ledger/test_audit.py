"""The audit is silent on a sound ledger and names the row of a broken one."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from apps.kernel.invariants import Breach, all_invariants
from apps.ledger.models import Account, Transfer
from tests.integration.ledger.bank import (
    ALICE,
    BOB,
    DEADLINE,
    ISSUER,
    NOON,
    breaches,
    issue,
    post,
    reserve,
    spend,
    void,
)

pytestmark = pytest.mark.django_db


def test_the_audit_runs_every_check_of_the_ledger() -> None:
    ours = [one.number for one in all_invariants() if one.check.__module__ == "apps.ledger.invariants"]

    assert ours == [
        *("I-02", "I-03", "I-03", "I-03", "I-04", "I-13", "I-15", "I-16", "I-18"),
        *["I-49"] * 6,
        *("I-51", "I-52-lots", "I-58", "I-58", "I-58", "I-58"),
    ]


def test_a_sound_ledger_has_no_breach() -> None:
    issue(ALICE, 100)
    issue(BOB, 30)
    spend(ALICE, 30)
    post(reserve(ALICE, 20), 7)
    void(reserve(BOB, 20))
    reserve(BOB, 10)

    assert breaches() == []


def test_a_balance_moved_by_hand_is_found() -> None:
    issue(ALICE, 100)
    Account.objects.filter(pk=ALICE.id).update(balance=101)

    assert [breach.detail for breach in breaches()] == [
        "balance 101, movements sum to 100",
        "users own 101, system accounts gave 100",
        "balance 101, 100 left in its lots",
    ]


def test_a_movement_between_accounts_that_do_not_exist_is_found() -> None:
    Transfer.objects.create(
        debit_id=uuid4(),
        credit_id=uuid4(),
        asset="points",
        amount=1,
        kind="test",
        cause_type="test.fact",
        cause_id="by hand",
        leg="main",
        created_at=NOON,
    )

    assert [breach.detail.rsplit(" ", 1)[0] for breach in breaches()] == ["does not fit account"] * 2


def test_a_movement_of_another_asset_is_found() -> None:
    issue(ALICE, 1)
    Transfer.objects.create(
        debit_id=ISSUER.id,
        credit_id=ALICE.id,
        asset="quota",
        amount=1,
        kind="test",
        cause_type="test.fact",
        cause_id="by hand",
        leg="main",
        credit_balance_after=2,
        created_at=NOON,
    )

    found = [breach.subject.split()[0] for breach in breaches()]
    assert found == ["account", "transfer", "transfer", "asset", "transfer"]


def test_a_held_amount_without_its_hold_is_found() -> None:
    issue(ALICE, 100)
    reserve(ALICE, 10)
    Account.objects.filter(pk=ALICE.id).update(held=9)

    assert [breach.detail for breach in breaches()] == ["held 9, pending holds sum to 10"]


def test_a_hold_that_nobody_sweeps_is_found() -> None:
    issue(ALICE, 100)
    hold = reserve(ALICE, 10)

    assert breaches(now=DEADLINE + timedelta(minutes=5)) == []
    late = breaches(now=DEADLINE + timedelta(minutes=5, seconds=1))
    assert late == [Breach(f"hold {hold.id}", f"due since {DEADLINE.isoformat()}")]


def test_a_missing_trigger_is_found() -> None:
    on = " ON ledger_hold" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER ledger_hold_no_change{on}")

    assert breaches() == [Breach("trigger ledger_hold_no_change", "missing or disabled")]
