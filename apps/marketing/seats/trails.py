"""Seats against the operators' trail."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from apps.kernel import clock, configuration
from apps.kernel.invariants import Breach, came_since, invariant
from apps.marketing.campaigns.models import Activity
from apps.marketing.seats.models import Seat

_CHUNK = 2000


@invariant("I-22-undrawn", "a seat that never drew counts the day on which it was taken", windowed=True)
def seats_began_on_their_days(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Seats without draws that count another day than that of their making, in a time zone that their activity had."""
    zones: dict[UUID, set[str]] = {}
    seats = came_since(Seat.objects.filter(drawn_total=0), since).order_by("pk")
    columns = seats.values_list("pk", "activity_id", "day_on", "created_at")
    for pk, activity_id, day_on, created_at in columns.iterator(chunk_size=_CHUNK):
        if activity_id not in zones:
            zones[activity_id] = {said["time_zone"] for _, said in configuration.history(Activity, activity_id)}
        if day_on not in {clock.local_date(created_at, zone) for zone in zones[activity_id]}:
            yield Breach(f"seat {pk}", f"counts {day_on}, taken at {created_at.isoformat()}")
