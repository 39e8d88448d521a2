"""The ledger in a few dictionaries: what the real one must agree with, step by step."""

from dataclasses import dataclass, field

from apps.ledger import services as ledger
from apps.ledger.services import AccountRef, Cause, HoldState


@dataclass
class Held:
    """One hold."""

    account: AccountRef
    amount: int
    cause: Cause
    state: HoldState = HoldState.PENDING
    posted: int = 0


@dataclass
class Reference:
    """An in-memory ledger; a refusal raises the same error and changes nothing."""

    totals: dict[AccountRef, int] = field(default_factory=dict)
    moved: dict[tuple[Cause, str], tuple[AccountRef, AccountRef, int]] = field(default_factory=dict)
    holds: dict[Cause, Held] = field(default_factory=dict)

    def total(self, account: AccountRef) -> int:
        """What a user owns; system accounts keep no balance."""
        return 0 if account.is_system else self.totals.get(account, 0)

    def held(self, account: AccountRef) -> int:
        """What is set aside and still owned."""
        pending = (hold for hold in self.holds.values() if hold.state == HoldState.PENDING)
        return sum(hold.amount for hold in pending if hold.account == account)

    def transfer(self, debit: AccountRef, credit: AccountRef, amount: int, cause: Cause, leg: str) -> None:
        """Move an amount, once per cause and leg."""
        first = self.moved.get((cause, leg))
        if first is not None:
            if first != (debit, credit, amount):
                raise ledger.CauseConflict
            return
        self._check_available(debit, amount)
        self._apply(debit, credit, amount, cause, leg)

    def reserve(self, account: AccountRef, amount: int, cause: Cause) -> None:
        """Set an amount aside, once per cause."""
        first = self.holds.get(cause)
        if first is not None:
            if (first.account, first.amount) != (account, amount):
                raise ledger.CauseConflict
            return
        self._check_available(account, amount)
        self.holds[cause] = Held(account, amount, cause)

    def post(self, cause: Cause, amount: int, credit: AccountRef) -> int:
        """Resolve a hold once; returns what its first resolution moved."""
        hold = self.holds[cause]
        if hold.state == HoldState.PENDING:
            if amount > hold.amount:
                raise ledger.InvalidAmount
            hold.posted = amount
            hold.state = HoldState.POSTED if amount else HoldState.VOIDED
            if amount:
                self._apply(hold.account, credit, amount, cause, "hold")
        return hold.posted

    def void(self, cause: Cause, *, is_late: bool) -> None:
        """Release a hold unless it is resolved."""
        hold = self.holds[cause]
        if hold.state == HoldState.PENDING:
            hold.state = HoldState.EXPIRED if is_late else HoldState.VOIDED

    def _check_available(self, account: AccountRef, amount: int) -> None:
        if not account.is_system and self.total(account) - self.held(account) < amount:
            raise ledger.InsufficientFunds

    def _apply(self, debit: AccountRef, credit: AccountRef, amount: int, cause: Cause, leg: str) -> None:
        self.moved[cause, leg] = (debit, credit, amount)
        self.totals[debit] = self.totals.get(debit, 0) - amount
        self.totals[credit] = self.totals.get(credit, 0) + amount
