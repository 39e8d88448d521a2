"""Products, orders, their steps, payments and the notifications that told of them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.kernel.models import Row
from apps.kernel.sealing import KeyedHashField
from apps.orders.contracts import OrderState
from apps.orders.rules import HAS_MONEY, OPEN

OPEN_STATES = sorted(OPEN)
PAID_STATES = sorted(HAS_MONEY)


class Product(Row):
    """Something to buy. Its price history is the audit trail; orders keep a snapshot."""

    code = models.CharField(_("code"), max_length=40)
    title = models.CharField(_("title"), max_length=60)
    subtitle = models.CharField(_("subtitle"), max_length=120, blank=True)
    badge = models.CharField(_("badge"), max_length=20, blank=True)
    amount_fen = models.PositiveIntegerField(_("price (fen)"))
    quota_milli = models.PositiveBigIntegerField(_("quota (thousandths of a credit)"))
    entitlements = models.JSONField(_("entitlements"), default=list, blank=True)
    is_on_sale = models.BooleanField(_("on sale"), default=True)
    sort = models.IntegerField(_("sort order"), default=0)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="orders_product_code_unique"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="orders_product_amount_positive"),
        ]

    def __str__(self) -> str:
        return self.title


class Order(Row):
    """One purchase with the offer as it was when the buyer said yes; its terms never change (trigger)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    product = models.ForeignKey(Product, verbose_name=_("product"), on_delete=models.PROTECT, related_name="+")
    gateway = models.CharField(_("payment method"), max_length=16)
    state = models.CharField(_("state"), max_length=12, choices=OrderState, default=OrderState.CREATED)

    title = models.CharField(_("title"), max_length=60)
    amount_fen = models.PositiveIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=3)
    quota_milli = models.PositiveBigIntegerField(_("quota (thousandths of a credit)"))
    entitlements = models.JSONField(_("entitlements"), default=list, blank=True)
    merchant_id = models.CharField(_("merchant ID"), max_length=32)
    app_id = models.CharField(_("app ID"), max_length=32)

    out_trade_no = models.CharField(_("order number"), max_length=32)
    request_id = models.CharField(_("request ID"), max_length=160)
    pay_content = models.CharField(_("payment content"), max_length=512, blank=True)
    prepay_until = models.DateTimeField(_("payment content valid until"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"))
    next_check_at = models.DateTimeField(_("next check at"), null=True, blank=True)
    checks = models.PositiveIntegerField(_("checks"), default=0)

    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = [
            ("check_order", "Can ask the provider about an order"),
            ("deliver_order", "Can deliver a paid order"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OrderState.values), name="orders_order_state_known"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="orders_order_amount_positive"),
            models.CheckConstraint(
                condition=~Q(state__in=PAID_STATES) | Q(paid_at__isnull=False),
                name="orders_order_paid_at_when_paid",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[*OPEN_STATES, OrderState.CLOSED, OrderState.MISMATCH])
                | Q(paid_at=None, delivered_at=None),
                name="orders_order_nothing_delivered_unpaid",
            ),
            models.CheckConstraint(
                condition=~Q(state=OrderState.DELIVERED) | Q(delivered_at__isnull=False),
                name="orders_order_delivered_at_when_delivered",
            ),
            models.CheckConstraint(
                condition=~Q(state=OrderState.CLOSED) | Q(closed_at__isnull=False),
                name="orders_order_closed_at_when_closed",
            ),
            models.CheckConstraint(
                condition=~Q(state=OrderState.PAYING) | ~Q(pay_content=""),
                name="orders_order_paying_has_content",
            ),
            models.UniqueConstraint(fields=["out_trade_no"], name="orders_order_out_trade_no_unique"),
            models.UniqueConstraint(fields=["user", "request_id"], name="orders_order_once_per_request"),
            # A double click, or two devices, cannot open two payable orders for the same thing.
            models.UniqueConstraint(
                fields=["user", "product", "gateway"],
                condition=Q(state__in=OPEN_STATES),
                name="orders_order_one_open_per_offer",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "id"], name="orders_order_of_user"),
            # The sweeps ask only for orders that are still to be asked about; the index stays small.
            models.Index(
                fields=["next_check_at"], condition=Q(next_check_at__isnull=False), name="orders_order_to_check"
            ),
            models.Index(fields=["state", "paid_at"], name="orders_order_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.out_trade_no}"


class OrderHistory(Row):
    """One change of state: who, from, to, when, why. Rows never change (trigger)."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    before = models.CharField(_("before"), max_length=12, choices=OrderState, blank=True)
    after = models.CharField(_("after"), max_length=12, choices=OrderState)
    actor = models.CharField(_("actor"), max_length=80)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("order step")
        verbose_name_plural = _("order history")
        constraints = [
            models.CheckConstraint(
                condition=Q(before__in=["", *OrderState.values]), name="orders_orderhistory_before_known"
            ),
            models.CheckConstraint(condition=Q(after__in=OrderState.values), name="orders_orderhistory_after_known"),
        ]
        indexes = [models.Index(fields=["order", "id"], name="orders_orderhistory_of_order")]

    def __str__(self) -> str:
        return f"{self.before} > {self.after}"


class Standing(models.TextChoices):
    """What a payment is to its order."""

    ATTACHED = "attached", _("Pays the order")  # it pays the order
    SURPLUS = "surplus", _("Surplus")  # the order needed no more money: to be given back
    MISMATCHED = "mismatched", _("Does not match")  # it does not fit the order: a person decides


class Payment(Row):
    """Money that a provider says it took for an order, wanted or not; what it said never changes (trigger)."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+"
    )
    gateway = models.CharField(_("payment method"), max_length=16)
    transaction_id = models.CharField(_("transaction ID"), max_length=64)
    standing = models.CharField(_("standing"), max_length=12, choices=Standing)
    merchant_id = models.CharField(_("merchant ID"), max_length=32)
    app_id = models.CharField(_("app ID"), max_length=32)
    amount_fen = models.PositiveIntegerField(_("amount (fen)"))
    currency = models.CharField(_("currency"), max_length=16)
    refunded_fen = models.PositiveIntegerField(_("refunded (fen)"), default=0)
    # A keyed hash: the same payer can be recognised, nobody can be found.
    payer_hash = KeyedHashField(blank=True)
    event_id = models.CharField(_("notification ID"), max_length=64, blank=True)
    paid_at = models.DateTimeField(_("paid at"))

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.CheckConstraint(condition=Q(standing__in=Standing.values), name="orders_payment_standing_known"),
            models.UniqueConstraint(fields=["gateway", "transaction_id"], name="orders_payment_transaction_unique"),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(standing=Standing.ATTACHED),
                name="orders_payment_one_attached_per_order",
            ),
            models.CheckConstraint(
                condition=Q(refunded_fen__lte=F("amount_fen")), name="orders_payment_refund_within_capture"
            ),
        ]
        indexes = [
            models.Index(fields=["order"], name="orders_payment_of_order"),
            # The audit asks each minute for what was given back; the index stays small.
            models.Index(fields=["order"], condition=Q(refunded_fen__gt=0), name="orders_payment_refunded"),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.transaction_id}"


class Outcome(models.TextChoices):
    """What became of a notification."""

    SETTLED = "settled", _("Settled")
    REPEATED = "repeated", _("Repeated")
    SURPLUS = "surplus", _("Surplus")
    MISMATCHED = "mismatched", _("Does not match")
    UNKNOWN_ORDER = "unknown_order", _("Unknown order")
    IGNORED = "ignored", _("Ignored")


class Notification(Row):
    """A notification whose signature was good, by the provider's event id. Bodies are not kept, only their hash."""

    gateway = models.CharField(_("payment method"), max_length=16)
    event_id = models.CharField(_("notification ID"), max_length=64)
    body_sha256 = models.CharField(_("SHA-256 of the body"), max_length=64)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    times = models.PositiveIntegerField(_("times received"), default=1)
    last_at = models.DateTimeField(_("last received at"))

    class Meta:
        verbose_name = _("payment notification")
        verbose_name_plural = _("payment notifications")
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="orders_notification_outcome_known"),
            models.UniqueConstraint(fields=["gateway", "event_id"], name="orders_notification_event_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.event_id}"
