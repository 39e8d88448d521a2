"""What must never be false about exchanges."""

from collections.abc import Iterable
from datetime import datetime

from apps.kernel.invariants import Breach, invariant, rows

_SOLD = """
SELECT item.id, item.sold, COALESCE(SUM(bought.quantity), 0)
FROM marketing_exchangeitem AS item
LEFT JOIN marketing_exchangeorder AS bought ON bought.item_id = item.id
GROUP BY item.id, item.sold
HAVING item.sold <> COALESCE(SUM(bought.quantity), 0)
"""
_TALLIES = """
SELECT flow.person_id, flow.item_id, SUM(flow.counted), SUM(flow.bought)
FROM (
    SELECT person_id, item_id, bought AS counted, 0 AS bought FROM marketing_exchangetally
    UNION ALL
    SELECT account.person_id, bought.item_id, 0, bought.quantity
    FROM marketing_exchangeorder AS bought JOIN accounts_user AS account ON account.id = bought.user_id
) AS flow
GROUP BY flow.person_id, flow.item_id
HAVING SUM(flow.counted) <> SUM(flow.bought)
"""


@invariant("I-44", "what is counted as sold and bought is what was exchanged")
def exchanges_add_up(now: datetime) -> Iterable[Breach]:
    """Items and tallies that differ from the exchange orders."""
    for item, sold, bought in rows(_SOLD):
        yield Breach(f"exchange item {item}", f"{sold} sold, {bought} bought")
    for person, item, counted, bought in rows(_TALLIES):
        yield Breach(f"person {person}", f"item {item}: {counted} counted, {bought} bought")
