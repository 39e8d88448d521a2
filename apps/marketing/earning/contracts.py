"""What behaviours give, as their callers know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from apps.kernel import offers

# Codes of behaviours that others speak of; all of them are in registries.py.
SIGN_IN = "sign_in"
PAYMENT = "payment"
REGISTER = "register"


@dataclass(frozen=True, kw_only=True)
class Reward:
    """What one behaviour gives by all active rules: points, and chances by activity."""

    points: int = 0
    chances: Mapping[UUID, int] = field(default_factory=dict)

    @property
    def total_chances(self) -> int:
        """Chances of all activities together, as members are told them."""
        return sum(self.chances.values())

    @property
    def offer(self) -> str:
        """The version of what members are told."""
        return offers.version_of(points=self.points, chances=self.total_chances)


@dataclass(frozen=True, kw_only=True)
class SignInReceipt:
    """Today's sign-in, and what it gave."""

    local_day: date
    streak: int
    points: int
    chances: int


@dataclass(frozen=True, kw_only=True)
class SignInMonth:
    """A calendar month of sign-ins; streak is the run that is still alive today."""

    month: str
    days: tuple[date, ...]
    today: date
    signed_in_today: bool
    streak: int


@dataclass(frozen=True, kw_only=True)
class SignInWeek:
    """The seven days that end today, oldest first, and what signing in gives now; `offer` is the version of that."""

    days: tuple[tuple[date, bool], ...]
    signed_in_today: bool
    streak: int
    points: int
    chances: int
    offer: str


@dataclass(frozen=True, kw_only=True)
class RebateRuleDetail:
    id: UUID
    code: str
    behaviour: str
    version: int
