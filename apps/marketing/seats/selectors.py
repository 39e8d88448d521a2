"""Reads and locks of seats."""

from uuid import UUID

from apps.kernel.db import CompiledRead, Given
from apps.kernel.ids import PersonId
from apps.marketing.seats.contracts import Counters
from apps.marketing.seats.models import Seat

_LOCKED = CompiledRead(
    lambda: (
        Seat.objects.select_for_update(of=("self",), no_key=True)
        .select_related("activity")
        .filter(person_id=Given("person_id"), activity_id=Given("activity_id"))
    )
)


def lock_seat(*, person_id: PersonId, activity_id: UUID) -> Seat | None:
    """Lock one person's seat in an activity and read the activity, in one statement."""
    return _LOCKED.one(person_id=person_id, activity_id=activity_id)


def counters_of(seat: Seat) -> Counters:
    """The draws of a seat so far."""
    return Counters(
        total=seat.drawn_total,
        day=seat.drawn_day,
        day_on=seat.day_on,
        month=seat.drawn_month,
        month_on=seat.month_on,
    )
