"""What must never be false about orders, as queries."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from apps.kernel.append_only import triggers_of
from apps.kernel.invariants import Breach, invariant, missing_triggers
from apps.kernel.models import AuditEntry
from apps.orders import rules
from apps.orders.contracts import OrderState
from apps.orders.models import OPEN_STATES, PAID_STATES, Order, OrderHistory, Payment, Standing

SHOWN = 100
# An open order is asked about within seconds; this long after its birth or its end somebody must look.
QUERY_ALARM = timedelta(minutes=5)
CLOSE_ALARM = timedelta(minutes=30)

# What delivered orders owe their members, and what the ledger gave for them, side by side: equal sums or a breach.
# Ids are compared without their hyphens, because SQLite stores none.
_DELIVERIES = """
SELECT flow.trade, SUM(flow.due), SUM(flow.moved)
FROM (
    SELECT REPLACE(CAST(id AS TEXT), '-', '') AS trade, REPLACE(CAST(user_id AS TEXT), '-', '') AS member,
           quota_milli AS due, 0 AS moved
    FROM orders_order WHERE delivered_at IS NOT NULL
    UNION ALL
    SELECT REPLACE(transfer.cause_id, '-', ''), REPLACE(REPLACE(account.owner, 'user:', ''), '-', ''),
           0, transfer.amount
    FROM ledger_transfer AS transfer JOIN ledger_account AS account ON account.id = transfer.credit_id
    WHERE transfer.cause_type = 'orders.order'
) AS flow
GROUP BY flow.trade, flow.member
HAVING SUM(flow.due) <> SUM(flow.moved)
"""


@invariant("I-02", "the triggers that keep the history of orders are in place")
def history_is_guarded(now: datetime) -> Iterable[Breach]:
    """Triggers that are missing or disabled."""
    return missing_triggers(triggers_of("orders_orderhistory"))


@invariant("I-07", "delivered orders and the ledger agree")
def deliveries_reached_the_ledger(now: datetime) -> Iterable[Breach]:
    """Delivered orders whose quota did not reach their member, and quota of orders that were not delivered."""
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERIES)
        for order_id, due, moved in cursor.fetchmany(SHOWN):
            yield Breach(f"order {order_id}", f"{due} due, {moved} moved")


@invariant("I-32", "what pays an order agrees with its snapshot")
def paid_orders_agree_with_their_payment(now: datetime) -> Iterable[Breach]:
    """Orders with money whose attached payment is missing or differs in any term."""
    agreeing = Payment.objects.filter(
        order_id=OuterRef("pk"),
        standing=Standing.ATTACHED,
        gateway=OuterRef("gateway"),
        merchant_id=OuterRef("merchant_id"),
        app_id=OuterRef("app_id"),
        amount_fen=OuterRef("amount_fen"),
        currency=OuterRef("currency"),
    )
    return _breaches(Order.objects.filter(state__in=PAID_STATES).exclude(Exists(agreeing)), "no agreeing payment")


@invariant("I-33", "no paid order waits for delivery")
def paid_orders_are_delivered(now: datetime) -> Iterable[Breach]:
    """Orders that are paid for longer than the alarm time and not delivered."""
    late = Order.objects.filter(state=OrderState.PAID, paid_at__lt=now - rules.DELIVERY_ALARM)
    return _breaches(late, "paid and not delivered")


@invariant("I-34", "every attached payment belongs to an order that has money")
def attached_payments_have_paid_orders(now: datetime) -> Iterable[Breach]:
    """Attached payments of orders that do not know of them; uniqueness is the database's."""
    stray = Payment.objects.filter(standing=Standing.ATTACHED).filter(order__state__in=_MONEYLESS)
    for payment in stray.order_by("pk")[:SHOWN]:
        yield Breach(f"payment {payment.pk}", f"attached to order {payment.order_id} without money")


@invariant("I-36", "open orders are asked about, and closed in the end")
def open_orders_are_looked_after(now: datetime) -> Iterable[Breach]:
    """Orders shown for payment that were never asked about, and open ones long past their end."""
    forgotten = Q(state=OrderState.PAYING, checks=0, created_at__lt=now - QUERY_ALARM)
    overdue = Q(state__in=OPEN_STATES, expires_at__lt=now - CLOSE_ALARM)
    return _breaches(Order.objects.filter(forgotten | overdue), "not asked about, or not closed")


@invariant("I-38", "nothing is delivered for an order without money")
def nothing_is_delivered_without_money(now: datetime) -> Iterable[Breach]:
    """Orders without money whose history says that they were delivered and not refunded since."""
    delivered = OrderHistory.objects.filter(order_id=OuterRef("pk"), after=OrderState.DELIVERED)
    return _breaches(Order.objects.filter(Exists(delivered), state__in=_MONEYLESS), "delivered without money")


@invariant("I-39", "an order's price was its product's price")
def prices_come_from_products(now: datetime) -> Iterable[Breach]:
    """Orders whose amount the product never had, by its audit trail."""
    product_ids = Order.objects.order_by().values_list("product_id", flat=True).distinct()
    for product_id in product_ids:
        trail = AuditEntry.objects.filter(target_type="product", target_id=str(product_id))
        prices = {after["amount_fen"] for after in trail.values_list("after", flat=True) if after}
        odd = Order.objects.filter(product_id=product_id).exclude(amount_fen__in=prices)
        yield from _breaches(odd, "a price that the product never had")


@invariant("I-39b", "an order's state is where its history ends")
def history_ends_in_the_state(now: datetime) -> Iterable[Breach]:
    """Orders whose last step leads elsewhere: somebody wrote a state past the one function."""
    last = OrderHistory.objects.filter(order_id=OuterRef("pk")).order_by("-pk").values("after")[:1]
    rows = Order.objects.annotate(last_step=Subquery(last))
    return _breaches(rows.filter(~Q(last_step=F("state")) | Q(last_step=None)), "state differs from history")


_MONEYLESS = [*OPEN_STATES, OrderState.CLOSED, OrderState.MISMATCH]


def _breaches(orders: QuerySet[Order], detail: str) -> Iterable[Breach]:
    for order in orders.order_by("pk")[:SHOWN]:
        yield Breach(f"order {order.pk}", f"{detail}; state {order.state}")
