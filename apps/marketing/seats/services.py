"""A person's seat in an activity: their counters, the secret seed of their next draw, and the chances given to them."""

import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.accounts import services as accounts
from apps.kernel.ids import PersonId, UserId
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause, Purse
from apps.marketing.campaigns.errors import ActivityNotFound
from apps.marketing.campaigns.models import Activity
from apps.marketing.campaigns.rules import is_worth_chances
from apps.marketing.campaigns.selectors import today_in
from apps.marketing.points.selectors import statement
from apps.marketing.seats import errors, rules
from apps.marketing.seats.contracts import chances_asset
from apps.marketing.seats.models import Seat

__all__ = [
    "check_chances_usable",
    "export_chance_entries",
    "give_chances",
    "new_seed",
    "take_chances",
    "take_seat",
]


_SEED_BYTES = 32


def take_seat(*, person_id: PersonId, activity_id: UUID, now: datetime) -> None:
    """Give a person a seat in an activity, with a first secret seed; nothing happens when they have one.

    Raises ActivityNotFound.
    """
    activity = Activity.objects.filter(pk=activity_id).first()
    if activity is None:
        raise ActivityNotFound(activity_id=str(activity_id))
    today, seed = today_in(activity, now), new_seed()
    seat = Seat(
        person_id=person_id,
        activity_id=activity_id,
        day_on=today,
        month_on=today.replace(day=1),
        server_seed=seed,
        first_seed_hash=rules.seed_hash(seed),
        created_at=now,
    )
    Seat.objects.bulk_create([seat], ignore_conflicts=True)


def check_chances_usable(*, activity_id: UUID | None, now: datetime) -> None:
    """Raise ChancesNotUsable unless a member could draw with a chance of this activity."""
    activity = Activity.objects.filter(pk=activity_id).first() if activity_id else None
    if activity is not None and not is_worth_chances(state=activity.state, ends_at=activity.ends_at, now=now):
        raise errors.ChancesNotUsable(activity=activity.code)


def give_chances(*, user_id: UserId, activity_id: UUID, amount: int, kind: str, cause: Cause, now: datetime) -> None:
    """Give draw chances in the caller's transaction, and the seat to use them from; the same cause gives them once.

    Raises ActivityNotFound, accounts.MemberNotFound, ledger.InvalidAmount, ledger.CauseConflict.
    """
    take_seat(person_id=accounts.person_of(user_id=user_id), activity_id=activity_id, now=now)
    ledger.grant(
        account=ledger.user_account(user_id, chances_asset(activity_id)),
        amount=amount,
        purse=Purse.GIFT,
        kind=kind,
        cause=cause,
        leg="chances",
        now=now,
    )


def take_chances(
    *,
    user_id: UserId,
    activity_id: UUID,
    amount: int,
    sink: str,
    kind: str,
    cause: Cause,
    leg: str = "main",
    now: datetime,
) -> UUID:
    """Take draw chances in the caller's transaction, once per cause and leg; the id of the movement.

    Raises ledger.InsufficientFunds when there are less, ledger.InvalidAmount, ledger.CauseConflict.
    """
    movement = ledger.spend(
        account=ledger.user_account(user_id, chances_asset(activity_id)),
        amount=amount,
        sink=sink,
        kind=kind,
        cause=cause,
        leg=leg,
        now=now,
    )
    return movement.id


def new_seed() -> str:
    """A secret that nobody can guess, hexadecimal."""
    return secrets.token_hex(_SEED_BYTES)


def export_chance_entries(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """Every movement of the member's draw chances, activity by activity, newest first."""
    seats = Seat.objects.filter(person_id=accounts.person_of(user_id=user_id)).order_by("pk")
    for activity_id, title in seats.values_list("activity_id", "activity__title"):
        for entry in statement(user_id, chances_asset(activity_id)):
            yield {"activity_id": activity_id, "activity": title, **entry}
