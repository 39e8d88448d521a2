"""Handing over what was paid for."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.chat import services as chat
from apps.kernel import audit
from apps.kernel.ids import UserId
from apps.ledger import services as ledger
from apps.orders import selectors
from apps.orders.contracts import OrderState
from apps.orders.models import Order
from apps.orders.services import transitions

logger = logging.getLogger(__name__)


def try_to_deliver(order: Order, *, actor: str, now: datetime) -> bool:
    """Deliver a locked, paid order in the caller's transaction; on failure it stays paid and nothing is half done."""
    try:
        with transaction.atomic():
            _deliver(order, actor=actor, now=now)
    except Exception:  # the money is booked whatever delivery does; the sweep comes back to it
        logger.exception("order %s is paid and could not be delivered now", order.pk)
        return False
    return True


def redeliver_order(*, order_id: UUID, actor: str, reason: str, now: datetime) -> bool:
    """Deliver a paid order at an operator's word; False if it was not waiting for delivery.

    Unlike the sweep it lets a failure through, so that the operator sees it.
    """
    with transaction.atomic():
        order = selectors.lock_order(order_id)
        if order.state != OrderState.PAID:
            return False
        _deliver(order, actor=actor, now=now)
        audit.record(
            actor=actor, action="orders.redeliver_order", target=("order", str(order_id)), reason=reason, now=now
        )
    return True


def _deliver(order: Order, *, actor: str, now: datetime) -> None:
    """Grant everything in the snapshot. The ledger's cause is the order, so a second grant finds the first."""
    user_id = UserId(order.user_id)
    if order.quota_milli:
        chat.grant_quota(
            user_id=user_id,
            amount_milli=order.quota_milli,
            purse=ledger.Purse.PAID,
            kind="purchase",
            cause=ledger.Cause("orders.order", str(order.pk)),
            now=now,
        )
    for model_id in sorted(order.entitlements):
        chat.grant_entitlement(
            user_id=user_id,
            model_id=model_id,
            cause=ledger.Cause("orders.entitlement", str(order.pk)),
            now=now,
        )
    transitions.move(order, OrderState.DELIVERED, actor=actor, delivered_at=now, next_check_at=None, now=now)
