"""Activities, where they are shown, and the stock of their prizes: what operators configure."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from apps.kernel import audit
from apps.marketing import errors, rules, selectors
from apps.marketing.contracts import ActivityDetail, ActivityState, Limits, StockDetail
from apps.marketing.models import Activity, PrizeStock, Stage
from apps.marketing.services.saving import require_reason, save


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
    activity = save(Activity, key={"code": code}, values=values, actor=actor, reason=reason, now=now, check=check)
    return selectors.activity_detail(activity)


def set_activity_state(
    *, activity_id: UUID, state: ActivityState, actor: str, reason: str, now: datetime
) -> ActivityDetail:
    """Start, pause, resume or end an activity.

    Raises ReasonMissing, ActivityNotFound, IllegalTransition, ActivityNotReady (no published odds).
    """
    require_reason(reason)
    with transaction.atomic():
        activity = selectors.lock_activity(activity_id=activity_id)
        before = activity.state
        rules.check_transition(rules.NEXT_ACTIVITY, before, state)
        if state == ActivityState.LIVE and activity.odds_id is None:
            raise errors.ActivityNotReady(activity_id=str(activity_id))
        activity.state = state
        activity.save(update_fields=["state"])
        audit.record(
            actor=actor,
            action="marketing.set_activity_state",
            target=("activity", str(activity_id)),
            reason=reason,
            before={"state": before},
            after={"state": state.value},
            now=now,
        )
    return selectors.activity_detail(activity)


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
    save(
        Stage,
        key={"channel": channel, "source": source},
        values={"activity_id": activity_id},
        actor=actor,
        reason=reason,
        now=now,
    )


def save_stock(
    *,
    activity_id: UUID,
    code: str,
    total: int,
    now: datetime,
    actor: str = audit.SYSTEM,
    reason: str = "set-up",
) -> StockDetail:
    """Create the stock with this code; an existing one keeps its numbers (correct_stock changes them).

    Raises ReasonMissing.
    """
    key = {"activity_id": activity_id, "code": code}
    stock = PrizeStock.objects.filter(**key).first()
    if stock is None:
        stock = save(PrizeStock, key=key, values={"total": total}, actor=actor, reason=reason, now=now)
    return _stock_detail(stock)


def correct_stock(*, stock_id: UUID, total: int, actor: str, reason: str, now: datetime) -> StockDetail:
    """Set how many there are in all; what has been issued stays issued.

    Raises ReasonMissing, StockNotFound, StockBelowIssued.
    """
    require_reason(reason)
    with transaction.atomic():
        stock = PrizeStock.objects.select_for_update(of=("self",), no_key=True).filter(pk=stock_id).first()
        if stock is None:
            raise errors.StockNotFound(stock_id=str(stock_id))
        if not PrizeStock.objects.filter(pk=stock_id, issued__lte=total).update(total=total):
            raise errors.StockBelowIssued(issued=stock.issued, total=total)
        audit.record(
            actor=actor,
            action="marketing.correct_stock",
            target=("prize_stock", str(stock_id)),
            reason=reason,
            before={"total": stock.total},
            after={"total": total},
            now=now,
        )
        stock.refresh_from_db()
    return _stock_detail(stock)


def _check_schedule(*, starts_at: datetime, ends_at: datetime, time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise errors.TimeZoneUnknown(time_zone=time_zone) from None
    if ends_at <= starts_at:
        raise errors.WindowInvalid


def _stock_detail(stock: PrizeStock) -> StockDetail:
    return StockDetail(
        id=stock.id, activity_id=stock.activity_id, code=stock.code, total=stock.total, issued=stock.issued
    )
