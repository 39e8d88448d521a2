"""What a member takes away of what they bought."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.kernel.ids import UserId
from apps.marketing.exchange.models import ExchangeOrder

_CHUNK = 200


def export_exchanges(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What the member bought with points, oldest first."""
    rows = ExchangeOrder.objects.filter(user_id=user_id).order_by("pk")
    fields = ("id", "title", "kind", "quantity", "unit_amount", "unit_points", "points_paid", "created_at")
    yield from rows.values(*fields).iterator(_CHUNK)
