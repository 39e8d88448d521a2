"""A member's seat in an activity: their counters, the secret seed of their next draw, and the chances given to them."""

import secrets
from datetime import datetime
from uuid import UUID

from apps.kernel.ids import UserId
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from apps.marketing import errors, selectors
from apps.marketing.contracts import Counters, chances_asset
from apps.marketing.models import Activity, Participation

_SEED_BYTES = 32


def take_seat(*, user_id: UserId, activity_id: UUID, now: datetime) -> None:
    """Give a member a seat in an activity, with a first secret seed; nothing happens when they have one.

    Raises ActivityNotFound.
    """
    activity = Activity.objects.filter(pk=activity_id).first()
    if activity is None:
        raise errors.ActivityNotFound(activity_id=str(activity_id))
    today = selectors.today_in(activity, now)
    seat = Participation(
        user_id=user_id,
        activity_id=activity_id,
        day_on=today,
        month_on=today.replace(day=1),
        server_seed=new_seed(),
        created_at=now,
    )
    Participation.objects.bulk_create([seat], ignore_conflicts=True)


def give_chances(*, user_id: UserId, activity_id: UUID, amount: int, kind: str, cause: Cause, now: datetime) -> None:
    """Give draw chances in the caller's transaction, and the seat to use them from; the same cause gives them once.

    Raises ActivityNotFound, ledger.InvalidAmount, ledger.CauseConflict.
    """
    take_seat(user_id=user_id, activity_id=activity_id, now=now)
    asset = chances_asset(activity_id)
    ledger.transfer(
        debit=ledger.system_account("issuer", asset),
        credit=ledger.user_account(user_id, asset),
        amount=amount,
        kind=kind,
        cause=cause,
        leg="chances",
        now=now,
    )


def new_seed() -> str:
    """A secret that nobody can guess, hexadecimal."""
    return secrets.token_hex(_SEED_BYTES)


def counters_of(seat: Participation) -> Counters:
    """The draws of a seat so far."""
    return Counters(
        total=seat.drawn_total,
        day=seat.drawn_day,
        day_on=seat.day_on,
        month=seat.drawn_month,
        month_on=seat.month_on,
    )
