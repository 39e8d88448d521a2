"""What points buy, as one member sees it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class ExchangeOffer:
    """One thing that points buy, as one member sees it; None is unlimited, `offer` is the version of the rest."""

    id: UUID
    code: str
    title: str
    kind: str
    amount: int
    price_points: int
    activity_id: UUID | None
    offer: str
    stock_left: int | None
    left_for_member: int | None


@dataclass(frozen=True, kw_only=True)
class ExchangeReceipt:
    id: UUID
    item_id: UUID
    title: str
    kind: str
    amount: int
    quantity: int
    points_paid: int
    created_at: datetime
