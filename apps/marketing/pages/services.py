"""What one member has and sees in several rooms at once: balances, their account in an activity."""

from datetime import datetime
from uuid import UUID

from django.conf import settings

from apps.accounts import services as accounts
from apps.chat import services as chat
from apps.chat.contracts import QUOTA
from apps.kernel import clock
from apps.kernel.ids import PersonId, UserId
from apps.kernel.paging import Page
from apps.ledger import services as ledger
from apps.ledger.contracts import Entry
from apps.marketing.campaigns.contracts import ActivityDetail
from apps.marketing.campaigns.errors import StageNotFound
from apps.marketing.campaigns.selectors import staged_activity, visible_activity
from apps.marketing.earning.selectors import last_sign_in
from apps.marketing.pages.contracts import ActivityAccount, Balances
from apps.marketing.points.contracts import POINTS
from apps.marketing.points.selectors import available
from apps.marketing.seats.contracts import chances_asset
from apps.marketing.seats.models import Seat
from apps.marketing.seats.rules import draws_left, limit_reached, rolled_over, seed_hash
from apps.marketing.seats.selectors import counters_of
from apps.marketing.seats.services import take_seat

__all__ = [
    "account_of",
    "balances_of",
    "home_activity",
    "movements_of",
]


def home_activity() -> ActivityDetail | None:
    """The activity on the home stage, which the welfare page and the page header show."""
    try:
        return staged_activity(channel="web", source="home")
    except StageNotFound:
        return None


def account_of(*, user_id: UserId, activity_id: UUID, now: datetime) -> ActivityAccount:
    """One member in one activity; the first look takes a seat, so that a seed's hash can be shown before the draw.

    Raises ActivityNotFound.
    """
    activity = visible_activity(activity_id=activity_id)
    person_id = accounts.person_of(user_id=user_id)
    seat = _seat(person_id=person_id, activity_id=activity_id, now=now)
    today = clock.local_date(now, activity.time_zone)
    counters = rolled_over(counters_of(seat), today=today)
    spendable = available(user_id, POINTS, QUOTA, chances_asset(activity_id))
    chances = spendable[chances_asset(activity_id)]
    left_today, left_month = draws_left(counters, limits=activity.limits, chances=chances)
    return ActivityAccount(
        activity_id=activity_id,
        points=spendable[POINTS],
        quota_milli=spendable[QUOTA],
        chances=chances,
        left_today=left_today,
        left_month=left_month,
        limit_reached=limit_reached(counters, limits=activity.limits),
        limits=activity.limits,
        used_total=counters.total,
        used_day=counters.day,
        used_month=counters.month,
        signed_in_today=_signed_in_today(person_id, now),
        next_seed_hash=seed_hash(seat.server_seed),
        nonce=seat.nonce,
    )


def balances_of(*, user_id: UserId, now: datetime) -> Balances:
    """The numbers of the page header; chances are those of the activity on the home stage."""
    home = home_activity()
    activity_id = home.id if home else None
    assets = [POINTS, QUOTA] + ([chances_asset(activity_id)] if activity_id else [])
    spendable = available(user_id, *assets)
    return Balances(
        quota_milli=spendable[QUOTA],
        free_left=chat.quota_of(user_id=user_id, now=now).free_left,
        points=spendable[POINTS],
        chances=spendable[chances_asset(activity_id)] if activity_id else 0,
        activity_id=activity_id,
    )


def movements_of(*, user_id: UserId, balance: str, cursor: str | None, size: int = 20) -> Page[Entry]:
    """A page of the changes of one of BALANCES, newest first; chances are those that the page header counts.

    Raises CursorNotValid.
    """
    asset: str | None = {"quota": QUOTA, "points": POINTS}.get(balance)
    if asset is None:
        home = home_activity()
        if home is None:
            return Page((), None, None)
        asset = chances_asset(home.id)
    return ledger.entries(account=ledger.user_account(user_id, asset), cursor=cursor, size=size)


def _seat(*, person_id: PersonId, activity_id: UUID, now: datetime) -> Seat:
    seats = Seat.objects.filter(person_id=person_id, activity_id=activity_id)
    seat = seats.first()
    if seat is None:
        take_seat(person_id=person_id, activity_id=activity_id, now=now)
        seat = seats.get()
    return seat


def _signed_in_today(person_id: PersonId, now: datetime) -> bool:
    today = clock.local_date(now, settings.TIME_ZONE)
    last = last_sign_in(person_id=person_id, today=today)
    return last is not None and last.local_day == today
