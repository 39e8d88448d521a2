"""Asking the provider whether an order was paid, and recording what it says."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
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
from apps.orders.errors import GatewayUnavailable
from apps.orders.gateways.contract import PermanentFailure, TemporaryFailure, Trade, TradeState
from apps.orders.models import Order
from apps.orders.services import closing, payment_codes, payments

logger = logging.getLogger(__name__)


def check_order(*, user_id: UserId, order_id: UUID, now: datetime) -> OrderDetail:
    """Ask the provider now, for a member who says that they paid; an order without a code gets another try at one.

    Orders that wait for no money are just shown.

    Raises OrderNotFound, RateLimited, GatewayUnavailable.
    """
    order = selectors.find_order(user_id=user_id, order_id=order_id)
    if order.state not in rules.AWAITING_MONEY:
        return order
    limit_checks(user_id=user_id, now=now)
    with unavailable_if_it_fails(order_id):
        ask_provider(order_id, now=now)
    payment_codes.open_for_payment(order_id=order_id, now=now)
    return selectors.find_order(user_id=user_id, order_id=order_id)


def limit_checks(*, user_id: UserId, now: datetime) -> None:
    """Whoever makes us ask the provider does so only so often. Raises RateLimited."""
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
    with unavailable_if_it_fails(order_id):
        ask_provider(order_id, now=now)


@contextmanager
def unavailable_if_it_fails(order_id: UUID) -> Iterator[None]:
    """Turn what a provider fails with into GatewayUnavailable, for somebody who waits for the answer."""
    try:
        yield
    except (TemporaryFailure, PermanentFailure) as failure:
        logger.warning("order %s: the provider did not help: %s", order_id, failure)
        raise GatewayUnavailable(retry_after=3) from failure


def ask_provider(order_id: UUID, *, now: datetime) -> None:
    """Query, then record what is true; no transaction is open meanwhile.

    Raises TemporaryFailure, PermanentFailure.
    """
    asked = _query_trade(order_id)
    if asked is not None:
        _record_trade(order_id, asked[1], close_because="closed by the provider", now=now)


def close_unpaid(order_id: UUID, *, reason: str, now: datetime) -> None:
    """Query, close there what is unpaid, then record what is true: an order that was paid after all is delivered.

    No transaction is open meanwhile. Raises TemporaryFailure, PermanentFailure.
    """
    asked = _query_trade(order_id)
    if asked is None:
        return
    order, trade = asked
    if order.state in rules.OPEN:
        trade = closing.close_at_provider(gateways.for_code(order.gateway), order.out_trade_no, trade)
    _record_trade(order_id, trade, close_because=reason, now=now)


def _query_trade(order_id: UUID) -> tuple[Order, Trade] | None:
    """The order as it was when its provider was asked, and what it said; None where no money is awaited.

    Raises TemporaryFailure, PermanentFailure.
    """
    order = Order.objects.get(pk=order_id)
    if order.state not in rules.AWAITING_MONEY:
        return None
    Order.objects.filter(pk=order_id).update(checks=F("checks") + 1)
    return order, gateways.for_code(order.gateway).query(order.out_trade_no)


def _record_trade(order_id: UUID, trade: Trade, *, close_because: str, now: datetime) -> None:
    """Book the money, or close an open order whose trade is closed, or ask again later."""
    with transaction.atomic():
        locked = selectors.lock_order(order_id)
        if trade.capture is not None:
            payments.record_capture(locked, trade.capture, actor=audit.SYSTEM, now=now)
        elif trade.state is TradeState.CLOSED and locked.state in rules.OPEN:
            closing.close_order(locked, close_because, now=now)
        else:
            _schedule(locked, now=now)


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
