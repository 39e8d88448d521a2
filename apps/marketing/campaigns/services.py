"""Activities, and where they are shown: what operators configure."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from apps.kernel import audit, configuration
from apps.marketing.campaigns import errors, rules, selectors
from apps.marketing.campaigns.contracts import ActivityDetail, ActivityState, Limits
from apps.marketing.campaigns.models import Activity, Stage
from apps.marketing.campaigns.registries import START_CHECKS

__all__ = [
    "bind_stage",
    "doubt_activity",
    "save_activity",
    "set_activity_state",
]

_SET_STATE = "marketing.set_activity_state"
_DOUBT = "marketing.doubt_activity"


def save_activity(
    *,
    code: str,
    title: str,
    subtitle: str,
    starts_at: datetime,
    ends_at: datetime,
    time_zone: str,
    limits: Limits,
    now: datetime,
    actor: str = audit.SYSTEM,
    reason: str = "set-up",
) -> ActivityDetail:
    """Create the activity with this code as a draft, or bring it to these values; its state stays.

    Raises ReasonMissing, TimeZoneUnknown, WindowInvalid, TimeZoneFixed.
    """

    def check(activity: Activity) -> None:
        rules.check_time_zone_change(state=activity.state, before=activity.time_zone, after=time_zone)

    _check_schedule(starts_at=starts_at, ends_at=ends_at, time_zone=time_zone)
    values = {
        "title": title,
        "subtitle": subtitle,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "time_zone": time_zone,
        "limit_total": limits.total,
        "limit_day": limits.day,
        "limit_month": limits.month,
    }
    activity = configuration.save(
        Activity, key={"code": code}, values=values, actor=actor, reason=reason, now=now, check=check
    )
    return selectors.activity_detail(activity)


def set_activity_state(
    *, activity_id: UUID, state: ActivityState, actor: str, reason: str, now: datetime
) -> ActivityDetail:
    """Start, pause, resume or end an activity.

    Raises ReasonMissing, ActivityNotFound, IllegalTransition, ActivityNotReady (no published odds), OddsStockEmpty
    (a limited prize has run out before the start).
    """
    audit.require_reason(reason)
    with transaction.atomic():
        activity = selectors.lock_activity(activity_id=activity_id)
        before = activity.state
        rules.check_transition(rules.NEXT_ACTIVITY, before, state)
        if state == ActivityState.LIVE and activity.odds_id is None:
            raise errors.ActivityNotReady(activity_id=str(activity_id))
        if before == ActivityState.DRAFT and state == ActivityState.LIVE:
            for check in START_CHECKS:
                check(activity=selectors.activity_detail(activity))
        _set_state(activity, state, actor=actor, reason=reason, now=now)
    return selectors.activity_detail(activity)


def doubt_activity(*, activity_id: UUID, rows: Collection[str], now: datetime) -> None:
    """Note which of its rows the audit does not believe, each once, and pause a live activity for those that are new.

    An operator who resumes it has seen the rows so far. Some can never be repaired: a draw stays as it was made.
    """
    target = ("activity", str(activity_id))
    with transaction.atomic():
        activity = selectors.lock_activity(activity_id=activity_id)
        new = sorted(set(rows) - audit.reasons_of(action=_DOUBT, target=target))
        for row in new:
            audit.record(actor=audit.SYSTEM, action=_DOUBT, target=target, reason=row, now=now)
        if new and activity.state == ActivityState.LIVE:
            _set_state(activity, ActivityState.PAUSED, actor=audit.SYSTEM, reason=f"audit: {new[0]}", now=now)


def bind_stage(
    *,
    channel: str,
    source: str,
    activity_id: UUID,
    now: datetime,
    actor: str = audit.SYSTEM,
    reason: str = "set-up",
) -> None:
    """Show an activity at a front-end place. Raises ReasonMissing."""
    configuration.save(
        Stage,
        key={"channel": channel, "source": source},
        values={"activity_id": activity_id},
        actor=actor,
        reason=reason,
        now=now,
    )


def _set_state(activity: Activity, state: ActivityState, *, actor: str, reason: str, now: datetime) -> None:
    values = {"state": state.value}
    configuration.change(activity, values, actor=actor, reason=reason, now=now, action=_SET_STATE)


def _check_schedule(*, starts_at: datetime, ends_at: datetime, time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise errors.TimeZoneUnknown(time_zone=time_zone) from None
    if ends_at <= starts_at:
        raise errors.WindowInvalid
