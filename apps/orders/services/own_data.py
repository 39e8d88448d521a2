"""What orders knows about one person: told on request; it stays when they leave, under their id."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from apps.kernel.ids import UserId
from apps.orders.contracts import OrderState
from apps.orders.errors import OrderUnderWay
from apps.orders.models import OPEN_STATES, Order, Payment

_CHUNK = 200
# Money is expected, or on its way in one direction or the other.
_UNDER_WAY = [*OPEN_STATES, OrderState.PAID, OrderState.REFUNDING, OrderState.MISMATCH]
_ORDER_FIELDS = (
    "id",
    "out_trade_no",
    "title",
    "state",
    "gateway",
    "amount_fen",
    "currency",
    "quota_milli",
    "entitlements",
    "created_at",
    "paid_at",
    "delivered_at",
    "closed_at",
)
_PAYMENT_FIELDS = (
    "id",
    "order_id",
    "gateway",
    "transaction_id",
    "standing",
    "amount_fen",
    "currency",
    "refunded_fen",
    "paid_at",
)


def export_orders(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """The member's orders, oldest first."""
    yield from Order.objects.filter(user_id=user_id).order_by("pk").values(*_ORDER_FIELDS).iterator(_CHUNK)


def export_payments(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What the providers took for them, oldest first."""
    yield from Payment.objects.filter(user_id=user_id).order_by("pk").values(*_PAYMENT_FIELDS).iterator(_CHUNK)


def check_no_order_under_way(*, user_id: UserId) -> OrderUnderWay | None:
    """Why a member cannot leave yet: an order is neither delivered nor over; its id is in the context."""
    rows = Order.objects.filter(user_id=user_id, state__in=_UNDER_WAY).order_by("pk")
    order_id = rows.values_list("pk", flat=True).first()
    return None if order_id is None else OrderUnderWay(order_id=str(order_id))


def forget_payer(*, user_id: UserId, now: datetime) -> None:
    """Erase the hash of who paid; what was paid stays under the account's id."""
    Payment.objects.filter(user_id=user_id).exclude(payer_hash="").update(payer_hash="")
