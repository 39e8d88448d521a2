"""Asking the provider what became of an order, and closing one that nobody will pay."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.kernel import audit
from apps.kernel.ids import UserId
from apps.orders import gateways, rules, selectors
from apps.orders.contracts import OrderDetail, OrderState
from apps.orders.errors import GatewayUnavailable, OrderNotCancellable
from apps.orders.gateways.contract import Gateway, PermanentFailure, TemporaryFailure, Trade, TradeState
from apps.orders.models import Order
from apps.orders.services import codes, payments, transitions

logger = logging.getLogger(__name__)


def check_order(*, user_id: UserId, order_id: UUID, now: datetime) -> OrderDetail:
    """Ask the provider now, for a member who says that they paid; an order without a code gets another try at one.

    Orders that wait for no money are just shown.

    Raises OrderNotFound, RateLimited, GatewayUnavailable.
    """
    order = selectors.find_order(user_id=user_id, order_id=order_id)
    if order.state not in rules.AWAITING_MONEY:
        return order
    _count_check(user_id, now)
    _ask(order_id, close_because="", now=now)
    codes.open_for_payment(order_id=order_id, now=now)
    return selectors.find_order(user_id=user_id, order_id=order_id)


def cancel_order(*, user_id: UserId, order_id: UUID, now: datetime) -> OrderDetail:
    """Give up an unpaid order, at the provider first; one that turns out to be paid is delivered instead.

    Cancelling twice is the same as once. Raises OrderNotFound, OrderNotCancellable, RateLimited, GatewayUnavailable.
    """
    order = selectors.find_order(user_id=user_id, order_id=order_id)
    if order.state is OrderState.CLOSED:
        return order
    if order.state not in rules.OPEN:
        raise OrderNotCancellable(state=order.state.value)
    _count_check(user_id, now)
    settle_or_close(order_id=order_id, reason="cancelled by the member", now=now)
    return selectors.find_order(user_id=user_id, order_id=order_id)


def _count_check(user_id: UserId, now: datetime) -> None:
    accounts.limit_member(
        user_id=user_id,
        scope=ListScope.PAY,
        act="orders.check",
        limit=rules.CHECKS_PER_MINUTE,
        window=timedelta(minutes=1),
        now=now,
    )


def recheck_order(*, order_id: UUID, actor: str, reason: str, now: datetime) -> None:
    """Ask the provider at an operator's word.

    Raises GatewayUnavailable.
    """
    with transaction.atomic():
        audit.record(
            actor=actor, action="orders.recheck_order", target=("order", str(order_id)), reason=reason, now=now
        )
    _ask(order_id, close_because="", now=now)


def settle_or_close(*, order_id: UUID, reason: str, now: datetime) -> None:
    """Leave an open order either paid (and delivered) or closed, here and at the provider.

    Raises GatewayUnavailable; the order then stays open.
    """
    _ask(order_id, close_because=reason, now=now)


def _ask(order_id: UUID, *, close_because: str, now: datetime) -> None:
    try:
        ask_provider(order_id, close_because=close_because, now=now)
    except (TemporaryFailure, PermanentFailure) as failure:
        logger.warning("order %s: the provider did not help: %s", order_id, failure)
        raise GatewayUnavailable(retry_after=3) from failure


def ask_provider(order_id: UUID, *, close_because: str, now: datetime) -> None:
    """Query the provider, close there if told to, then record what is true; no transaction is open meanwhile.

    Raises TemporaryFailure, PermanentFailure.
    """
    order = Order.objects.get(pk=order_id)
    if order.state not in rules.AWAITING_MONEY:
        return
    Order.objects.filter(pk=order_id).update(checks=F("checks") + 1)
    gateway = gateways.for_code(order.gateway)
    trade = gateway.query(order.out_trade_no)
    if close_because and order.state in rules.OPEN:
        trade = _close(gateway, order.out_trade_no, trade)
    with transaction.atomic():
        locked = selectors.lock_order(order_id)
        if trade.capture is not None:
            payments.record_capture(locked, trade.capture, actor=audit.SYSTEM, now=now)
        elif trade.state is TradeState.CLOSED and locked.state in rules.OPEN:
            _close_here(locked, close_because or "closed by the provider", now=now)
        else:
            _schedule(locked, now=now)


def _close(gateway: Gateway, out_trade_no: str, trade: Trade) -> Trade:
    """Make an unpaid trade unpayable. What the provider never saw needs no closing there."""
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


def _close_here(order: Order, reason: str, *, now: datetime) -> None:
    transitions.move(
        order,
        OrderState.CLOSED,
        actor=audit.SYSTEM,
        reason=reason,
        closed_at=now,
        next_check_at=now + rules.FINAL_CHECK_AFTER,
        now=now,
    )


def _schedule(order: Order, *, now: datetime) -> None:
    """No money yet: ask an open order again later, and a closed one never again after its last look.

    A member who asks about a closed order before that look is due does not take it away.
    """
    last_look_at = order.closed_at and order.closed_at + rules.FINAL_CHECK_AFTER
    if order.state in rules.OPEN:
        next_check_at = now + rules.check_delay(order.checks)
    elif order.state == OrderState.CLOSED and last_look_at and last_look_at <= now:
        next_check_at = None
    else:
        return
    Order.objects.filter(pk=order.pk, state=order.state).update(next_check_at=next_check_at)
