"""The clock. Interfaces read it once and pass `now` down; nothing below them looks at the time itself."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def running_from(moment: datetime) -> Callable[[], datetime]:
    """A clock that shows `moment` now and goes on: for services that wait for a lock, and what ends meanwhile."""
    started = monotonic()
    return lambda: moment + timedelta(seconds=monotonic() - started)


def local_date(moment: datetime, time_zone: str) -> date:
    """The calendar day of a moment in a time zone such as "Asia/Shanghai"."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def local_midnight(day: date, time_zone: str) -> datetime:
    """The moment at which a calendar day begins in a time zone, in UTC."""
    return datetime.combine(day, time.min, ZoneInfo(time_zone)).astimezone(UTC)
