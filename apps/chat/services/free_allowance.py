"""The free allowance: how many answers of a local day cost a person nothing, and how many nobody paid for."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from apps.chat.models import FreeUse
from apps.kernel import clock
from apps.kernel.db import Given, prepared_cursor
from apps.kernel.ids import PersonId

# Taking a free use is one statement that inserts, adds one, or does nothing. PostgreSQL locks the row even when
# it does nothing, so that one person's payments queue up behind each other.
_TAKE_FREE_USE = """
    INSERT INTO chat_freeuse (person_id, day, used) VALUES (%s, %s, %s)
    ON CONFLICT (person_id, day) DO UPDATE SET used = chat_freeuse.used + 1 WHERE chat_freeuse.used < %s
"""
_COUNT_UNPAID = """
    INSERT INTO chat_freeuse (person_id, day, used, unpaid) VALUES (%s, %s, 0, 1)
    ON CONFLICT (person_id, day) DO UPDATE SET unpaid = chat_freeuse.unpaid + 1
"""


def take_free_use(*, person_id: PersonId, day: date, free_per_day: int) -> bool:
    """Take one free use of the day in the caller's transaction; False when all are taken.

    Called with 0 it takes none and still makes one person's payments queue up, whatever pays for them.
    """
    person = FreeUse._meta.get_field("person_id").get_db_prep_value(person_id, connection)
    with prepared_cursor() as cursor:
        cursor.execute(_TAKE_FREE_USE, [person, day, min(free_per_day, 1), free_per_day])
        return bool(cursor.rowcount == 1) and free_per_day > 0


def count_unpaid(*, person_id: PersonId, day: date) -> None:
    """Count one answer of the day that cost us something and its owner nothing, in the caller's transaction."""
    person = FreeUse._meta.get_field("person_id").get_db_prep_value(person_id, connection)
    with prepared_cursor() as cursor:
        cursor.execute(_COUNT_UNPAID, [person, day])


def seconds_left(now: datetime) -> int:
    """How long the local day still is."""
    tomorrow = clock.local_midnight(local_day(now) + timedelta(days=1), settings.TIME_ZONE)
    return max(1, int((tomorrow - now).total_seconds()))


def local_day(now: datetime) -> date:
    """The day that free uses count for: it begins at midnight of the business time zone."""
    return clock.local_date(now, settings.TIME_ZONE)


def uses_of(person_id: PersonId | Given, day: date | Given) -> QuerySet[FreeUse]:
    """What a person has used on a day, free and unpaid: one row or none."""
    return FreeUse.objects.filter(person_id=person_id, day=day)
