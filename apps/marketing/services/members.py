"""What one member has and sees: balances, their account in an activity, the week of sign-ins, the winners' feed."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from apps.accounts import services as accounts
from apps.chat import services as chat
from apps.chat.contracts import QUOTA
from apps.kernel import clock
from apps.kernel.ids import UserId
from apps.kernel.paging import Page
from apps.ledger import services as ledger
from apps.ledger.contracts import Entry
from apps.marketing import errors, rules, selectors
from apps.marketing.contracts import (
    POINTS,
    ActivityAccount,
    Balances,
    Behaviour,
    SignInWeek,
    Winner,
    chances_asset,
)
from apps.marketing.models import Participation
from apps.marketing.services.rebates import reward_for
from apps.marketing.services.seats import counters_of, take_seat

HOME_STAGE = ("web", "home")
FEED_SIZE = 20


def account_of(*, user_id: UserId, activity_id: UUID, now: datetime) -> ActivityAccount:
    """One member in one activity; the first look takes a seat, so that a seed's hash can be shown before the draw.

    Raises ActivityNotFound.
    """
    activity = selectors.visible_activity(activity_id=activity_id)
    seat = _seat(user_id=user_id, activity_id=activity_id, now=now)
    today = clock.local_date(now, activity.time_zone)
    counters = rules.rolled_over(counters_of(seat), today=today)
    available = _available(user_id, POINTS, QUOTA, chances_asset(activity_id))
    chances = available[chances_asset(activity_id)]
    left_today, left_month = rules.draws_left(counters, limits=activity.limits, chances=chances)
    return ActivityAccount(
        activity_id=activity_id,
        points=available[POINTS],
        quota_milli=available[QUOTA],
        chances=chances,
        left_today=left_today,
        left_month=left_month,
        limits=activity.limits,
        used_total=counters.total,
        used_day=counters.day,
        used_month=counters.month,
        signed_in_today=_signed_in_today(user_id, now),
        next_seed_hash=rules.seed_hash(seat.server_seed),
        nonce=seat.nonce,
    )


def balances_of(*, user_id: UserId, now: datetime) -> Balances:
    """The numbers of the page header; chances are those of the activity on the home stage."""
    activity_id = _home_activity()
    assets = [POINTS, QUOTA] + ([chances_asset(activity_id)] if activity_id else [])
    available = _available(user_id, *assets)
    return Balances(
        quota_milli=available[QUOTA],
        free_left=chat.quota_of(user_id=user_id, now=now).free_left,
        points=available[POINTS],
        chances=available[chances_asset(activity_id)] if activity_id else 0,
        activity_id=activity_id,
    )


def points_of(*, user_id: UserId) -> int:
    """The points that a member can spend."""
    return _available(user_id, POINTS)[POINTS]


def points_entries(*, user_id: UserId, cursor: str | None, size: int = 20) -> Page[Entry]:
    """A page of a member's points movements, newest first. Raises CursorNotValid."""
    return ledger.entries(account=ledger.user_account(user_id, POINTS), cursor=cursor, size=size)


def sign_in_week(*, user_id: UserId, now: datetime) -> SignInWeek:
    """The last seven days, the streak, and what signing in gives."""
    today = clock.local_date(now, settings.TIME_ZONE)
    week = selectors.week_before(today)
    days = selectors.signed_in_days(user_id=user_id, first=week[0], before=today + timedelta(days=1))
    reward = reward_for(behaviour=Behaviour.SIGN_IN, now=now)
    return SignInWeek(
        days=tuple((day, day in days) for day in week),
        signed_in_today=today in days,
        streak=selectors.living_streak(selectors.last_sign_in(user_id=user_id), today),
        points=reward.points,
        chances=sum(reward.chances.values()),
    )


def winners_of(*, activity_id: UUID) -> list[Winner]:
    """The newest wins of an activity, names masked. Raises ActivityNotFound."""
    selectors.visible_activity(activity_id=activity_id)
    wins = selectors.latest_wins(activity_id=activity_id, limit=FEED_SIZE)
    members = accounts.members(user_ids={user_id for user_id, _, _ in wins})
    return [
        Winner(member=rules.masked(members[user_id].nickname if user_id in members else ""), title=title, won_at=at)
        for user_id, title, at in wins
    ]


def _seat(*, user_id: UserId, activity_id: UUID, now: datetime) -> Participation:
    seats = Participation.objects.filter(user_id=user_id, activity_id=activity_id)
    seat = seats.first()
    if seat is None:
        take_seat(user_id=user_id, activity_id=activity_id, now=now)
        seat = seats.get()
    return seat


def _available(user_id: UserId, *assets: str) -> dict[str, int]:
    found = ledger.balances(owner=ledger.user_owner(user_id), assets=assets)
    return {asset: balance.available for asset, balance in found.items()}


def _home_activity() -> UUID | None:
    channel, source = HOME_STAGE
    try:
        return selectors.staged_activity(channel=channel, source=source).id
    except errors.StageNotFound:
        return None


def _signed_in_today(user_id: UserId, now: datetime) -> bool:
    last = selectors.last_sign_in(user_id=user_id)
    return last is not None and last.local_day == clock.local_date(now, settings.TIME_ZONE)
