"""Exchanges against the operators' trail."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from apps.kernel import configuration
from apps.kernel.invariants import Breach, came_since, invariant
from apps.marketing.exchange.models import ExchangeItem, ExchangeOrder

_CHUNK = 2000


@invariant("I-44-offers", "every exchange was at terms that its item had", windowed=True)
def exchanges_follow_their_items(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Exchange orders whose price, amount, kind, activity or title the item never had together."""
    offers: dict[UUID, set[tuple[object, ...]]] = {}
    for row in came_since(ExchangeOrder.objects.all(), since).order_by("pk").iterator(chunk_size=_CHUNK):
        if row.item_id not in offers:
            offers[row.item_id] = {
                (said["price_points"], said["amount"], said["kind"], said["activity_id"], said["title"])
                for _, said in configuration.history(ExchangeItem, row.item_id)
            }
        terms = (
            row.unit_points,
            row.unit_amount,
            row.kind,
            str(row.activity_id) if row.activity_id else None,
            row.title,
        )
        if terms not in offers[row.item_id]:
            yield Breach(f"exchange order {row.pk}", f"at terms that item {row.item_id} never had")
