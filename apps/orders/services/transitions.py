"""The one place where an order changes its state; which may follow which is rules.NEXT."""

from datetime import datetime
from typing import Any

from apps.kernel.db import require_transaction
from apps.orders import rules
from apps.orders.contracts import OrderState
from apps.orders.errors import IllegalTransition
from apps.orders.models import Order, OrderHistory


def begin(order: Order, *, actor: str, now: datetime) -> None:
    """Write the first step of a new order."""
    _remember(order, before="", actor=actor, reason="", now=now)


def move(order: Order, target: OrderState, *, actor: str, now: datetime, reason: str = "", **changes: Any) -> None:
    """Take a locked order to another state, with the columns that belong to it, and remember the step.

    The lock makes rivals wait; the condition on the old state is what holds where there are no row locks.

    Raises IllegalTransition.
    """
    require_transaction("move()")
    before = OrderState(order.state)
    rules.check_transition(before, target)
    if not Order.objects.filter(pk=order.pk, state=before).update(state=target, **changes):
        raise IllegalTransition(current=before.value, target=target.value)
    order.state = target
    for name, value in changes.items():
        setattr(order, name, value)
    _remember(order, before=before, actor=actor, reason=reason, now=now)


def _remember(order: Order, *, before: str, actor: str, reason: str, now: datetime) -> None:
    OrderHistory.objects.create(
        order_id=order.pk,
        user_id=order.user_id,
        before=before,
        after=order.state,
        actor=actor,
        reason=reason[:300],
        created_at=now,
    )
