"""What rebates give in the ledger, walked both ways, and the deeds that they reward."""

from collections.abc import Iterable
from datetime import datetime

from apps.kernel.db import portable
from apps.kernel.invariants import Breach, invariant, rows
from apps.ledger import services as ledger
from apps.marketing.earning.registries import BEHAVIOURS
from apps.marketing.points.contracts import POINTS
from apps.marketing.prizes.movements import declared
from apps.marketing.prizes.services.kinds import Chances

_REBATES = [
    declared(
        "marketing.rebate",
        "points",
        f"'{POINTS}' AS asset, points AS amount, created_at AS at FROM marketing_rebate WHERE points > 0",
    ),
    declared(
        "marketing.rebate",
        "chances",
        f"{Chances.asset_sql} AS asset, chances AS amount, created_at AS at FROM marketing_rebate WHERE chances > 0",
    ),
]
# A rebate's behaviour key names what it rewards.
_DEEDS = """
SELECT rebate.id, rebate.behaviour_key FROM marketing_rebate AS rebate
LEFT JOIN ({deeds}) AS deed ON deed.name = rebate.behaviour_key AND deed.member = rebate.user_id
WHERE deed.name IS NULL
"""


@invariant("I-41", "every rebate paid what it says, once", windowed=True)
def rebates_were_paid(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Rebates that differ from their ledger movements."""
    for movement in _REBATES:
        yield from ledger.movement_breaches(movement=movement, since=since)


@invariant("I-41-deeds", "every rebate rewards something that its member did")
def rebates_have_deeds(now: datetime) -> Iterable[Breach]:
    """Rebates for orders, sign-ins or registrations that are not there, or are somebody else's."""
    done = " UNION ALL ".join(behaviour.done_sql for behaviour in BEHAVIOURS)
    for rebate, key in rows(portable(_DEEDS.format(deeds=done))):
        yield Breach(f"rebate {rebate}", f"nobody did {key}")
