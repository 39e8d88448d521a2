"""What payments give, and runs of days."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from apps.marketing.earning import errors

# What one behaviour may give, so that the largest payment earns no more than the ledger moves at once (10^15).
REBATE_BOUNDS: Mapping[str, int] = {"points": 2**31 - 1, "points_per_yuan": 10**7, "chances": 10**6}
# A streak that a wrong clock cut is mended within this many days.
STREAK_LOOKS_BACK = 60


def rebate_points(*, points: int, points_per_yuan: int, amount_fen: int) -> int:
    """Flat points plus points for each whole yuan paid."""
    return points + points_per_yuan * (amount_fen // 100)


def next_streak(*, today: date, last_day: date | None, last_streak: int) -> int:
    """The streak after signing in today: one longer when yesterday was signed in, else 1."""
    return last_streak + 1 if last_day == today - timedelta(days=1) else 1


def mended_streak(days: Sequence[tuple[date, int]]) -> int:
    """The streak on the newest of these days (newest first, each with the streak that it was given).

    A day that was given too short a streak is mended by the days before it; none is ever given too long a one.
    """
    newest = days[0][0]
    unbroken = [(back, streak) for back, (day, streak) in enumerate(days) if day == newest - timedelta(days=back)]
    return max(back + streak for back, streak in unbroken)


def living_streak(*, today: date, last_day: date | None, last_streak: int) -> int:
    """The streak that signing in today would continue or has continued; 0 when it is broken."""
    alive = last_day is not None and last_day >= today - timedelta(days=1)
    return last_streak if alive else 0


def month_of(text: str) -> tuple[date, date]:
    """The first day of a month written YYYY-MM, and the first day of the next one. Raises MonthInvalid."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
        raise errors.MonthInvalid
    try:
        first = date(int(text[:4]), int(text[5:]), 1)
        after = (first + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError):
        raise errors.MonthInvalid from None
    return first, after
