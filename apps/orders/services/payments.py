"""Money that arrived: compared with its order, attached to it once, delivered in the same transaction."""

import logging
from datetime import datetime

from apps.accounts import services as accounts
from apps.accounts.contracts import MemberStatus
from apps.kernel import audit, outbox, sealing
from apps.kernel.ids import UserId
from apps.orders import rules
from apps.orders.contracts import OrderState
from apps.orders.events import OrderPaid
from apps.orders.gateways.contract import Capture
from apps.orders.models import Order, Outcome, Payment, Standing
from apps.orders.services import deliveries, transitions

logger = logging.getLogger(__name__)


def record_capture(
    order: Order, capture: Capture, *, actor: str, now: datetime, event_id: str = ""
) -> tuple[Outcome, str]:
    """Book what a provider says it took for a locked order, in the caller's transaction.

    Whatever comes twice, in whatever order and from notification or query, is booked once. Returns what became
    of it, and why.
    """
    differences = rules.mismatches(_terms(order), capture.terms)
    if capture.is_refunded:
        differences = (*differences, "refunded at the provider")
    if _buyer_has_left(order):
        differences = (*differences, "account: closed")
    payment, is_new = _book(order, capture, _standing(order, differences), event_id=event_id, now=now)
    if payment.order_id != order.pk:
        differences = (*differences, f"transaction: belongs to order {payment.order_id}")
    if differences:
        return _park(order, capture, "; ".join(differences), is_new=is_new, now=now)
    if not is_new:
        return Outcome.REPEATED, ""
    if payment.standing == Standing.SURPLUS:
        return _note_surplus(order, capture, now=now)
    _attach(order, capture, actor=actor, now=now)
    deliveries.try_to_deliver(order, actor=actor, now=now)
    return Outcome.SETTLED, ""


def _buyer_has_left(order: Order) -> bool:
    """Whether late money would buy something for an account that nobody can open any more.

    Only of a closed order: nobody leaves before an order is over. The member stays as they are until the end.
    """
    if order.state != OrderState.CLOSED:
        return False
    return accounts.hold_member(user_id=UserId(order.user_id)).status == MemberStatus.CLOSED.value


def _standing(order: Order, differences: tuple[str, ...]) -> Standing:
    if differences:
        return Standing.MISMATCHED
    return Standing.ATTACHED if order.state in rules.AWAITING_MONEY else Standing.SURPLUS


def _attach(order: Order, capture: Capture, *, actor: str, now: datetime) -> None:
    late = "paid after the close" if order.state == OrderState.CLOSED else ""
    transitions.move(
        order,
        OrderState.PAID,
        actor=actor,
        reason=late,
        paid_at=now,
        next_check_at=now + rules.DELIVERY_RETRY,
        now=now,
    )
    outbox.publish(
        OrderPaid(
            order_id=order.pk,
            user_id=UserId(order.user_id),
            product_id=order.product_id,
            amount_fen=capture.terms.amount_fen,
            paid_at=capture.paid_at,
            occurred_at=now,
        )
    )


def _note_surplus(order: Order, capture: Capture, *, now: datetime) -> tuple[Outcome, str]:
    """Money for an order that needs none: it is on the books as surplus, which is what is to be given back."""
    reason = f"second payment for an order that is {order.state}"
    _record(order, capture, "orders.surplus_payment", reason, now=now)
    return Outcome.SURPLUS, reason


def _park(order: Order, capture: Capture, reason: str, *, is_new: bool, now: datetime) -> tuple[Outcome, str]:
    """Money that does not fit: nothing is delivered for it, a person decides."""
    logger.error("order %s: payment does not fit: %s", order.pk, reason)
    may_move = OrderState.MISMATCH in rules.NEXT[OrderState(order.state)]
    if may_move:
        transitions.move(order, OrderState.MISMATCH, actor=audit.SYSTEM, reason=reason, next_check_at=None, now=now)
    if is_new or may_move:
        _record(order, capture, "orders.payment_mismatch", reason, now=now)
    return Outcome.MISMATCHED, reason


def _book(order: Order, capture: Capture, standing: Standing, *, event_id: str, now: datetime) -> tuple[Payment, bool]:
    """The payment with this transaction's number, and whether it is new; an old one may be another order's.

    Two orders are locked apart from each other, so the number itself decides who was first.
    """
    row = Payment(
        order_id=order.pk,
        user_id=order.user_id,
        gateway=order.gateway,
        transaction_id=capture.transaction_id,
        standing=standing,
        merchant_id=capture.terms.merchant_id,
        app_id=capture.terms.app_id,
        amount_fen=capture.terms.amount_fen,
        currency=capture.terms.currency,
        payer_hash=sealing.keyed_hash("payer", capture.payer) if capture.payer else "",
        event_id=event_id,
        paid_at=capture.paid_at,
        created_at=now,
    )
    same = Payment.objects.filter(gateway=order.gateway, transaction_id=capture.transaction_id)
    if not same.exists():
        Payment.objects.bulk_create([row], ignore_conflicts=True)
    kept = same.get()
    return kept, kept.pk == row.pk


def _record(order: Order, capture: Capture, action: str, reason: str, *, now: datetime) -> None:
    audit.record(
        actor=audit.SYSTEM,
        action=action,
        target=("order", str(order.pk)),
        reason=reason,
        after={
            "transaction_id": capture.transaction_id,
            "gateway": order.gateway,
            "merchant_id": capture.terms.merchant_id,
            "app_id": capture.terms.app_id,
            "amount_fen": capture.terms.amount_fen,
            "currency": capture.terms.currency,
        },
        now=now,
    )


def _terms(order: Order) -> rules.Terms:
    return rules.Terms(
        merchant_id=order.merchant_id,
        app_id=order.app_id,
        amount_fen=order.amount_fen,
        currency=order.currency,
    )
