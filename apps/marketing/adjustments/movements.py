"""What adjustments move in the ledger, walked both ways."""

from collections.abc import Iterable
from datetime import datetime

from apps.kernel.invariants import Breach, invariant
from apps.ledger import services as ledger
from apps.marketing.adjustments.contracts import AdjustedAsset
from apps.marketing.prizes.movements import declared
from apps.marketing.prizes.services.kinds import Chances

_ADJUSTMENTS = [
    declared(
        "marketing.adjustment",
        asset,
        f"{Chances.asset_sql if asset == 'chances' else repr(asset)} AS asset, amount, created_at AS at"
        f" FROM marketing_adjustment WHERE asset = '{asset}'",
    )
    for asset in AdjustedAsset.values
]


@invariant("I-51-adjustments", "every adjustment moved what it says", windowed=True)
def adjustments_were_made(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Adjustments that differ from their ledger movements."""
    for movement in _ADJUSTMENTS:
        yield from ledger.movement_breaches(movement=movement, since=since)
