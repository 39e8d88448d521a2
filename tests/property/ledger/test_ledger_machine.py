"""Whatever is asked in whatever order, the ledger agrees with the reference and breaks no invariant.

Lots are part of it (I-49, I-58): each grant's rest, what is owed, and what ends while holds need it.
"""

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
from apps.ledger.models import Hold, Lot, TakeBack
from apps.ledger.services import Purse
from apps.ledger.services.expiring import expire_ended
from tests.integration.ledger.bank import ALICE, BOB, NOON, breaches, cause, owed
from tests.property.ledger.reference import Reference

Result = TypeVar("Result")

USERS = (ALICE, BOB)
# Holds outlive every run, unless a step says that it is late.
DEADLINE = NOON + timedelta(days=1)
LATE = DEADLINE + timedelta(seconds=1)
AUDIT_EVERY = 8  # steps; the audit costs more than a step

# Few causes and small amounts: repeats, conflicts and empty accounts must be common.
users = st.sampled_from(USERS)
amounts = st.integers(min_value=1, max_value=12)
causes = st.integers(min_value=1, max_value=6).map(cause)
legs = st.sampled_from(["main", "bonus"])
purses = st.sampled_from(Purse)
# Minutes until a lot ends; half of them never do.
terms = st.one_of(st.none(), st.integers(min_value=1, max_value=4))


class LedgerMachine(RuleBasedStateMachine):
    """Asks the real ledger and the reference the same things, in one transaction that is rolled back at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.reference = Reference()
        self.hold_ids: dict[ledger.Cause, ledger.Hold] = {}
        self.now = NOON
        self.steps = 0
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self) -> None:
        """A last look, and forget this run."""
        try:
            self.audit()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @initialize(amount=amounts)
    def begin(self, amount: int) -> None:
        """Nothing can happen while nobody has anything."""
        self.grant(ALICE, amount, purse=Purse.GIFT, term=None, why=cause(0), leg="main")

    @rule(account=users, amount=amounts, purse=purses, term=terms, why=causes, leg=legs)
    def grant(
        self, account: ledger.AccountRef, amount: int, *, purse: Purse, term: int | None, why: ledger.Cause, leg: str
    ) -> None:
        """Give an amount, perhaps again."""
        ends_at = None if term is None else self.now + timedelta(minutes=term)
        expected = _outcome(
            lambda: self.reference.grant(account, amount, purse=purse, ends_at=ends_at, cause=why, leg=leg)
        )
        actual = _outcome(
            lambda: ledger.grant(
                account=account,
                amount=amount,
                purse=purse,
                kind="test",
                cause=why,
                leg=leg,
                ends_at=ends_at,
                now=self.now,
            )
        )
        if isinstance(actual, ledger.Transfer):
            assert expected is None
            assert (actual.credit, actual.amount) == (account, amount)
        else:
            assert actual == expected

    @rule(account=users, amount=amounts, why=causes, leg=legs)
    def spend(self, account: ledger.AccountRef, amount: int, why: ledger.Cause, leg: str) -> None:
        """Take an amount, perhaps again."""
        expected = _outcome(lambda: self.reference.spend(account, amount, why, leg, self.now))
        actual = _outcome(
            lambda: ledger.spend(
                account=account, amount=amount, sink="revenue", kind="test", cause=why, leg=leg, now=self.now
            )
        )
        if isinstance(actual, ledger.Transfer):
            assert expected is None
            assert (actual.debit, actual.amount) == (account, amount)
        else:
            assert actual == expected

    @rule(account=users, amount=amounts, why=causes)
    def hold(self, account: ledger.AccountRef, amount: int, why: ledger.Cause) -> None:
        """Set an amount aside, perhaps again."""
        expected = _outcome(lambda: self.reference.hold(account, amount, why, self.now))
        actual = _outcome(
            lambda: ledger.hold(
                account=account, amount=amount, kind="test", cause=why, deadline_at=DEADLINE, now=self.now
            )
        )
        if isinstance(actual, ledger.Hold):
            assert expected is None
            assert (actual.account, actual.amount) == (account, amount)
            self.hold_ids[why] = actual
        else:
            assert actual == expected

    @rule(why=causes, amount=st.integers(min_value=0, max_value=12))
    def post(self, why: ledger.Cause, amount: int) -> None:
        """Resolve a hold, perhaps again."""
        hold = self.hold_ids.get(why)
        if hold is None:
            return
        expected = _outcome(lambda: self.reference.post(why, amount, self.now))
        actual = _outcome(lambda: ledger.post(hold_id=hold.id, amount=amount, sink="revenue", now=self.now))
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
        now = LATE if is_late else self.now
        self.reference.void(why, now, is_late=is_late)
        ledger.void(hold_id=hold.id, now=now)

    @rule(granted=causes, leg=legs, why=st.integers(min_value=7, max_value=9).map(cause))
    def take_back(self, granted: ledger.Cause, leg: str, why: ledger.Cause) -> None:
        """Take a grant back, perhaps again."""
        expected = _outcome(lambda: self.reference.take_back(granted, leg, why, self.now))
        actual = _outcome(lambda: ledger.take_back(granted=granted, leg=leg, kind="refund", cause=why, now=self.now))
        if isinstance(actual, ledger.TakenBack):
            assert (actual.amount, actual.owed) == expected
        else:
            assert actual == expected

    @rule(minutes=st.integers(min_value=1, max_value=3))
    def wait(self, minutes: int) -> None:
        """Time passes, and nobody sweeps."""
        self.now += timedelta(minutes=minutes)

    @rule(account=users)
    def sweep(self, account: ledger.AccountRef) -> None:
        """The sweep comes by; whether it does changes nothing that can be spent."""
        self.reference.expire(account, self.now)
        expire_ended(account.id, now=self.now)

    @invariant()
    def the_reference_agrees(self) -> None:
        """Balances, lots, debts, movements, holds and statements are those of the reference."""
        for account in USERS:
            expected = ledger.Balance(self.reference.total(account), self.reference.held(account))
            assert ledger.balance(account=account) == expected
            lots = Lot.objects.filter(account_id=account.id).order_by("pk")
            assert list(lots.values_list("remaining", flat=True)) == self.reference.left(account)
            debt = self.reference.owed.get(account, 0)
            assert debt == (owed(account) if lots else 0)
            entries = ledger.entries(account=account, cursor=None, size=200).items
            assert sum(entry.amount for entry in entries) == expected.total
            # Read from the newest to the oldest, each entry explains the balance before it.
            running = expected.total
            for entry in entries:
                assert entry.balance_after == running
                running -= entry.amount
        states = {(row.cause_id, row.state, row.posted_amount) for row in Hold.objects.all()}
        assert states == {(hold.cause.id, hold.state, hold.posted) for hold in self.reference.holds.values()}
        assert TakeBack.objects.count() == len([batch for batch in self.reference.batches if batch.taken_for])

    @invariant()
    def the_audit_is_silent(self) -> None:
        """No step, and no refusal, leaves a breach behind; looked at now and then, for rows do not heal."""
        self.steps += 1
        if self.steps % AUDIT_EVERY == 0:
            self.audit()

    def audit(self) -> None:
        """Nothing is broken, but for an ended lot that nobody swept and nobody can spend."""
        assert [breach for breach in breaches() if "has an end of" not in breach.detail] == []


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
