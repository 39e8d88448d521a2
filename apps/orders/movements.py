"""What orders give, walked both ways: the ledger, entitlements, events, and the money that bought it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Exists, F, OuterRef, QuerySet

from apps.chat import services as chat
from apps.chat.contracts import QUOTA
from apps.kernel.db import portable
from apps.kernel.invariants import SHOWN, Breach, invariant
from apps.kernel.models import AuditEntry
from apps.kernel.untold_facts import Telling, untold
from apps.ledger import services as ledger
from apps.ledger.contracts import Movement, Purse
from apps.orders import rules
from apps.orders.events import OrderPaid
from apps.orders.models import Notification, Order, Outcome, Payment, Standing

ENTITLEMENT = "orders.entitlement"

_QUOTA = ledger.declare_movement(
    movement=Movement(
        cause_type="orders.order",
        leg="quota",
        system="issuer",
        into_member=True,
        purse=Purse.PAID,
        expected=f"""
            SELECT UUID_TEXT(id) AS cause_id, UUID_TEXT(user_id) AS member, '{QUOTA}' AS asset,
                   quota_milli AS amount, delivered_at AS at
            FROM orders_order WHERE delivered_at IS NOT NULL AND quota_milli > 0
        """,  # noqa: S608  # our own word
    )
)
_PAID = Telling(
    topic=OrderPaid.topic,
    field="order_id",
    expected="SELECT UUID_TEXT(id) AS fact, paid_at AS at FROM orders_order WHERE paid_at IS NOT NULL",
)
_ENTITLEMENTS = """
SELECT right_.cause_type, right_.cause_id, UUID_TEXT(right_.user_id), model.code, right_.days
FROM chat_entitlement AS right_ JOIN chat_chatmodel AS model ON model.id = right_.model_id
"""

R = TypeVar("R", Notification, Payment, AuditEntry)

_PARKED = ("orders.surplus_payment", "orders.payment_mismatch")

chat.register_entitlement_cause(cause_type=ENTITLEMENT)


@invariant("I-07", "delivered orders and the ledger agree", windowed=True)
def deliveries_reached_the_ledger(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Delivered orders whose quota did not reach their member, and quota of orders that were not delivered."""
    return ledger.movement_breaches(movement=_QUOTA, since=since)


@invariant("I-46-orders", "every paid order was told", windowed=True)
def payments_were_told(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Paid orders without their event: nobody would be rewarded for them."""
    return untold(_PAID, since)


@invariant("I-50", "entitlements of orders and the orders agree")
def entitlements_have_orders(now: datetime) -> Iterable[Breach]:
    """Entitlements that no delivered order of their member gave, and delivered ones that are missing."""
    given = {
        (str(pk), str(user_id), code)
        for pk, user_id, codes in Order.objects.filter(delivered_at__isnull=False)
        .exclude(entitlements=[])
        .values_list("pk", "user_id", "entitlements")
        .iterator(chunk_size=2000)
        for code in codes
    }
    held, invented = set(), []
    with connection.cursor() as cursor:
        cursor.execute(portable(_ENTITLEMENTS))
        entitlements = cursor.fetchall()
    for cause_type, cause_id, user_id, code, days in entitlements:
        held.add((user_id, code))
        # What orders give is for ever.
        if cause_type == ENTITLEMENT and ((cause_id, user_id, code) not in given or days is not None):
            invented.append(Breach(f"entitlement of {user_id}", f"{code}: order {cause_id} did not give it"))
    yield from invented
    for order_id, user_id, code in sorted(given):
        if (user_id, code) not in held:
            yield Breach(f"order {order_id}", f"{user_id} has no entitlement to {code}")


@invariant("I-47", "notices and payments agree, and no notice stays unexplained", windowed=True)
def notices_are_accounted_for(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Payments whose notice is gone, notices whose payment is gone, and notices of unknown orders that grow old."""
    told = Notification.objects.filter(
        gateway=OuterRef("gateway"), event_id=OuterRef("event_id"), order=OuterRef("order")
    )
    booked = Payment.objects.filter(order=OuterRef("order"))
    payments = _since(Payment.objects.exclude(event_id="").exclude(Exists(told)), since)
    for payment in payments.order_by("pk")[:SHOWN]:
        yield Breach(f"payment {payment.pk}", f"its notice {payment.event_id} is missing")
    with_money = Notification.objects.filter(outcome__in=[Outcome.SETTLED, Outcome.SURPLUS, Outcome.MISMATCHED])
    for notice in _since(with_money.exclude(Exists(booked)), since).order_by("pk")[:SHOWN]:
        yield Breach(f"notice {notice.pk}", f"{notice.outcome}, and its order has no payment")
    unknown = Notification.objects.filter(outcome=Outcome.UNKNOWN_ORDER, created_at__lt=now - rules.KNOWN_WITHIN)
    for notice in unknown.order_by("pk")[:SHOWN]:
        yield Breach(f"notice {notice.pk}", f"parked since {notice.created_at.isoformat()}")


@invariant("I-34-parked", "money that did not fit is on the books as it was told", windowed=True)
def parked_money_is_on_the_books(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Surplus and mismatched payments that differ from the audit trail, or that only one of the two knows."""
    # In this order: what is parked meanwhile is read in both tables, or in neither.
    parked = list(_since(Payment.objects.exclude(standing=Standing.ATTACHED), since).order_by("pk"))
    entries = _since(AuditEntry.objects.filter(action__in=_PARKED), since).order_by("pk")
    told: dict[tuple[str, str], dict[str, Any]] = {
        (target, after["transaction_id"]): after for target, after in entries.values_list("target_id", "after") if after
    }
    for payment in parked:
        if (str(payment.order_id), payment.transaction_id) not in told:
            yield Breach(f"payment {payment.pk}", "was parked, and nobody told")
    numbers = {number for _, number in told}
    booked = {payment.transaction_id: payment for payment in Payment.objects.filter(transaction_id__in=numbers)}
    for (order_id, transaction_id), terms in sorted(told.items(), key=lambda item: item[0]):
        found = booked.get(transaction_id)
        if found is None:
            yield Breach(f"order {order_id}", f"payment {transaction_id} is missing")
        # A transaction that was told for another order than the first is the first one's.
        elif str(found.order_id) == order_id and any(getattr(found, name) != said for name, said in terms.items()):
            yield Breach(f"payment {found.pk}", "is not what was told")


@invariant("I-34-refunds", "nothing is refunded: no service does it yet")
def nothing_is_refunded(now: datetime) -> Iterable[Breach]:
    """Payments that say that money went back, which would hide that it is kept."""
    for payment in Payment.objects.filter(refunded_fen__gt=0).order_by("pk")[:SHOWN]:
        yield Breach(f"payment {payment.pk}", f"{payment.refunded_fen} fen refunded, by no refund")


@invariant("I-52-payments", "money that no order keeps is given back")
def surplus_is_given_back(now: datetime) -> Iterable[Breach]:
    """Surplus and mismatched payments that are kept for longer than three days."""
    owed = Payment.objects.exclude(standing=Standing.ATTACHED).filter(refunded_fen__lt=F("amount_fen"))
    for payment in owed.filter(created_at__lt=now - rules.GIVE_BACK_WITHIN).order_by("pk")[:SHOWN]:
        left = payment.amount_fen - payment.refunded_fen
        yield Breach(
            f"payment {payment.pk}", f"{payment.standing}, {left} fen kept since {payment.created_at.isoformat()}"
        )


def _since(found: "QuerySet[R]", since: datetime | None) -> "QuerySet[R]":
    return found if since is None else found.filter(created_at__gte=since)
