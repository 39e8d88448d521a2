"""The ledger in a few lists: what the real one must agree with, step by step."""

from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime

from apps.ledger import services as ledger
from apps.ledger.services import AccountRef, Cause, HoldState, Purse

NEVER = datetime(MAXYEAR, 1, 1, tzinfo=UTC)


@dataclass
class Held:
    """One hold."""

    account: AccountRef
    amount: int
    cause: Cause
    state: HoldState = HoldState.PENDING
    posted: int = 0


@dataclass
class Batch:
    """One grant: what is left of it, and where the rest went."""

    account: AccountRef
    granted: int
    purse: Purse
    ends_at: datetime | None
    age: int
    left: int
    ended: int = 0
    taken_for: Cause | None = None
    taken: tuple[int, int] = (0, 0)

    @property
    def place(self) -> tuple[datetime, bool, int]:
        """The order of spending."""
        return self.ends_at or NEVER, self.purse == Purse.PAID, self.age


@dataclass
class Reference:
    """An in-memory ledger; a refusal raises the same error and changes nothing but what had ended."""

    batches: list[Batch] = field(default_factory=list)
    grants: dict[tuple[Cause, str], Batch] = field(default_factory=dict)
    spent: dict[tuple[Cause, str], tuple[AccountRef, int]] = field(default_factory=dict)
    holds: dict[Cause, Held] = field(default_factory=dict)
    owed: dict[AccountRef, int] = field(default_factory=dict)

    def total(self, account: AccountRef) -> int:
        """What a user owns: what is left of their grants."""
        return sum(batch.left for batch in self._in_order(account))

    def held(self, account: AccountRef) -> int:
        """What is set aside and still owned."""
        pending = (hold for hold in self.holds.values() if hold.state == HoldState.PENDING)
        return sum(hold.amount for hold in pending if hold.account == account)

    def left(self, account: AccountRef) -> list[int]:
        """What is left of each grant, the oldest first."""
        return [batch.left for batch in sorted(self._in_order(account), key=lambda batch: batch.age)]

    def expire(self, account: AccountRef, now: datetime) -> None:
        """Take from what has ended what no hold needs."""
        for batch in self._in_order(account):
            if batch.ends_at and batch.ends_at <= now:
                part = min(batch.left, self.total(account) - self.held(account))
                batch.left -= part
                batch.ended += part

    def grant(
        self,
        account: AccountRef,
        amount: int,
        *,
        purse: Purse,
        ends_at: datetime | None,
        cause: Cause,
        leg: str,
    ) -> None:
        """Give an amount, once per cause and leg, and let it pay what is owed."""
        key = (cause, leg)
        first = self.grants.get(key)
        asked = (account, amount, purse, ends_at)
        if key in self.spent or (first and (first.account, first.granted, first.purse, first.ends_at) != asked):
            raise ledger.CauseConflict
        if first:
            return
        pays = min(self.owed.get(account, 0), amount)
        self.owed[account] = self.owed.get(account, 0) - pays
        self.grants[key] = Batch(account, amount, purse, ends_at, len(self.batches), amount - pays)
        self.batches.append(self.grants[key])

    def spend(self, account: AccountRef, amount: int, cause: Cause, leg: str, now: datetime) -> None:
        """Take an amount, once per cause and leg; a repeat and a refusal too let go what had ended."""
        self.expire(account, now)
        key = (cause, leg)
        if key in self.grants or self.spent.get(key, (account, amount)) != (account, amount):
            raise ledger.CauseConflict
        if key in self.spent:
            return
        self._check_available(account, amount)
        self.spent[key] = (account, amount)
        self._take(account, amount)

    def hold(self, account: AccountRef, amount: int, cause: Cause, now: datetime) -> None:
        """Set an amount aside, once per cause; a repeat and a refusal too let go what had ended."""
        self.expire(account, now)
        first = self.holds.get(cause)
        if first is not None:
            if (first.account, first.amount) != (account, amount):
                raise ledger.CauseConflict
            return
        self._check_available(account, amount)
        self.holds[cause] = Held(account, amount, cause)

    def post(self, cause: Cause, amount: int, now: datetime) -> int:
        """Resolve a hold once; returns what its first resolution moved."""
        hold = self.holds[cause]
        if hold.state == HoldState.PENDING:
            if amount > hold.amount:
                raise ledger.InvalidAmount
            self.expire(hold.account, now)
            hold.posted = amount
            hold.state = HoldState.POSTED if amount else HoldState.VOIDED
            self._take(hold.account, amount)
            self._repay(hold.account)
            self.expire(hold.account, now)
        return hold.posted

    def void(self, cause: Cause, now: datetime, *, is_late: bool) -> None:
        """Release a hold unless it is resolved."""
        hold = self.holds[cause]
        if hold.state == HoldState.PENDING:
            hold.state = HoldState.EXPIRED if is_late else HoldState.VOIDED
            self._repay(hold.account)
            self.expire(hold.account, now)

    def take_back(self, granted: Cause, leg: str, cause: Cause, now: datetime) -> tuple[int, int]:
        """Take a grant back once; what it gave and did not lose at its end is owed."""
        batch = self.grants.get((granted, leg))
        if batch is None:
            raise ledger.GrantNotFound
        self.expire(batch.account, now)
        others = [other for other in self.batches if other is not batch and other.taken_for == cause]
        if others or batch.taken_for not in (None, cause):
            raise ledger.CauseConflict
        if batch.taken_for is None:
            part = min(batch.left, self.total(batch.account) - self.held(batch.account))
            batch.taken_for, batch.taken = cause, (part, batch.granted - part - batch.ended)
            batch.left -= part
            self.owed[batch.account] = self.owed.get(batch.account, 0) + batch.taken[1]
            self._repay(batch.account)
        return batch.taken

    def _in_order(self, account: AccountRef) -> list[Batch]:
        mine = [batch for batch in self.batches if batch.account == account]
        return sorted(mine, key=lambda batch: batch.place)

    def _check_available(self, account: AccountRef, amount: int) -> None:
        if self.total(account) - self.held(account) < amount:
            raise ledger.InsufficientFunds

    def _repay(self, account: AccountRef) -> None:
        """What is free pays what is owed: first what is left of grants taken back, ended or not."""
        amount = min(self.owed.get(account, 0), self.total(account) - self.held(account))
        self.owed[account] = self.owed.get(account, 0) - amount
        for batch in sorted(self._in_order(account), key=lambda batch: batch.taken_for is None):
            part = min(batch.left, amount)
            batch.left -= part
            amount -= part

    def _take(self, account: AccountRef, amount: int) -> None:
        for batch in self._in_order(account):
            part = min(batch.left, amount)
            batch.left -= part
            amount -= part
        assert amount == 0
