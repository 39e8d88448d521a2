"""An activity that is live, as an operator sets it up; imported once Django is."""

from datetime import datetime, timedelta
from uuid import UUID

from apps.kernel import clock
from apps.marketing import services
from apps.marketing.contracts import ActivityState, Limits, PrizeDraft

BY = {"actor": "system", "reason": "benchmark"}
ZONE = "Asia/Shanghai"
_LASTS = timedelta(days=30)


def live(code: str, *prizes: PrizeDraft) -> UUID:
    """An activity without limits that gives these prizes, from now on."""
    now = clock.now()
    activity_id = planned(code, now=now)
    go_live(activity_id, *prizes, now=now)
    return activity_id


def planned(code: str, *, now: datetime) -> UUID:
    """An activity that has no prizes yet."""
    made = services.save_activity(
        code=code,
        title="Benchmark",
        subtitle="",
        starts_at=now,
        ends_at=clock.now() + _LASTS,
        time_zone=ZONE,
        limits=Limits(),
        now=now,
    )
    return made.id


def go_live(activity_id: UUID, *prizes: PrizeDraft, now: datetime) -> None:
    """Publish these prizes, and open it."""
    draft = services.save_draft(
        activity_id=activity_id, declared_total=sum(prize.weight for prize in prizes), prizes=prizes, now=now
    )
    services.publish_odds(version_id=draft.id, now=now, **BY)
    services.set_activity_state(activity_id=activity_id, state=ActivityState.LIVE, now=now, **BY)
