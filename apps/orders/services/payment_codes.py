"""Getting the code that an order is paid with."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.orders import gateways, rules, selectors
from apps.orders.contracts import OrderState
from apps.orders.errors import GatewayUnavailable
from apps.orders.gateways.contract import Charge, PermanentFailure, TemporaryFailure
from apps.orders.models import Order
from apps.orders.services import transitions

logger = logging.getLogger(__name__)


def open_for_payment(*, order_id: UUID, now: datetime) -> None:
    """Get the code for an order that has none yet; one request at a time, each repeat identical to the first.

    Raises GatewayUnavailable; the order then stays as it was.
    """
    free = Q(prepay_until=None) | Q(prepay_until__lte=now) | Q(prepay_until__gt=now + rules.LONGEST_DELAY)
    waiting = Order.objects.filter(pk=order_id, state=OrderState.CREATED, expires_at__gt=now)
    if not waiting.filter(free).update(prepay_until=now + rules.PREPAY_LEASE):
        return
    order = Order.objects.get(pk=order_id)
    charge = Charge(
        out_trade_no=order.out_trade_no,
        title=order.title,
        amount_fen=order.amount_fen,
        expires_at=order.expires_at,
    )
    try:
        instruction = gateways.for_code(order.gateway).prepay(charge)
    except (TemporaryFailure, PermanentFailure) as failure:
        logger.warning("order %s: no code from %s: %s", order_id, order.gateway, failure)
        waiting.update(prepay_until=None)
        raise GatewayUnavailable(retry_after=3) from failure
    _record(order_id, instruction.content, now)


def _record(order_id: UUID, content: str, now: datetime) -> None:
    with transaction.atomic():
        order = selectors.lock_order(order_id)
        # Paid or cancelled while we asked: the code is for nobody.
        if order.state == OrderState.CREATED:
            transitions.move(
                order,
                OrderState.PAYING,
                actor=f"member:{order.user_id}",
                pay_content=content,
                prepay_until=None,
                next_check_at=now + rules.check_delay(0),
                now=now,
            )
