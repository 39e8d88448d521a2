"""Closing an order that nobody paid: at the provider first, then here; `payment_checks.close_unpaid` does both."""

from datetime import datetime

from apps.kernel import audit
from apps.orders import rules
from apps.orders.contracts import OrderState
from apps.orders.gateways.contract import Gateway, TemporaryFailure, Trade, TradeState
from apps.orders.models import Order
from apps.orders.services import transitions


def close_at_provider(gateway: Gateway, out_trade_no: str, trade: Trade) -> Trade:
    """What becomes of a trade that shall be closed. What the provider never saw needs no closing there.

    Raises TemporaryFailure, PermanentFailure.
    """
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


def close_order(order: Order, reason: str, *, now: datetime) -> None:
    """Close a locked open order. Its provider is asked once more later: money may have been on its way.

    Raises IllegalTransition.
    """
    transitions.move(
        order,
        OrderState.CLOSED,
        actor=audit.SYSTEM,
        reason=reason,
        closed_at=now,
        next_check_at=now + rules.FINAL_CHECK_AFTER,
        now=now,
    )
