"""What draws take in the ledger, walked both ways."""

from collections.abc import Iterable
from datetime import datetime

from apps.kernel.invariants import Breach, invariant
from apps.ledger import services as ledger
from apps.marketing.prizes.movements import declared
from apps.marketing.prizes.services.kinds import Chances

_DRAWS = declared(
    "marketing.draw",
    "main",
    f"{Chances.asset_sql} AS asset, request_count AS amount, created_at AS at FROM marketing_draw WHERE ordinal = 0",
    into_member=False,
    system="used",
)


@invariant("I-19-moved", "every draw took the chances of its request", windowed=True)
def draws_took_their_chances(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Requests that took no chances, or others' or another number of them, and chances taken for no request."""
    return ledger.movement_breaches(movement=_DRAWS, since=since)
