"""What must never be false about stocks and deliveries."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F

from apps.kernel.invariants import SHOWN, Breach, invariant
from apps.marketing.campaigns.invariants import pause_activities
from apps.marketing.prizes.contracts import DeliveryState
from apps.marketing.prizes.models import Delivery, PrizeStock

# How long a prize may be owed: the outbox retries within seconds.
_DELIVERY_GRACE = timedelta(minutes=2)


@invariant("I-20", "no stock is oversold", react=pause_activities)
def stock_is_not_oversold(now: datetime) -> Iterable[Breach]:
    """Stocks that issued more than there was; the CHECK makes it impossible while it is there."""
    for stock in PrizeStock.objects.filter(issued__gt=F("total")).order_by("pk")[:SHOWN]:
        yield Breach(f"stock {stock.pk}", f"{stock.issued} issued of {stock.total}", str(stock.activity_id))


@invariant("I-29", "no prize is owed for more than two minutes")
def prizes_are_not_owed(now: datetime) -> Iterable[Breach]:
    """Pending deliveries that are too old."""
    late = Delivery.objects.filter(state=DeliveryState.PENDING, created_at__lt=now - _DELIVERY_GRACE)
    for delivery in late.order_by("created_at")[:SHOWN]:
        yield Breach(f"delivery {delivery.pk}", f"owed since {delivery.created_at.isoformat()}")
