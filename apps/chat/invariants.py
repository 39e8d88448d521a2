"""What must never be false about chat, as queries."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from apps.chat.contracts import GenerationState
from apps.chat.models import UNSETTLED, Generation
from apps.chat.services.quota import local_day
from apps.chat.services.settling import QUEUE_LIMIT
from apps.kernel.invariants import Breach, invariant

# Settled rows never change again: what was sound for two days is not looked at each minute for ever.
_LOOK_BACK = timedelta(days=2)
# The sweeper runs every few seconds; whoever waits for it this long waits in vain.
_GRACE = timedelta(minutes=1)
# The first rows name the trouble.
_SHOWN = 100

# One statement each: an answer that is settled meanwhile is in both numbers or in neither.
_UNSETTLED = ", ".join(f"'{state}'" for state in UNSETTLED)
_HOLDS = """
SELECT generation.id, generation.state, generation.charged_milli, hold.state, hold.posted_amount
FROM chat_generation AS generation LEFT JOIN ledger_hold AS hold ON hold.id = generation.hold_id
WHERE generation.paid_by = 'quota' AND (generation.state IN ({unsettled}) OR generation.settled_at >= %s)
  AND (hold.id IS NULL
       OR (generation.state IN ({unsettled})) <> (hold.state = 'pending')
       OR hold.posted_amount <> generation.charged_milli)
"""
_FREE_USES = """
SELECT flow.member, flow.day, SUM(flow.answers)
FROM (
    SELECT user_id AS member, free_day AS day, 1 AS answers FROM chat_generation
    WHERE paid_by = 'free' AND (state IN ({unsettled}) OR is_delivered) AND free_day >= %s
    UNION ALL
    SELECT user_id, day, -used FROM chat_freeuse WHERE day >= %s
) AS flow
GROUP BY flow.member, flow.day
HAVING SUM(flow.answers) <> 0
"""


@invariant("I-16-chat", "no generation is left without its engine")
def generations_are_looked_after(now: datetime) -> Iterable[Breach]:
    """Running generations whose lease ran out, and queued ones that nobody took up, beyond the sweeper's grace."""
    lease_ran_out = Q(state=GenerationState.RUNNING, lease_until__lt=now - _GRACE)
    forgotten = Q(state=GenerationState.QUEUED, created_at__lt=now - QUEUE_LIMIT - _GRACE)
    for row in Generation.objects.filter(lease_ran_out | forgotten).order_by("pk")[:100]:
        yield Breach(f"generation {row.pk}", f"{row.state} since {row.created_at.isoformat()}")


@invariant("I-17", "each generation's hold agrees with its state and its charge")
def charges_equal_the_ledger(now: datetime) -> Iterable[Breach]:
    """Generations paid by quota whose hold is missing, unresolved though settled, or posted with another amount."""
    query = _HOLDS.format(unsettled=_UNSETTLED)
    since = connection.ops.adapt_datetimefield_value(now - _LOOK_BACK)
    for generation, state, charged, hold, posted in _rows(query, [since]):
        fault = f"{state}, charged {charged}; its hold is {hold or 'missing'}, posted {posted or 0}"
        yield Breach(f"generation {generation}", fault)


@invariant("I-17-free", "free uses equal the answers that they paid for")
def free_uses_are_accounted_for(now: datetime) -> Iterable[Breach]:
    """Days on which a user's count of free uses differs from the answers under way or delivered on them."""
    since = connection.ops.adapt_datefield_value(local_day(now - _LOOK_BACK))
    for user, day, surplus in _rows(_FREE_USES.format(unsettled=_UNSETTLED), [since, since]):
        yield Breach(f"free uses of {user} on {day}", f"{surplus:+} answers beyond the count")


def _rows(query: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchmany(_SHOWN))
