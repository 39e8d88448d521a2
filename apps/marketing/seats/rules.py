"""How many draws somebody has left, and the promise of the next one."""

import hashlib
from datetime import date

from apps.marketing.campaigns.contracts import Limits
from apps.marketing.seats import errors
from apps.marketing.seats.contracts import Counters


def seed_hash(server_seed: str) -> str:
    """The promise that is shown before a draw: SHA-256 of the server seed's bytes. Both hexadecimal."""
    return hashlib.sha256(bytes.fromhex(server_seed)).hexdigest()


def rolled_over(counters: Counters, *, today: date) -> Counters:
    """The counters as they stand today: a new local day or month starts at zero.

    A clock that steps back keeps counting in the later day, so it cannot give draws a second time.
    """
    day_on = max(today, counters.day_on)
    month_on = max(today.replace(day=1), counters.month_on)
    return Counters(
        total=counters.total,
        day=counters.day if day_on == counters.day_on else 0,
        day_on=day_on,
        month=counters.month if month_on == counters.month_on else 0,
        month_on=month_on,
    )


def counted(counters: Counters, *, limits: Limits, today: date, number: int) -> Counters:
    """The counters after `number` more draws today.

    Raises LimitReached with the scope, the limit and what is left of it.
    """
    current = rolled_over(counters, today=today)
    for scope, limit, used in (
        ("total", limits.total, current.total),
        ("month", limits.month, current.month),
        ("day", limits.day, current.day),
    ):
        if limit is not None and used + number > limit:
            raise errors.LimitReached(scope=scope, limit=limit, left=max(limit - used, 0))
    return Counters(
        total=current.total + number,
        day=current.day + number,
        day_on=current.day_on,
        month=current.month + number,
        month_on=current.month_on,
    )


def draws_left(counters: Counters, *, limits: Limits, chances: int) -> tuple[int, int]:
    """How many draws chances and limits leave (today, this month); counters are rolled over already."""
    month = _smallest(chances, _left(limits.total, counters.total), _left(limits.month, counters.month))
    return _smallest(month, _left(limits.day, counters.day)), month


def limit_reached(counters: Counters, *, limits: Limits) -> str:
    """Which limit leaves no draw, whatever somebody has chances for: the one that holds longest; "" for none.

    Counters are rolled over already.
    """
    lefts = {
        "total": _left(limits.total, counters.total),
        "month": _left(limits.month, counters.month),
        "day": _left(limits.day, counters.day),
    }
    return next((scope for scope, left in lefts.items() if left == 0), "")


def _left(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(limit - used, 0)


def _smallest(first: int, *others: int | None) -> int:
    return min([first, *(other for other in others if other is not None)])
