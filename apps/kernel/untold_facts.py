"""Whether everything that happened was told: rows on one side, published events on the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from apps.kernel.db import portable
from apps.kernel.invariants import OVERLAP, Breach, first_key_at, rows

_UNTOLD = """
SELECT expected.fact FROM ({expected}) AS expected
LEFT JOIN (SELECT {told} AS fact FROM kernel_outboxevent WHERE topic = %s AND id >= %s) AS event
    ON event.fact = expected.fact
WHERE event.fact IS NULL AND expected.at >= %s
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELD = {"postgresql": "payload ->> '{field}'", "sqlite": "json_extract(payload, '$.{field}')"}


@dataclass(frozen=True, kw_only=True)
class Telling:
    """Which rows are told by which event: `field` of the event's content is the fact's id.

    `expected` is SQL (apps.kernel.db.portable) with the columns fact and at.
    """

    topic: str
    field: str
    expected: str


def untold(telling: Telling, since: datetime | None) -> Iterator[Breach]:
    """Facts since then, or ever (None), that no event tells; rewards hang on them."""
    query = _UNTOLD.format(
        expected=portable(telling.expected), told=_FIELD[connection.vendor].format(field=telling.field)
    )
    moment = since or _EPOCH
    # Told in the transaction that made it true, so the two are never far apart.
    key = first_key_at(since - OVERLAP if since else None)
    for (fact,) in rows(query, [telling.topic, key, connection.ops.adapt_datetimefield_value(moment)]):
        yield Breach(f"{telling.topic} {fact}", "happened and was not told")
