"""The kinds of things that are won (services/kinds.py): each is one class, registered in apps.py (docs/how-to/)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypedDict
from uuid import UUID

from apps.kernel.ids import UserId
from apps.kernel.registries import Registry
from apps.ledger.contracts import Cause
from apps.marketing.prizes.rules import MAX_AMOUNT


@dataclass(frozen=True, kw_only=True)
class Handover:
    """Something that changes hands: `amount` in the unit of its kind, `word` for the member's history, the cause that
    makes it happen once. `activity_id` where it belongs to an activity.
    """

    user_id: UserId
    amount: int
    activity_id: UUID | None = None
    word: str
    cause: Cause
    now: datetime

    @property
    def movement(self) -> "Movement":
        """What every service that gives or takes a balance is told beside the amount, which is named by its unit."""
        return Movement(user_id=self.user_id, kind=self.word, cause=self.cause, now=self.now)


class Movement(TypedDict):
    """Who, for which word of their history, why, when."""

    user_id: UserId
    kind: str
    cause: Cause
    now: datetime


class Kind(ABC):
    """One kind of thing that members win or buy. Amounts are positive integers in its smallest unit."""

    code: ClassVar[str]
    # For operators.
    label: ClassVar[Any]
    # One of static/img/icons.svg.
    icon: ClassVar[str]
    # What an amount is called: "{n} credits", {n} being the amount over `per`.
    gain: ClassVar[Any] = "{n}"
    per: ClassVar[int] = 1
    # How a card shows an amount; it is given `amount` and `kind`.
    template: ClassVar[str] = "marketing/gains/plain.html"
    # What it moves in the ledger, for the audit: the leg, and SQL for the asset. Empty: nothing.
    leg: ClassVar[str] = ""
    asset_sql: ClassVar[str] = ""

    def accepts(self, amount: int) -> bool:
        """Whether it comes in this amount."""
        return 1 <= amount <= MAX_AMOUNT

    def check_offer(self, *, activity_id: UUID | None, now: datetime) -> None:  # noqa: B027  # most have nothing to ask
        """Raise the refusal that says why it cannot be put on offer now."""

    @abstractmethod
    def deliver(self, handover: Handover) -> None:
        """Give it in the caller's transaction; the same cause gives once. What it raises is tried again, then told."""

    @abstractmethod
    def reverse(self, handover: Handover) -> None:
        """Take it back in the caller's transaction, once per cause. Raises what keeps it from being taken."""


# What a draw can win; what points buy is exchange's.
PRIZES: Registry[Kind] = Registry("prize")
