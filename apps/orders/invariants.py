"""What must never be false about orders, as queries."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Replace

from apps.kernel import configuration
from apps.kernel.append_only import triggers_of
from apps.kernel.invariants import Breach, came_since, invariant
from apps.kernel.schema import missing_triggers
from apps.orders import rules
from apps.orders.contracts import OrderState
from apps.orders.gateways import REGISTRY
from apps.orders.models import OPEN_STATES, PAID_STATES, Notification, Order, OrderHistory, Payment, Product, Standing

SHOWN = 100


@invariant("I-02", "the triggers that keep the history of orders are in place")
def history_is_guarded(now: datetime) -> Iterable[Breach]:
    """Triggers that are missing or disabled."""
    return missing_triggers(triggers_of("orders_orderhistory"))


@invariant("I-02-gateways", "every way of paying that an order or a payment names is there", windowed=True)
def gateways_are_registered(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Orders and payments of a gateway that no class stands for: nobody can ask about their money."""
    tables: tuple[QuerySet[Any], ...] = (Order.objects.all(), Payment.objects.all(), Notification.objects.all())
    for table in tables:
        strange = came_since(table, since).exclude(gateway__in=REGISTRY).order_by("pk")
        for pk, gateway in strange.values_list("pk", "gateway")[:SHOWN]:
            yield Breach(f"{table.model._meta.db_table} {pk}", f"by {gateway!r}, which is no way of paying")


@invariant("I-32", "what pays an order agrees with its snapshot")
def paid_orders_agree_with_their_payment(now: datetime) -> Iterable[Breach]:
    """Orders with money whose attached payment is missing or differs in any term."""
    agreeing = Payment.objects.filter(
        order_id=OuterRef("pk"),
        user_id=OuterRef("user_id"),
        standing=Standing.ATTACHED,
        gateway=OuterRef("gateway"),
        merchant_id=OuterRef("merchant_id"),
        app_id=OuterRef("app_id"),
        amount_fen=OuterRef("amount_fen"),
        currency=OuterRef("currency"),
    )
    return _breaches(Order.objects.filter(state__in=PAID_STATES).exclude(Exists(agreeing)), "no agreeing payment")


@invariant("I-32-number", "the provider knows an order by its own id", windowed=True)
def numbers_are_their_orders(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Orders under another number than their id's hex: money for one would buy another."""
    orders = came_since(Order.objects.all(), since)
    own = Replace(Cast("id", CharField()), Value("-"), Value(""))
    return _breaches(orders.annotate(own=own).exclude(out_trade_no=F("own")), "its number is another's")


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
    forgotten = Q(state=OrderState.PAYING, checks=0, created_at__lt=now - rules.QUERY_ALARM)
    overdue = Q(state__in=OPEN_STATES, expires_at__lt=now - rules.CLOSE_ALARM)
    return _breaches(Order.objects.filter(forgotten | overdue), "not asked about, or not closed")


@invariant("I-38", "nothing is delivered for an order without money")
def nothing_is_delivered_without_money(now: datetime) -> Iterable[Breach]:
    """Orders without money whose history says that they were delivered and not refunded since."""
    delivered = OrderHistory.objects.filter(order_id=OuterRef("pk"), after=OrderState.DELIVERED)
    return _breaches(Order.objects.filter(Exists(delivered), state__in=_MONEYLESS), "delivered without money")


@invariant("I-39", "an order's offer was its product's offer", windowed=True)
def offers_come_from_products(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Orders whose price, quota or entitlements the product never had together, by its audit trail."""
    orders = Order.objects.all() if since is None else Order.objects.filter(created_at__gte=since)
    offers: dict[UUID, set[tuple[object, ...]]] = {}
    terms = orders.order_by("product_id").values_list("product_id", "amount_fen", "quota_milli", "entitlements", "pk")
    for product_id, amount_fen, quota_milli, entitlements, pk in terms.iterator(chunk_size=2000):
        if product_id not in offers:
            offers = {product_id: _offers_of(product_id)}
        if (amount_fen, quota_milli, tuple(entitlements)) not in offers[product_id]:
            yield Breach(f"order {pk}", "an offer that its product never made")


@invariant("I-39b", "an order's state is where its history ends")
def history_ends_in_the_state(now: datetime) -> Iterable[Breach]:
    """Orders whose last step leads elsewhere: somebody wrote a state past the one function."""
    last = OrderHistory.objects.filter(order_id=OuterRef("pk")).order_by("-pk").values("after")[:1]
    rows = Order.objects.annotate(last_step=Subquery(last))
    return _breaches(rows.filter(~Q(last_step=F("state")) | Q(last_step=None)), "state differs from history")


@invariant("I-39-steps", "an order's history is one way from its beginning, each step as orders go", windowed=True)
def histories_have_no_gap(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Steps that no order takes, that begin where none ended, or of which an order has two; steps of somebody else.

    No state comes twice, so this needs no order of the steps: hosts write them, and their clocks differ.
    """
    same_order = OrderHistory.objects.filter(order_id=OuterRef("order_id"))
    twins = same_order.exclude(pk=OuterRef("pk")).filter(Q(before=OuterRef("before")) | Q(after=OuterRef("after")))
    allowed = Q(before="", after=OrderState.CREATED)
    for state, following in rules.NEXT.items():
        allowed |= Q(before=state, after__in=following)
    begun = Q(before="") | Q(Exists(same_order.filter(after=OuterRef("before"))))
    steps = came_since(OrderHistory.objects.all(), since)
    wrong = steps.filter(~allowed | ~begun | Q(Exists(twins)) | ~Q(user_id=F("order__user_id")))
    for pk, order_id in wrong.order_by("pk").values_list("pk", "order_id")[:SHOWN]:
        yield Breach(f"order {order_id}", f"its history did not take step {pk} like this")


_MONEYLESS = [*OPEN_STATES, OrderState.CLOSED, OrderState.MISMATCH]


def _offers_of(product_id: UUID) -> set[tuple[object, ...]]:
    return {
        (after["amount_fen"], after["quota_milli"], tuple(after["entitlements"]))
        for _, after in configuration.history(Product, product_id)
    }


def _breaches(orders: QuerySet[Order], detail: str) -> Iterable[Breach]:
    for order in orders.order_by("pk")[:SHOWN]:
        yield Breach(f"order {order.pk}", f"{detail}; state {order.state}")
