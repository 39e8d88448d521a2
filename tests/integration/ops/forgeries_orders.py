"""What a forger does to orders and payments once their triggers are gone, and the columns that may hold anything."""

from collections.abc import Callable
from typing import Any

from django.db.models import F

from apps.kernel import clock
from apps.kernel.ids import first_id_at, new_id
from apps.kernel.models import AuditEntry
from apps.orders.models import Order, OrderHistory, Payment, Product
from tests.cast import member
from tests.rows import unguard_all

Forgery = tuple[str, Callable[[], Any], str]


def _surplus() -> Any:
    return Payment.objects.filter(standing="surplus")


def forced(rows: Any, **changes: Any) -> None:
    """Change rows whose triggers were dropped first."""
    unguard_all(rows.model._meta.db_table)
    assert rows.update(**changes)


def _invented() -> None:
    """Money that nobody took, so that somebody gives it back."""
    row = _surplus().get()
    row.pk, row.transaction_id, row.event_id, row.created_at = new_id(), "42", "", clock.now()
    row.save(force_insert=True)


def _parked_of_another_gateway() -> None:
    """The entry of an older release, which says less, still says the amount."""
    unguard_all("kernel_auditentry")
    entry = AuditEntry.objects.get(action="orders.surplus_payment")
    said = {name: entry.after[name] for name in ("transaction_id", "amount_fen")} if entry.after else {}
    AuditEntry.objects.filter(pk=entry.pk).update(after=said)
    forced(_surplus(), amount_fen=1)


def _steps(after: str) -> Any:
    return OrderHistory.objects.filter(after=after)


def _gone(rows: Any) -> None:
    unguard_all(rows.model._meta.db_table)
    assert rows._raw_delete("default")


def _step(**changes: Any) -> None:
    """A step that nobody took, written between those that somebody did."""
    row = _steps("paid").latest("pk")
    for name, value in {"pk": first_id_at(row.created_at), **changes}.items():
        setattr(row, name, value)
    row.save(force_insert=True)


# What, how, and the number that names it.
NAMED: list[Forgery] = [
    ("a surplus of more", lambda: forced(_surplus(), amount_fen=F("amount_fen") * 2), "I-34-parked"),
    ("a surplus of more in an older trail", _parked_of_another_gateway, "I-34-parked"),
    ("a surplus of another transaction", lambda: forced(_surplus(), transaction_id="42"), "I-34-parked"),
    ("a surplus at another gateway", lambda: forced(_surplus(), gateway="alipay"), "I-34-parked"),
    ("a surplus of another merchant", lambda: forced(_surplus(), merchant_id="1"), "I-34-parked"),
    ("an invented surplus", _invented, "I-34-parked"),
    ("a surplus that was given back", lambda: forced(_surplus(), refunded_fen=F("amount_fen")), "I-34-refunds"),
    (
        "another number at the provider",
        lambda: forced(Order.objects.filter(state="closed"), out_trade_no="0"),
        "I-32-number",
    ),
    (
        "an order of no gateway",
        lambda: forced(Order.objects.filter(state="closed"), gateway="cowries"),
        "I-02-gateways",
    ),
    ("a history without its beginning", lambda: _gone(_steps("created")), "I-39-steps"),
    ("a history with a gap", lambda: _gone(_steps("paid")), "I-39-steps"),
    ("a step to elsewhere", lambda: forced(_steps("paying"), after="refunding"), "I-39-steps"),
    ("a step from elsewhere", lambda: forced(_steps("paid"), before="closed"), "I-39-steps"),
    ("a step for the second time", lambda: _step(actor="staff:1"), "I-39-steps"),
    ("a step that nobody took", lambda: _step(before="closed"), "I-39-steps"),
    ("a step of somebody else", lambda: forced(_steps("paid"), user_id=member("bob").id), "I-39-steps"),
    ("another price", lambda: forced(Product.objects.all(), amount_fen=1), "I-62"),
    ("a product on sale again", lambda: forced(Product.objects.all(), is_on_sale=False), "I-62"),
]

# Columns whose forged value is neither refused nor named, and why.
EXPLAINED = {
    "orders.Product.code": "names the card; offers and orders go by the id",
    "orders.Product.created_at": "shown",
    "orders.Order.checks": "how often we asked: a count for the next delay",
    "orders.Order.next_check_at": "when we ask next: I-33 and I-36 name the order that nobody asks about",
    "orders.Order.prepay_until": "a lease of seconds on asking for the code",
    "orders.Order.closed_at": "shown, and kept once it is there",
    "orders.Payment.payer_hash": "recognises a payer; erased when they leave",
    "orders.Notification.outcome": "what we made of a notice: the payment itself is on the books",
    "orders.Notification.reason": "shown",
    "orders.Notification.times": "a count of repeats",
    "orders.Notification.last_at": "when the last repeat came",
}
