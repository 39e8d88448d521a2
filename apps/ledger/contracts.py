"""What crosses the ledger's border: names of accounts and reasons, and frozen pictures of what is recorded."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.kernel.ids import UserId

_SYSTEM = "system:"
_SEPARATOR = "|"
_SCOPED = ":"
# Never change it: every account's key follows from it.
_ACCOUNT_KEYS = UUID("7b0f3f0e-59c5-5c1b-9d53-6c0d6c1f8a11")


@dataclass(frozen=True)
class AccountRef:
    """The name of an account: who owns how much of which asset. The account itself may not exist yet."""

    owner: str
    asset: str

    def __post_init__(self) -> None:
        if not self.owner or not self.asset or _SEPARATOR in self.owner + self.asset:
            raise ValueError(f"not an account name: {self.owner!r}, {self.asset!r}")

    @property
    def id(self) -> UUID:
        """The account's key, computed from its name so that nobody has to look it up."""
        return uuid5(_ACCOUNT_KEYS, f"{self.owner}{_SEPARATOR}{self.asset}")

    @property
    def has_lots(self) -> bool:
        """Whether grants to it are lots. An asset with a colon, "chances:<activity>", ends with what it names."""
        return not self.is_system and _SCOPED not in self.asset

    @property
    def is_system(self) -> bool:
        """Whether it is one of our own sources and sinks, which keep no balance."""
        return self.owner.startswith(_SYSTEM)


def user_owner(user_id: UserId) -> str:
    """The owner's name of a member's accounts."""
    return f"user:{user_id}"


def user_account(user_id: UserId, asset: str) -> AccountRef:
    """A member's account of one asset."""
    return AccountRef(user_owner(user_id), asset)


def system_account(name: str, asset: str) -> AccountRef:
    """A source or sink of one asset, for example "issuer" or "revenue"."""
    return AccountRef(f"{_SYSTEM}{name}", asset)


@dataclass(frozen=True)
class Cause:
    """The business fact that makes a movement or a hold true; each happens once per cause."""

    type: str
    id: str


class Purse(TextChoices):
    """Where a lot came from. Their order is the order of spending at the same end: gifts first."""

    GIFT = "gift", _("Gift")
    PAID = "paid", _("Paid")


class HoldState(TextChoices):
    """A hold is pending until it is resolved, once."""

    PENDING = "pending", _("Pending")
    POSTED = "posted", _("Posted")
    VOIDED = "voided", _("Voided")
    EXPIRED = "expired", _("Expired")


@dataclass(frozen=True)
class TakenBack:
    """What a grant's lot gave back, and what the account owes for the rest of it."""

    amount: int
    owed: int


@dataclass(frozen=True)
class Balance:
    """An account's money in the smallest unit of its asset."""

    total: int
    held: int

    @property
    def available(self) -> int:
        """What can be spent or reserved now; never negative."""
        return self.total - self.held


@dataclass(frozen=True)
class Transfer:
    """One movement. The balances are those right after it, None for system accounts, which keep none."""

    id: UUID
    debit: AccountRef
    credit: AccountRef
    amount: int
    kind: str
    cause: Cause
    leg: str
    debit_balance_after: int | None
    credit_balance_after: int | None
    created_at: datetime


@dataclass(frozen=True)
class Hold:
    """An amount set aside on a user's account until it is posted, voided or expired."""

    id: UUID
    account: AccountRef
    amount: int
    posted_amount: int
    state: HoldState
    kind: str
    cause: Cause
    deadline_at: datetime
    created_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Movement:
    """One entry of the closed list of what moves balances: what the rows of a table must have moved, once each.

    `expected` is SQL (apps.kernel.db.portable) with the columns cause_id, member, asset, amount and at (when it must
    have happened): one row for each transfer of this cause type and leg between the member and the system account.
    A negative amount goes the other way. What comes in is a lot of this purse, without an end.
    """

    cause_type: str
    leg: str
    system: str
    into_member: bool
    expected: str
    purse: Purse = Purse.GIFT


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """One entry of the closed list of what sets amounts aside.

    `expected` is SQL as in Movement, with is_pending (0 or 1) and posted: one row for each hold of this cause type.
    """

    cause_type: str
    expected: str


@dataclass(frozen=True)
class Entry:
    """A movement as its account sees it: a positive amount came in, a negative one went out.

    `ends_at` is when the lot ends that came in, None when it does not.
    """

    id: UUID
    amount: int
    kind: str
    cause: Cause
    balance_after: int
    ends_at: datetime | None
    created_at: datetime
