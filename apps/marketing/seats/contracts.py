"""A member's place in an activity, and the chances to draw there."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

# The code of the kind.
CHANCES = "chances"


def chances_asset(activity_id: UUID) -> str:
    """The ledger asset that counts one activity's draw chances."""
    return f"{CHANCES}:{activity_id}"


@dataclass(frozen=True, kw_only=True)
class Counters:
    """A member's draws in one activity, with the local day and month that the last two count."""

    total: int
    day: int
    day_on: date
    month: int
    month_on: date
