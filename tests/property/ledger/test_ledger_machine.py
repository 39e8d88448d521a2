"""Whatever is asked in whatever order, the ledger agrees with the reference and breaks no invariant."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from apps.kernel.errors import DomainError
from apps.ledger import services as ledger
from apps.ledger.models import Hold, Transfer
from tests.integration.ledger.bank import ALICE, BOB, DEADLINE, ISSUER, NOON, REVENUE, breaches, cause
from tests.property.ledger.reference import Reference

Result = TypeVar("Result")

ACCOUNTS = (ALICE, BOB, ISSUER, REVENUE)
USERS = (ALICE, BOB)

# Few causes and small amounts: repeats, conflicts and empty accounts must be common.
accounts = st.sampled_from(ACCOUNTS)
users = st.sampled_from(USERS)
amounts = st.integers(min_value=1, max_value=12)
causes = st.integers(min_value=1, max_value=6).map(cause)
legs = st.sampled_from(["main", "bonus"])


class LedgerMachine(RuleBasedStateMachine):
    """Asks the real ledger and the reference the same things, in one transaction that is rolled back at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.reference = Reference()
        self.hold_ids: dict[ledger.Cause, ledger.Hold] = {}
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self) -> None:
        """Forget this run."""
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @initialize(amount=amounts)
    def begin(self, amount: int) -> None:
        """Nothing can happen while nobody has anything."""
        self.transfer(ISSUER, ALICE, amount, cause(0), "main")

    @rule(debit=accounts, credit=accounts, amount=amounts, why=causes, leg=legs)
    def transfer(
        self, debit: ledger.AccountRef, credit: ledger.AccountRef, amount: int, why: ledger.Cause, leg: str
    ) -> None:
        """Move an amount, perhaps again."""
        if debit == credit:
            return
        expected = _outcome(lambda: self.reference.transfer(debit, credit, amount, why, leg))
        actual = _outcome(
            lambda: ledger.transfer(
                debit=debit, credit=credit, amount=amount, kind="test", cause=why, leg=leg, now=NOON
            )
        )
        if isinstance(actual, ledger.Transfer):
            assert expected is None
            assert (actual.debit, actual.credit, actual.amount) == (debit, credit, amount)
        else:
            assert actual == expected

    @rule(account=users, amount=amounts, why=causes)
    def reserve(self, account: ledger.AccountRef, amount: int, why: ledger.Cause) -> None:
        """Set an amount aside, perhaps again."""
        expected = _outcome(lambda: self.reference.reserve(account, amount, why))
        actual = _outcome(
            lambda: ledger.reserve(
                account=account, amount=amount, kind="test", cause=why, deadline_at=DEADLINE, now=NOON
            )
        )
        if isinstance(actual, ledger.Hold):
            assert expected is None
            assert (actual.account, actual.amount) == (account, amount)
            self.hold_ids[why] = actual
        else:
            assert actual == expected

    @rule(why=causes, amount=st.integers(min_value=0, max_value=12), credit=accounts)
    def post(self, why: ledger.Cause, amount: int, credit: ledger.AccountRef) -> None:
        """Resolve a hold, perhaps again."""
        hold = self.hold_ids.get(why)
        if hold is None or hold.account == credit:
            return
        expected = _outcome(lambda: self.reference.post(why, amount, credit))
        actual = _outcome(lambda: ledger.post(hold_id=hold.id, amount=amount, credit=credit, now=NOON))
        if isinstance(actual, ledger.Transfer):
            assert actual.amount == expected
        else:
            assert actual == (expected or None)

    @rule(why=causes, is_late=st.booleans())
    def void(self, why: ledger.Cause, is_late: bool) -> None:
        """Release a hold, perhaps again."""
        hold = self.hold_ids.get(why)
        if hold is None:
            return
        self.reference.void(why, is_late=is_late)
        ledger.void(hold_id=hold.id, now=DEADLINE + timedelta(seconds=1) if is_late else NOON)

    @invariant()
    def the_reference_agrees(self) -> None:
        """Balances, movements, holds and statements are those of the reference."""
        for account in USERS:
            expected = ledger.Balance(self.reference.total(account), self.reference.held(account))
            assert ledger.balance(account=account) == expected
            entries = ledger.entries(account=account, cursor=None, size=100).items
            assert sum(entry.amount for entry in entries) == expected.total
            # Read from the newest to the oldest, each entry explains the balance before it.
            running = expected.total
            for entry in entries:
                assert entry.balance_after == running
                running -= entry.amount
        assert Transfer.objects.count() == len(self.reference.moved)
        states = {(row.cause_id, row.state, row.posted_amount) for row in Hold.objects.all()}
        assert states == {(hold.cause.id, hold.state, hold.posted) for hold in self.reference.holds.values()}

    @invariant()
    def the_audit_is_silent(self) -> None:
        """No step, and no refusal, leaves a breach behind."""
        assert breaches() == []


def _outcome(ask: Callable[[], Result]) -> Result | type[DomainError]:
    try:
        return ask()
    except DomainError as refusal:
        return type(refusal)


@pytest.mark.django_db
def test_the_ledger_agrees_with_its_reference() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
