"""What prizes move in the ledger, walked both ways; and how every room says what it moves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from apps.kernel.invariants import Breach, invariant
from apps.ledger import services as ledger
from apps.ledger.contracts import Movement
from apps.marketing.prizes.registries import PRIZES, Kind


def declared(cause_type: str, leg: str, expected: str, *, into_member: bool = True, system: str = "issuer") -> Movement:
    """Say what a cause moves; `expected` is SQL with the columns asset, amount and at, and FROM."""
    return ledger.declare_movement(
        movement=Movement(
            cause_type=cause_type,
            leg=leg,
            system=system,
            into_member=into_member,
            expected=f"SELECT UUID_TEXT(id) AS cause_id, UUID_TEXT(user_id) AS member, {expected}",
        )
    )


def given(cause_type: str, kinds: Iterable[Kind], facts: str) -> list[Movement]:
    """What things of these kinds move, leg by leg; `facts` is SQL with the columns amount and at."""
    assets: dict[str, dict[str, str]] = defaultdict(dict)
    for kind in kinds:
        if kind.leg:
            assets[kind.leg][kind.code] = kind.asset_sql
    return [
        declared(cause_type, leg, f"CASE kind {_cases(found)} END AS asset, {facts} AND kind IN {_listed(found)}")
        for leg, found in assets.items()
    ]


def _cases(assets: Mapping[str, str]) -> str:
    return " ".join(f"WHEN '{code}' THEN {asset}" for code, asset in assets.items())


def _listed(codes: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{code}'" for code in codes) + ")"


def _deliveries() -> list[Movement]:
    return given("marketing.delivery", PRIZES, "amount, done_at AS at FROM marketing_delivery WHERE state = 'done'")


# The closed list is known before the first check.
_deliveries()


@invariant("I-30", "a delivery is done exactly when its prize arrived", windowed=True)
def deliveries_had_effect(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Done deliveries without their ledger movement, and movements without a done delivery."""
    for movement in _deliveries():
        yield from ledger.movement_breaches(movement=movement, since=since)
