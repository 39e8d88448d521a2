"""What exchanges give and take in the ledger, walked both ways."""

from collections.abc import Iterable
from datetime import datetime

from apps.kernel.invariants import Breach, invariant
from apps.ledger import services as ledger
from apps.ledger.contracts import Movement
from apps.marketing.exchange.registries import ITEMS
from apps.marketing.points.contracts import POINTS
from apps.marketing.prizes.movements import declared, given

_PRICE = declared(
    "marketing.exchange",
    "price",
    f"'{POINTS}' AS asset, points_paid AS amount, created_at AS at FROM marketing_exchangeorder",
    into_member=False,
    system="revenue",
)


def _exchanges() -> list[Movement]:
    facts = "unit_amount * quantity AS amount, created_at AS at FROM marketing_exchangeorder WHERE 1 = 1"
    return [_PRICE, *given("marketing.exchange", ITEMS, facts)]


_exchanges()


@invariant("I-44-moved", "every exchange gave what its points paid for", windowed=True)
def exchanges_were_paid(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Exchange orders that differ from their ledger movements."""
    for movement in _exchanges():
        yield from ledger.movement_breaches(movement=movement, since=since)
