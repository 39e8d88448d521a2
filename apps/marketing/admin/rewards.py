"""What behaviours give and what points buy."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.kernel.errors import DomainError
from apps.marketing import errors, services
from apps.marketing.admin.configuration import ConfigurationAdmin
from apps.marketing.models import ExchangeItem, RebateRule


@admin.register(RebateRule)
class RebateRuleAdmin(ConfigurationAdmin):
    """What behaviours give. Each change is a new version; rebates name theirs."""

    fields = (
        "code",
        "title",
        "behaviour",
        "points",
        "points_per_yuan",
        "chances",
        "activity",
        "is_active",
        "reason",
    )
    list_display = ("title", "behaviour", "points", "points_per_yuan", "chances", "activity", "version", "is_active")
    list_filter = ("behaviour", "is_active")
    list_select_related = ("activity",)
    ordering = ("behaviour", "code")

    def save_model(self, request: HttpRequest, obj: RebateRule, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save through the service."""
        obj.pk = services.save_rebate_rule(
            code=obj.code,
            title=obj.title,
            behaviour=obj.behaviour,
            points=obj.points,
            points_per_yuan=obj.points_per_yuan,
            chances=obj.chances,
            activity_id=obj.activity_id,
            is_active=obj.is_active,
            **self.said(request, form),
        ).id


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
    list_display = ("title", "kind", "amount", "price_points", "sold", "stock", "member_limit", "is_active")
    list_filter = ("kind", "is_active")
    ordering = ("price_points",)

    def explain(self, refusal: DomainError) -> str:
        """How many are sold is on no form."""
        if isinstance(refusal, errors.StockBelowSold):
            return _("The stock cannot be lower than the %(sold)d that have been sold.") % refusal.context
        return super().explain(refusal)

    def save_model(self, request: HttpRequest, obj: ExchangeItem, form: Any, change: bool) -> None:  # noqa: FBT001
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
