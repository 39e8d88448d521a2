"""Reads and locks of activities."""

from datetime import date, datetime
from uuid import UUID

from apps.kernel import clock
from apps.marketing.campaigns import errors
from apps.marketing.campaigns.contracts import ActivityDetail, ActivityState, Limits
from apps.marketing.campaigns.models import Activity, Stage


def activity_detail(row: Activity) -> ActivityDetail:
    """A row as the outside sees it."""
    return ActivityDetail(
        id=row.id,
        code=row.code,
        title=row.title,
        subtitle=row.subtitle,
        state=row.state,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        time_zone=row.time_zone,
        limits=limits_of(row),
        odds_version_id=row.odds_id,
    )


def limits_of(row: Activity) -> Limits:
    """How often one member may draw."""
    return Limits(total=row.limit_total, day=row.limit_day, month=row.limit_month)


def visible_activity(*, activity_id: UUID) -> ActivityDetail:
    """An activity that members may see, in any state but draft. Raises ActivityNotFound."""
    row = Activity.objects.filter(pk=activity_id).exclude(state=ActivityState.DRAFT).first()
    if row is None:
        raise errors.ActivityNotFound(activity_id=str(activity_id))
    return activity_detail(row)


def staged_activity(*, channel: str, source: str) -> ActivityDetail:
    """The activity on show at a place. Raises StageNotFound, also while that activity is a draft."""
    stage = Stage.objects.select_related("activity").filter(channel=channel, source=source).first()
    if stage is None or stage.activity.state == ActivityState.DRAFT:
        raise errors.StageNotFound(channel=channel, source=source)
    return activity_detail(stage.activity)


def lock_activity(*, activity_id: UUID) -> Activity:
    """Lock an activity for an operator's change. Raises ActivityNotFound."""
    row = Activity.objects.select_for_update(of=("self",), no_key=True).filter(pk=activity_id).first()
    if row is None:
        raise errors.ActivityNotFound(activity_id=str(activity_id))
    return row


def today_in(activity: Activity, now: datetime) -> date:
    """The local day of an activity."""
    return clock.local_date(now, activity.time_zone)
