"""Facts that orders tells the other apps."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from apps.kernel.events import Event
from apps.kernel.ids import UserId


@dataclass(frozen=True, kw_only=True)
class OrderPaid(Event):
    """The money for an order arrived and matched it; once per order. `amount_fen` is what was paid."""

    topic: ClassVar[str] = "orders.order_paid"

    order_id: UUID
    user_id: UserId
    product_id: UUID
    amount_fen: int
    paid_at: datetime
