"""What shows several rooms at once."""

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.marketing.campaigns.contracts import Limits

# The balances whose every change a member can read.
BALANCES = {"quota": _("Chat quota"), "points": _("Points"), "chances": _("Draw chances")}


@dataclass(frozen=True, kw_only=True)
class ActivityAccount:
    """One member in one activity. left_* count draws, bounded by chances and limits.

    `limit_reached` says which limit leaves none: "day", "month" or "total".
    """

    activity_id: UUID
    points: int
    quota_milli: int
    chances: int
    left_today: int
    left_month: int
    limit_reached: str
    limits: Limits
    used_total: int
    used_day: int
    used_month: int
    signed_in_today: bool
    next_seed_hash: str
    nonce: int


@dataclass(frozen=True, kw_only=True)
class Balances:
    """The three numbers of the header."""

    quota_milli: int
    free_left: int
    points: int
    chances: int
    activity_id: UUID | None
