"""From which day to which a program asks for what it used."""

import re
from collections.abc import Mapping
from datetime import date, timedelta

from apps.chat import errors

# Programs that show a balance ask for a hundred days, those that draw a year for a leap year.
MOST_DAYS = 366
DAYS_UNLESS_SAID = 30
# Where a day is one in every time zone, and beyond anybody's books.
_EARLIEST, _LATEST = date(2000, 1, 1), date(2999, 12, 31)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_days(query: Mapping[str, str], *, today: date) -> tuple[date, date]:
    """The first and the last day: `start_date` and `end_date`, both among them; by default the last thirty.

    Raises ParameterNotValid, with the parameter's name.
    """
    last = _day(query, "end_date") or today
    first = _day(query, "start_date") or last - timedelta(days=DAYS_UNLESS_SAID - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise errors.ParameterNotValid(param="start_date")
    return first, last


def _day(query: Mapping[str, str], name: str) -> date | None:
    said = query.get(name, "")
    if not said:
        return None
    try:
        day = date.fromisoformat(said) if _DAY.fullmatch(said) and said.isascii() else None
    except ValueError:
        day = None
    if day is None or not _EARLIEST <= day <= _LATEST:
        raise errors.ParameterNotValid(param=name)
    return day
