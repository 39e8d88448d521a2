"""What points buy, and what was bought."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel.admin import SHOWN, ConfigurationAdmin, Happening, ReadOnlyAdmin, Task, link_to, tell
from apps.kernel.errors import DomainError
from apps.marketing.exchange import errors, services
from apps.marketing.exchange.models import ExchangeItem, ExchangeOrder


def _of_member(request: HttpRequest, member: Any) -> Iterable[Happening]:
    for order in ExchangeOrder.objects.filter(user=member).order_by("-pk")[:SHOWN]:
        yield Happening(
            at=order.created_at,
            title=_("Exchanged points for %(title)s") % {"title": order.title},
            detail=_("%(points)d points") % {"points": order.points_paid},
            address=link_to(request, ExchangeOrder, order.pk),
        )


tell("accounts.user", "marketing.view_exchangeorder", _of_member)


@admin.register(ExchangeOrder)
class ExchangeOrderAdmin(ReadOnlyAdmin):
    """What points bought."""

    task = Task.MARKETING
    empty_text = gettext_lazy("What members buy with their points will stand here.")
    list_display = ("created_at", "user", "title", "quantity", "points_paid")
    list_filter = ("item",)
    search_fields = ("=id", "=user__id")
    ordering = ("-id",)


@admin.register(ExchangeItem)
class ExchangeItemAdmin(ConfigurationAdmin):
    """What points buy. Orders keep the price and the content of their moment."""

    fields = (
        "code",
        "title",
        "kind",
        "amount",
        "price_points",
        "activity",
        "stock",
        "member_limit",
        "is_active",
        "reason",
    )
    task = Task.MARKETING
    empty_text = gettext_lazy("Points buy nothing yet. Add an item: what it gives, and what it costs.")
    amounts = ("amount",)
    asset = "kind"
    list_display = ("title", "kind", "amount", "price_points", "sold", "stock", "member_limit", "is_active")
    list_filter = ("kind", "is_active")
    ordering = ("price_points",)

    def explain(self, refusal: DomainError) -> str:
        """How many are sold is on no form."""
        if isinstance(refusal, errors.StockBelowSold):
            return _("The stock cannot be lower than the %(sold)d that have been sold.") % refusal.context
        return super().explain(refusal)

    def save_model(self, request: HttpRequest, obj: ExchangeItem, form: Any, change: bool) -> None:
        """Save through the service."""
        obj.pk = services.save_exchange_item(
            code=obj.code,
            title=obj.title,
            kind=obj.kind,
            amount=obj.amount,
            price_points=obj.price_points,
            activity_id=obj.activity_id,
            stock=obj.stock,
            member_limit=obj.member_limit,
            is_active=obj.is_active,
            **self.said(request, form),
        )
