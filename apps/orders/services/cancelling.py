"""Giving up an order that is not paid yet, at the member's word."""

from datetime import datetime
from uuid import UUID

from apps.kernel.ids import UserId
from apps.orders import rules, selectors
from apps.orders.contracts import OrderDetail, OrderState
from apps.orders.errors import OrderNotCancellable
from apps.orders.services import payment_checks


def cancel_order(*, user_id: UserId, order_id: UUID, now: datetime) -> OrderDetail:
    """Give up an unpaid order, at the provider first; one that turns out to be paid is delivered instead.

    Cancelling twice is the same as once. Raises OrderNotFound, OrderNotCancellable, RateLimited, GatewayUnavailable.
    """
    order = selectors.find_order(user_id=user_id, order_id=order_id)
    if order.state is OrderState.CLOSED:
        return order
    if order.state not in rules.OPEN:
        raise OrderNotCancellable(state=order.state.value)
    payment_checks.limit_checks(user_id=user_id, now=now)
    settle_or_close(order_id=order_id, reason="cancelled by the member", now=now)
    return selectors.find_order(user_id=user_id, order_id=order_id)


def settle_or_close(*, order_id: UUID, reason: str, now: datetime) -> None:
    """Leave an open order either paid (and delivered) or closed, here and at the provider.

    Raises GatewayUnavailable; the order then stays open.
    """
    with payment_checks.unavailable_if_it_fails(order_id):
        payment_checks.close_unpaid(order_id, reason=reason, now=now)
