"""Reads and row locks of orders; a member's rows are reached through the member."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.kernel.ids import UserId
from apps.kernel.paging import Page, page_of
from apps.orders import rules
from apps.orders.contracts import (
    OrderDetail,
    OrderState,
    OrderStep,
    OrderSummary,
    PayInstruction,
    ProductOffer,
)
from apps.orders.errors import OrderNotFound
from apps.orders.models import OPEN_STATES, Order, OrderHistory, Product


def products_on_sale() -> tuple[ProductOffer, ...]:
    """What the shop shows, in the operators' order."""
    rows = Product.objects.filter(is_on_sale=True).order_by("sort", "amount_fen", "pk")
    return tuple(offer(row) for row in rows if rules.is_sellable(row))


def find_order(*, user_id: UserId, order_id: UUID) -> OrderDetail:
    """A member's order with its steps.

    Raises OrderNotFound.
    """
    row = Order.objects.filter(pk=order_id, user_id=user_id).first()
    if row is None:
        raise OrderNotFound
    return detail(row)


def page_of_orders(*, user_id: UserId, cursor: str | None, size: int = 20) -> Page[OrderSummary]:
    """A member's orders, newest first, in one query.

    Raises CursorNotValid.
    """
    return page_of(Order.objects.filter(user_id=user_id), cursor, size).map(summary)


def newest_open_order(*, user_id: UserId, now: datetime) -> OrderSummary | None:
    """The order that a member placed last of those that can still be paid."""
    row = Order.objects.filter(user_id=user_id, state__in=OPEN_STATES, expires_at__gt=now).order_by("-pk").first()
    return None if row is None else summary(row)


def lock_order(order_id: UUID) -> Order:
    """Lock one order for a change of state. The caller has it from one of our own rows."""
    return _locking().get(pk=order_id)


def lock_order_of_trade(*, gateway: str, out_trade_no: str) -> Order | None:
    """Lock the order that a provider speaks of."""
    return _locking().filter(gateway=gateway, out_trade_no=out_trade_no).first()


def orders_to_check(*, now: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    """Orders to ask the provider about, unpaid in time or closed with a last look to come; id and due time."""
    unpaid = Order.objects.filter(state__in=OPEN_STATES, expires_at__gt=now)
    return _due(unpaid | Order.objects.filter(state=OrderState.CLOSED), now=now, limit=limit)


def orders_to_close(*, now: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    """Unpaid orders whose time is up; id and due time."""
    return _due(Order.objects.filter(state__in=OPEN_STATES, expires_at__lte=now), now=now, limit=limit)


def orders_to_deliver(*, now: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    """Paid orders that their own transaction could not deliver; id and due time."""
    return _due(Order.objects.filter(state=OrderState.PAID), now=now, limit=limit)


def offer(row: Product) -> ProductOffer:
    """A product row as its border picture."""
    return ProductOffer(
        id=row.pk,
        code=row.code,
        title=row.title,
        subtitle=row.subtitle,
        badge=row.badge,
        amount_fen=row.amount_fen,
        quota_milli=row.quota_milli,
        entitlements=tuple(row.entitlements),
        offer=rules.offer_of(row),
    )


def summary(row: Order) -> OrderSummary:
    """An order row as its border picture."""
    return OrderSummary(**_fields(row))


def detail(row: Order) -> OrderDetail:
    """An order row with its steps; one more query."""
    return OrderDetail(**_fields(row), steps=_steps(OrderHistory.objects.filter(order_id=row.pk).order_by("pk")))


def _fields(row: Order) -> dict[str, Any]:
    state = OrderState(row.state)
    payable = state is OrderState.PAYING
    return {
        "id": row.pk,
        "user_id": UserId(row.user_id),
        "product_id": row.product_id,
        "gateway": row.gateway,
        "state": state,
        "title": row.title,
        "amount_fen": row.amount_fen,
        "quota_milli": row.quota_milli,
        "entitlements": tuple(row.entitlements),
        "pay": PayInstruction(kind="qr", content=row.pay_content) if payable else None,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "paid_at": row.paid_at,
        "delivered_at": row.delivered_at,
        "closed_at": row.closed_at,
    }


def _steps(rows: Iterable[OrderHistory]) -> tuple[OrderStep, ...]:
    return tuple(OrderStep(before=row.before, after=OrderState(row.after), at=row.created_at) for row in rows)


def _locking() -> QuerySet[Order]:
    return Order.objects.select_for_update(of=("self",), no_key=True)


def _due(rows: QuerySet[Order], *, now: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    # Oldest due first: an order that keeps failing moves back by its own delay and never blocks the others.
    # A clock that was ahead put some off further than we ever do; they are due now.
    is_due = Q(next_check_at__lte=now) | Q(next_check_at__gt=now + rules.LONGEST_DELAY)
    due = rows.filter(is_due).order_by("next_check_at").values_list("pk", "next_check_at")
    return [(pk, at) for pk, at in due[:limit] if at is not None]
