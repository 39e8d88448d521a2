"""What the scheduled audit does about an activity whose draws or stocks are not what they must be."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.kernel.invariants import Breach
from apps.marketing.campaigns import services


def pause_activities(breaches: Collection[Breach], now: datetime) -> None:
    """Pause the live activities that these breaches are about, until an operator has looked at them."""
    rows_of: dict[UUID, list[str]] = defaultdict(list)
    for breach in breaches:
        rows_of[UUID(breach.about)].append(breach.subject)
    for activity_id, rows in sorted(rows_of.items()):
        services.doubt_activity(activity_id=activity_id, rows=rows, now=now)
