"""What crosses the border of orders: states, and frozen pictures of products and orders."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.kernel.ids import UserId


class OrderState(TextChoices):
    """The life of an order (docs/algorithms/orders.md)."""

    CREATED = "created", _("Being prepared")
    PAYING = "paying", _("Waiting for payment")
    PAID = "paid", _("Paid, on its way")
    DELIVERED = "delivered", _("Delivered")
    CLOSED = "closed", _("Closed")
    REFUNDING = "refunding", _("Refund under way")
    REFUNDED = "refunded", _("Refunded")
    MISMATCH = "mismatch", _("Being looked at by a person")


@dataclass(frozen=True, kw_only=True)
class ProductOffer:
    """A product as a buyer sees it. Money in fen, quota in thousandths of a credit; `offer` is its version."""

    id: UUID
    code: str
    title: str
    subtitle: str
    badge: str
    amount_fen: int
    quota_milli: int
    entitlements: tuple[str, ...]
    offer: str


@dataclass(frozen=True, kw_only=True)
class PayInstruction:
    """How to pay: `kind` "qr" means that `content` is to be shown as a QR code."""

    kind: str
    content: str


@dataclass(frozen=True, kw_only=True)
class NoticeReply:
    """What a provider takes for "heard, do not send it again"."""

    status: int
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderStep:
    """One change of an order's state; `before` is empty for the first."""

    before: str
    after: OrderState
    at: datetime


@dataclass(frozen=True, kw_only=True)
class OrderSummary:
    """An order as its owner sees it in a list; `pay` is set while it can be paid."""

    id: UUID
    user_id: UserId
    product_id: UUID
    gateway: str
    state: OrderState
    title: str
    amount_fen: int
    quota_milli: int
    entitlements: tuple[str, ...]
    pay: PayInstruction | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    delivered_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OrderDetail(OrderSummary):
    """An order with the steps that led to its state, oldest first."""

    steps: tuple[OrderStep, ...]
