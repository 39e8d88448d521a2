"""Operators' view of the shop: products are edited through their service, money is looked at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import clock
from apps.kernel.admin import ReadOnlyAdmin, actor, reason_action
from apps.orders import services
from apps.orders.models import Notification, Order, OrderHistory, Payment, Product


def yuan(fen: int) -> str:
    """Money as operators read it: yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A product, and why it changes."""

    reason = forms.CharField(max_length=300, min_length=3, label=gettext_lazy("Reason"))
    entitlements = forms.JSONField(
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

    def clean_amount_fen(self) -> int:
        """Nothing is given away through the shop."""
        amount: int = self.cleaned_data["amount_fen"]
        if amount < 1:
            raise forms.ValidationError(_("The price is at least one fen."))
        return amount

    def clean_entitlements(self) -> list[str]:
        """A list of model ids, each once."""
        models = self.cleaned_data["entitlements"] or []
        if not isinstance(models, list) or not all(map(_is_name, models)):
            raise forms.ValidationError(_("Give a list of model ids."))
        return sorted(set(models))

    def clean(self) -> dict[str, Any]:
        """Say at the field what the service would refuse."""
        cleaned = super().clean() or self.cleaned_data
        if {"quota_milli", "entitlements"} <= cleaned.keys():
            offer = {name: cleaned[name] for name in ("quota_milli", "entitlements")}
            try:
                services.check_deliverable(**offer)
            except services.ProductQuotaNotDeliverable as refusal:
                self.add_error("quota_milli", _(refusal.title))
            except services.ProductModelUnknown as refusal:
                self.add_error("entitlements", _("There is no model with the id %(model)s.") % refusal.context)
        return cleaned


def _is_name(value: object) -> bool:
    """JSON can also write what PostgreSQL does not take, such as NUL."""
    return isinstance(value, str) and value != "" and value.isprintable()


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Products. Each change is in the audit trail, which is the price history."""

    form = ProductForm
    list_display = ("title", "code", "price", "quota_milli", "is_on_sale", "sort")
    list_filter = ("is_on_sale",)
    ordering = ("sort", "amount_fen")

    @admin.display(description=gettext_lazy("Price (yuan)"), ordering="amount_fen")
    def price(self, row: Product) -> str:
        """The price in yuan."""
        return yuan(row.amount_fen)

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        """The code is the product's name for programs and stays."""
        return ("code",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        """Orders point here: take a product off sale instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save through the service, which records who, what and why."""
        values = {name: form.cleaned_data[name] for name in ProductForm.Meta.fields if name != "code"}
        saved = services.save_product(
            code=obj.code,
            actor=actor(request),
            reason=form.cleaned_data["reason"],
            now=clock.now(),
            **values,
        )
        obj.pk = saved.id


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders; what an operator may do is ask the provider, and deliver what is owed."""

    list_display = ("created_at", "title", "user", "gateway", "amount", "state", "paid_at", "delivered_at")
    list_filter = ("state", "gateway")
    list_select_related = ("user",)
    search_fields = ("=out_trade_no", "=user__id")
    date_hierarchy = "created_at"
    actions = ("check_now", "deliver_now")

    @admin.display(description=gettext_lazy("Amount (yuan)"), ordering="amount_fen")
    def amount(self, row: Order) -> str:
        """The amount in yuan."""
        return yuan(row.amount_fen)

    @reason_action(description=gettext_lazy("Ask the provider now"), permission="orders.check_order")
    def check_now(self, request: HttpRequest, queryset: QuerySet[Order], reason: str) -> None:
        """Query the provider for each chosen order."""
        for order_id in queryset.values_list("pk", flat=True):
            services.recheck_order(order_id=order_id, actor=actor(request), reason=reason, now=clock.now())

    @reason_action(description=gettext_lazy("Deliver now what is paid"), permission="orders.deliver_order")
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

    list_display = ("created_at", "order", "before", "after", "actor", "reason")
    list_filter = ("after",)
    list_select_related = ("order",)
    search_fields = ("=order__id",)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Money that came; surplus and mismatched payments are what a person must give back."""

    list_display = (
        "created_at",
        "order",
        "gateway",
        "transaction_id",
        "amount",
        "currency",
        "standing",
        "refunded_fen",
    )
    list_filter = ("standing", "gateway")
    list_select_related = ("order",)
    search_fields = ("=transaction_id", "=order__id")
    exclude = ("payer_hash",)

    @admin.display(description=gettext_lazy("Amount (yuan)"), ordering="amount_fen")
    def amount(self, row: Payment) -> str:
        """The amount in yuan."""
        return yuan(row.amount_fen)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """Notifications that were believed, and what became of them."""

    list_display = ("created_at", "gateway", "event_id", "outcome", "times", "order", "reason")
    list_filter = ("outcome", "gateway")
    list_select_related = ("order",)
    search_fields = ("=event_id",)
