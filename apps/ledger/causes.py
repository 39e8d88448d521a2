"""The closed list of what moves balances and sets amounts aside, and the walk between it and the ledger, both ways."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection

from apps.kernel.db import portable
from apps.kernel.invariants import Breach, first_key_at, rows
from apps.ledger.contracts import Movement, Reservation
from apps.ledger.rules import END_LEG, HOLD_LEG, LOT_CAUSE, TAKEN_BACK_LEG, owed_leg

# Cause type and leg of everything that was declared, and of the ledger's own.
known_legs: set[tuple[str, str]] = {(LOT_CAUSE, END_LEG)}
known_reservations: set[str] = set()

_UNMOVED = """
SELECT expected.cause_id, expected.amount, transfer.amount
FROM ({expected}) AS expected
LEFT JOIN ledger_transfer AS transfer
    ON transfer.cause_id = expected.cause_id AND transfer.cause_type = '{cause_type}' AND transfer.leg = '{leg}'
LEFT JOIN ledger_account AS mine
    ON mine.id = CASE WHEN expected.amount > 0 THEN transfer.{member_side}_id ELSE transfer.{system_side}_id END
LEFT JOIN ledger_account AS other
    ON other.id = CASE WHEN expected.amount > 0 THEN transfer.{system_side}_id ELSE transfer.{member_side}_id END
LEFT JOIN ledger_lot AS lot ON lot.transfer_id = transfer.id
WHERE {recent} AND (transfer.id IS NULL OR transfer.amount <> ABS(expected.amount) OR transfer.asset <> expected.asset
    OR COALESCE(mine.owner, '') <> 'user:' || expected.member OR COALESCE(other.owner, '') <> 'system:{system}'
    OR lot.purse <> '{purse}' OR lot.ends_at IS NOT NULL)
"""
_UNCAUSED = """
SELECT transfer.cause_id, transfer.amount
FROM ledger_transfer AS transfer LEFT JOIN ({expected}) AS expected ON expected.cause_id = transfer.cause_id
WHERE {recent} AND transfer.cause_type = '{cause_type}' AND transfer.leg = '{leg}' AND expected.cause_id IS NULL
"""
_UNHELD = """
SELECT expected.cause_id, expected.amount, hold.amount, hold.state, expected.posted, hold.posted_amount
FROM ({expected}) AS expected
LEFT JOIN ledger_hold AS hold ON hold.cause_id = expected.cause_id AND hold.cause_type = '{cause_type}'
LEFT JOIN ledger_account AS mine ON mine.id = hold.account_id
WHERE {recent} AND (hold.id IS NULL OR hold.amount <> expected.amount OR hold.posted_amount <> expected.posted
    OR COALESCE(mine.owner, '') <> 'user:' || expected.member OR COALESCE(mine.asset, '') <> expected.asset
    OR (hold.state = 'pending') <> (expected.is_pending = 1))
"""
_STRAY = """
SELECT hold.cause_id, hold.amount, hold.state
FROM ledger_hold AS hold LEFT JOIN ({expected}) AS expected ON expected.cause_id = hold.cause_id
WHERE ({recent} OR hold.state = 'pending') AND hold.cause_type = '{cause_type}' AND expected.cause_id IS NULL
"""


def declare_movement(*, movement: Movement) -> Movement:
    """Add a movement to the closed list; called when the app's invariants are loaded."""
    known_legs.add((movement.cause_type, movement.leg))
    if movement.into_member or movement.leg == TAKEN_BACK_LEG:
        known_legs.add((movement.cause_type, owed_leg(movement.leg)))
    return movement


def declare_reservation(*, reservation: Reservation) -> Reservation:
    """Add a reservation to the closed list; what it posts moves under the same cause."""
    known_reservations.add(reservation.cause_type)
    known_legs.update({(reservation.cause_type, HOLD_LEG), (reservation.cause_type, owed_leg(HOLD_LEG))})
    return reservation


def movement_breaches(*, movement: Movement, since: datetime | None) -> Iterator[Breach]:
    """Rows that did not move what they must, and movements that no row asked for; since then, or ever (None)."""
    names = {
        "cause_type": movement.cause_type,
        "leg": movement.leg,
        "system": movement.system,
        "purse": movement.purse.value,
        "expected": portable(movement.expected),
        "member_side": "credit" if movement.into_member else "debit",
        "system_side": "debit" if movement.into_member else "credit",
    }
    noun = f"{movement.cause_type} {movement.leg}"
    for cause, due, moved in _recent(_UNMOVED, names, since, moment="expected.at"):
        yield Breach(
            f"{noun} {cause}",
            f"{due} due, {moved or 0} moved, or not between the right accounts, or into another purse",
        )
    for cause, moved in _recent(_UNCAUSED, names, since, made="transfer.id"):
        yield Breach(f"{noun} {cause}", f"{moved} moved, nothing due")


def reservation_breaches(*, reservation: Reservation, since: datetime | None) -> Iterator[Breach]:
    """Rows whose hold is missing or says otherwise, and holds of no row; since then, or ever (None)."""
    names = {"cause_type": reservation.cause_type, "expected": portable(reservation.expected)}
    for cause, due, held, state, posted, did_post in _recent(_UNHELD, names, since, moment="expected.at"):
        detail = f"{due} due and {posted} posted; its hold is {state or 'missing'}, {held or 0}, posted {did_post or 0}"
        yield Breach(f"{reservation.cause_type} {cause}", detail)
    for cause, held, state in _recent(_STRAY, names, since, made="hold.id"):
        yield Breach(f"{reservation.cause_type} {cause}", f"holds {held} for nothing, {state}")


def _recent(
    query: str, names: dict[str, str], since: datetime | None, *, moment: str = "", made: str = ""
) -> list[tuple[Any, ...]]:
    """The rows of one of the queries above, all of them or those since a moment."""
    if since is None:
        return rows(query.format(recent="1 = 1", **names))
    if moment:
        value = connection.ops.adapt_datetimefield_value(since)
        return rows(query.format(recent=f"{moment} >= %s", **names), [value])
    return rows(query.format(recent=f"{made} >= %s", **names), [first_key_at(since)])
