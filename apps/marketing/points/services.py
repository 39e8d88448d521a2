"""The one file through which points move. They are earned, never bought: each grant is a gift."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from apps.kernel.ids import UserId
from apps.kernel.paging import Page
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause, Entry, Purse
from apps.marketing.points.contracts import POINTS
from apps.marketing.points.selectors import available, statement

__all__ = [
    "export_points_entries",
    "give_points",
    "points_entries",
    "points_of",
    "take_points",
]


# The leg of a cause under which a member is given points.
_GIVEN = "points"


def give_points(*, user_id: UserId, amount: int, kind: str, cause: Cause, now: datetime) -> None:
    """Give a member points in the caller's transaction; the same cause gives them once.

    Raises ledger.InvalidAmount, ledger.CauseConflict.
    """
    ledger.grant(
        account=ledger.user_account(user_id, POINTS),
        amount=amount,
        purse=Purse.GIFT,
        kind=kind,
        cause=cause,
        leg=_GIVEN,
        now=now,
    )


def take_points(*, user_id: UserId, amount: int, sink: str, kind: str, cause: Cause, leg: str, now: datetime) -> None:
    """Take points from a member in the caller's transaction; the same cause takes them once.

    Raises ledger.InsufficientFunds when less is available, ledger.InvalidAmount, ledger.CauseConflict.
    """
    ledger.spend(
        account=ledger.user_account(user_id, POINTS),
        amount=amount,
        sink=sink,
        kind=kind,
        cause=cause,
        leg=leg,
        now=now,
    )


def points_of(*, user_id: UserId) -> int:
    """The points that a member can spend."""
    return available(user_id, POINTS)[POINTS]


def points_entries(*, user_id: UserId, cursor: str | None, size: int = 20) -> Page[Entry]:
    """A page of a member's points movements, newest first. Raises CursorNotValid."""
    return ledger.entries(account=ledger.user_account(user_id, POINTS), cursor=cursor, size=size)


def export_points_entries(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """Every movement of the member's points, newest first."""
    yield from statement(user_id, POINTS)
