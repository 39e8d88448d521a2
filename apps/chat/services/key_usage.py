"""What the answers of one API key took and cost, for whoever holds it."""

from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings

from apps.chat import selectors
from apps.chat.contracts import UsedOnDay
from apps.kernel import clock
from apps.kernel.ids import UserId


def used_with_key(*, user_id: UserId, key_id: UUID, first: date, last: date) -> list[UsedOnDay]:
    """What was asked with a member's key from the first local day to the last, by day, the newest first, and model.

    One statement, and a line for each day and model; whoever asks bounds the days.
    """
    since, until = _bounds(first, last)
    return selectors.used_by_day(user_id=user_id, key_id=key_id, since=since, until=until)


def charged_with_key(*, user_id: UserId, key_id: UUID, first: date, last: date) -> int:
    """What it was charged for that, in milli-credits, whatever still runs."""
    since, until = _bounds(first, last)
    return selectors.charged_between(user_id=user_id, key_id=key_id, since=since, until=until)


def _bounds(first: date, last: date) -> tuple[datetime, datetime]:
    zone = settings.TIME_ZONE
    return clock.local_midnight(first, zone), clock.local_midnight(last + timedelta(days=1), zone)
