"""Operators' view of the shop: products are edited through their service, money is looked at."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import clock
from apps.kernel.admin import (
    ACT,
    SHOWN,
    ConfigurationAdmin,
    Happening,
    ReadOnlyAdmin,
    ReasonedForm,
    Task,
    actor,
    link_to,
    name_codes,
    reason_action,
    tell,
)
from apps.kernel.errors import DomainError
from apps.kernel.templatetags.units import yuan
from apps.orders import services
from apps.orders.contracts import OrderState
from apps.orders.models import OPEN_STATES, Notification, Order, OrderHistory, Payment, Product, Standing


class _NamesField(forms.JSONField):
    """JSON that can be shown again whatever it says: half a surrogate pair cannot be sent as it is."""

    def prepare_value(self, value: Any) -> Any:
        return str(super().prepare_value(value)).encode(errors="backslashreplace").decode()


class ProductForm(ReasonedForm):
    """A product, and why it changes."""

    entitlements = _NamesField(
        required=False,
        label=gettext_lazy("Entitlements"),
        help_text=gettext_lazy('Model ids as a list, e.g. ["model-a"].'),
    )

    class Meta:
        model = Product
        fields = (
            "code",
            "title",
            "subtitle",
            "badge",
            "amount_fen",
            "quota_milli",
            "entitlements",
            "is_on_sale",
            "sort",
        )

    def clean_entitlements(self) -> list[str]:
        """A list of model ids, each once."""
        models = self.cleaned_data["entitlements"] or []
        if not isinstance(models, list) or not all(map(_is_name, models)):
            raise forms.ValidationError(_("Give a list of model ids."))
        return sorted(set(models))

    def clean(self) -> dict[str, Any]:
        """Ask early what the service would refuse: the table's own constraints would speak first, and in no words."""
        cleaned = super().clean()
        if cleaned.keys() >= _SOLD and self.refusal is None:
            try:
                services.check_sellable(**{name: cleaned[name] for name in _SOLD})
            except DomainError as refusal:
                self.refuse(refusal)
        return cleaned


_SOLD = {"title", "amount_fen", "quota_milli", "entitlements"}


def _is_name(value: object) -> bool:
    """JSON can also write what PostgreSQL does not take, such as NUL."""
    return isinstance(value, str) and value != "" and value.isprintable()


@admin.register(Product)
class ProductAdmin(ConfigurationAdmin):
    """Products. Each change is in the audit trail, which is the price history."""

    task = Task.ORDERS
    form = ProductForm
    refused_fields: ClassVar = {
        services.ProductAmountNotPayable: "amount_fen",
        services.ProductEmpty: "quota_milli",
        services.ProductModelUnknown: "entitlements",
        services.ProductQuotaNotDeliverable: "quota_milli",
        services.ProductTitleTooLong: "title",
    }
    empty_text = gettext_lazy("Nothing is for sale yet. Add a product: what it costs and how much quota it gives.")
    list_display = ("title", "code", "amount_fen", "quota_milli", "entitlements", "is_on_sale", "sort")
    list_filter = ("is_on_sale",)
    ordering = ("sort", "amount_fen")

    def explain(self, refusal: DomainError) -> str:
        """Which model there is not."""
        if isinstance(refusal, services.ProductModelUnknown):
            return _("There is no model with the id %(model)s.") % refusal.context
        return super().explain(refusal)

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        values = {name: form.cleaned_data[name] for name in ProductForm.Meta.fields if name != "code"}
        obj.pk = services.save_product(code=obj.code, **values, **self.said(request, form)).id


_TONES = {
    OrderState.PAYING: "jade",
    OrderState.PAID: "jade",
    OrderState.DELIVERED: "ok",
    OrderState.REFUNDING: "warn",
    OrderState.MISMATCH: "bad",
}


_STANDINGS = {Standing.ATTACHED: "ok", Standing.SURPLUS: "warn", Standing.MISMATCHED: "bad"}
_WORDS = {"gateway": {"wechat": gettext_lazy("Pay with WeChat")}}


def _may_be_asked(row: Order) -> bool:
    return row.state in {*OPEN_STATES, OrderState.CLOSED}


def _is_owed(row: Order) -> bool:
    return row.state == OrderState.PAID


def _steps(request: HttpRequest, row: Order) -> Iterable[Happening]:
    for step in OrderHistory.objects.filter(order=row).order_by("-pk")[:SHOWN]:
        yield Happening(
            at=step.created_at,
            title=step.get_after_display(),
            detail=step.reason,
            address=link_to(request, OrderHistory, step.pk),
            tone=_TONES.get(OrderState(step.after), ""),
        )


def _payments(request: HttpRequest, row: Order) -> Iterable[Happening]:
    for payment in Payment.objects.filter(order=row).order_by("-pk")[:SHOWN]:
        yield Happening(
            at=payment.paid_at,
            title=_("Money came: %(amount)s yuan") % {"amount": yuan(payment.amount_fen)},
            detail=f"{payment.get_standing_display()} {payment.transaction_id}",
            address=link_to(request, Payment, payment.pk),
            tone=_STANDINGS[Standing(payment.standing)],
        )


def _notices(request: HttpRequest, row: Order) -> Iterable[Happening]:
    for notice in Notification.objects.filter(order=row).order_by("-pk")[:SHOWN]:
        yield Happening(
            at=notice.created_at,
            title=_("The provider told us"),
            detail=f"{notice.get_outcome_display()} {notice.reason}",
            address=link_to(request, Notification, notice.pk),
        )


def _orders_of(request: HttpRequest, member: Any) -> Iterable[Happening]:
    for order in Order.objects.filter(user=member).order_by("-pk")[:SHOWN]:
        yield Happening(
            at=order.created_at,
            title=_("Ordered %(title)s for %(amount)s yuan") % {"title": order.title, "amount": yuan(order.amount_fen)},
            detail=order.get_state_display(),
            address=link_to(request, Order, order.pk),
            tone=_TONES.get(OrderState(order.state), ""),
        )


tell("orders.order", "orders.view_orderhistory", _steps)
tell("orders.order", "orders.view_payment", _payments)
tell("orders.order", "orders.view_notification", _notices)
tell("accounts.user", "orders.view_order", _orders_of)


name_codes(
    ACT,
    {
        "orders.payment_mismatch": gettext_lazy("A payment does not match"),
        "orders.surplus_payment": gettext_lazy("A payment too many"),
        "orders.recheck_order": gettext_lazy("Asked the provider"),
        "orders.redeliver_order": gettext_lazy("Delivered what was owed"),
    }.get,
)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders; what an operator may do is ask the provider, and deliver what is owed."""

    task = Task.ORDERS
    is_first = True
    badges: ClassVar = {"state": _TONES}
    words: ClassVar = _WORDS
    empty_text = gettext_lazy("Nobody has ordered yet. What is on sale stands under Products.")
    list_display = ("created_at", "title", "user", "gateway", "amount_fen", "state", "paid_at", "delivered_at")
    list_filter = ("state", "gateway")
    search_fields = ("=out_trade_no", "=user__id")
    date_hierarchy = "created_at"
    actions = ("check_now", "deliver_now")

    @reason_action(
        description=gettext_lazy("Ask the provider now"), permission="orders.check_order", when=_may_be_asked
    )
    def check_now(self, request: HttpRequest, queryset: QuerySet[Order], reason: str) -> None:
        """Query the provider for each chosen order."""
        for order_id in queryset.values_list("pk", flat=True):
            services.recheck_order(order_id=order_id, actor=actor(request), reason=reason, now=clock.now())

    @reason_action(
        description=gettext_lazy("Deliver now what is paid"), permission="orders.deliver_order", when=_is_owed
    )
    def deliver_now(self, request: HttpRequest, queryset: QuerySet[Order], reason: str) -> None:
        """Deliver each chosen order that is paid and owed."""
        delivered = sum(
            services.redeliver_order(order_id=order_id, actor=actor(request), reason=reason, now=clock.now())
            for order_id in queryset.values_list("pk", flat=True)
        )
        self.message_user(request, _("%(count)d orders were delivered.") % {"count": delivered})


@admin.register(OrderHistory)
class OrderHistoryAdmin(ReadOnlyAdmin):
    """Every step of every order."""

    task = Task.ORDERS
    badges: ClassVar = {"before": _TONES, "after": _TONES}
    actors = ("actor",)
    empty_text = gettext_lazy("Every change of an order's state will stand here.")
    list_display = ("created_at", "order", "before", "after", "actor", "reason")
    list_filter = ("after",)
    search_fields = ("=order__id",)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Money that came; surplus and mismatched payments are what a person must give back."""

    task = Task.ORDERS
    words: ClassVar = _WORDS
    badges: ClassVar = {"standing": _STANDINGS}
    empty_text = gettext_lazy("No money has come yet. What needs to be given back will be marked here.")
    list_display = (
        "created_at",
        "order",
        "gateway",
        "transaction_id",
        "amount_fen",
        "currency",
        "standing",
        "refunded_fen",
    )
    list_filter = ("standing", "gateway")
    search_fields = ("=transaction_id", "=order__id")
    exclude = ("payer_hash",)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Notifications that were believed, and what became of them."""

    task = Task.ORDERS
    words: ClassVar = _WORDS
    empty_text = gettext_lazy("What a payment provider tells us will stand here, as far as we believe it.")
    list_display = ("created_at", "gateway", "event_id", "outcome", "times", "order", "reason")
    list_filter = ("outcome", "gateway")
    search_fields = ("=event_id",)
