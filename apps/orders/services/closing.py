"""Closing an order that nobody will pay: at the provider first, and if it was paid after all, it is delivered."""

from datetime import datetime
from uuid import UUID

from apps.kernel.ids import UserId
from apps.orders import gateways, rules, selectors
from apps.orders.contracts import OrderDetail, OrderState
from apps.orders.errors import OrderNotCancellable
from apps.orders.gateways.contract import Gateway, TemporaryFailure, Trade, TradeState
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
        close_at_provider(order_id, reason=reason, now=now)


def close_at_provider(order_id: UUID, *, reason: str, now: datetime) -> None:
    """Query, close there what is unpaid, then record what is true; no transaction is open meanwhile.

    Raises TemporaryFailure, PermanentFailure.
    """
    asked = payment_checks.query_trade(order_id)
    if asked is None:
        return
    order, trade = asked
    if order.state in rules.OPEN:
        trade = _make_unpayable(gateways.for_code(order.gateway), order.out_trade_no, trade)
    payment_checks.record_trade(order_id, trade, close_because=reason, now=now)


def _make_unpayable(gateway: Gateway, out_trade_no: str, trade: Trade) -> Trade:
    """What becomes of a trade that shall be closed. What the provider never saw needs no closing there."""
    if trade.state is TradeState.UNKNOWN:
        return Trade(out_trade_no=out_trade_no, state=TradeState.CLOSED)
    if trade.state is not TradeState.NOT_PAID:
        return trade
    if gateway.close(out_trade_no):
        return Trade(out_trade_no=out_trade_no, state=TradeState.CLOSED)
    # Refused: money most likely came between the query and the close.
    again = gateway.query(out_trade_no)
    if again.state is TradeState.NOT_PAID:
        raise TemporaryFailure("neither closed nor paid")
    return again
