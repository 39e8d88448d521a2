"""What the beat does: find orders that nobody is looking at and take each one step further."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.kernel import audit
from apps.orders import rules, selectors
from apps.orders.contracts import OrderState
from apps.orders.models import Order
from apps.orders.services import deliveries, payment_checks

logger = logging.getLogger(__name__)

BATCH = 50


def check_unpaid_orders(*, now: datetime, limit: int = BATCH) -> int:
    """Ask the providers about orders whose next check is due; returns how many were asked about.

    Notifications may be lost: an order is found paid within seconds at first, within minutes later.
    """
    return _each(selectors.orders_to_check(now=now, limit=limit), _check, now)


def close_expired_orders(*, now: datetime, limit: int = BATCH) -> int:
    """Close orders whose time is up: query, close at the provider, then here; returns how many were taken up."""
    return _each(selectors.orders_to_close(now=now, limit=limit), _close, now)


def deliver_paid_orders(*, now: datetime, limit: int = BATCH) -> int:
    """Deliver paid orders whose own transaction could not; returns how many were taken up."""
    return _each(selectors.orders_to_deliver(now=now, limit=limit), _deliver, now)


def _each(due: Sequence[tuple[UUID, datetime]], act: Callable[[UUID, datetime], None], now: datetime) -> int:
    taken = 0
    for order_id, due_at in due:
        # The claim: rival sweeps see a row that is not due, and a killed one comes due again by itself.
        mine = Order.objects.filter(pk=order_id, next_check_at=due_at)
        if not mine.update(next_check_at=now + rules.CHECK_LEASE):
            continue
        taken += 1
        try:
            act(order_id, now)
        except Exception:  # one bad order must not stop the others; it comes due again
            logger.exception("order %s: sweep failed", order_id)
            _postpone(order_id, now)
    return taken


def _check(order_id: UUID, now: datetime) -> None:
    payment_checks.ask_provider(order_id, now=now)


def _close(order_id: UUID, now: datetime) -> None:
    payment_checks.close_unpaid(order_id, reason="expired", now=now)


def _deliver(order_id: UUID, now: datetime) -> None:
    with transaction.atomic():
        order = selectors.lock_order(order_id)
        if order.state == OrderState.PAID:
            deliveries.try_to_deliver(order, actor=audit.SYSTEM, now=now)


def _postpone(order_id: UUID, now: datetime) -> None:
    """Back off by what was tried so far. Finished orders have no next check and keep none."""
    asked = Order.objects.values_list("checks", flat=True).get(pk=order_id)
    waiting = Order.objects.filter(pk=order_id, next_check_at__isnull=False)
    waiting.update(next_check_at=now + rules.check_delay(asked))
