"""Stocks, and whether prizes arrived."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import clock
from apps.kernel.admin import (
    ConfigurationAdmin,
    Happening,
    ReadOnlyAdmin,
    Task,
    actor,
    link_to,
    reason_action,
    tell,
)
from apps.marketing.prizes import services
from apps.marketing.prizes.contracts import DeliveryState
from apps.marketing.prizes.models import Delivery, PrizeStock


def _is_owed(row: Delivery) -> bool:
    return row.state == DeliveryState.PENDING


def _of_draw(request: HttpRequest, draw: Any) -> Iterable[Happening]:
    for delivery in Delivery.objects.filter(draw=draw):
        address = link_to(request, Delivery, delivery.pk)
        yield Happening(at=delivery.created_at, title=_("To be handed over"), address=address)
        if delivery.done_at is not None:
            yield Happening(at=delivery.done_at, title=_("Handed over"), address=address, tone="ok")


tell("marketing.draw", "marketing.view_delivery", _of_draw)


@admin.register(PrizeStock)
class PrizeStockAdmin(ConfigurationAdmin):
    """Stocks; what was issued moves by draws alone."""

    fields = ("activity", "code", "total", "reason")
    key_fields = ("activity", "code")
    task = Task.MARKETING
    empty_text = gettext_lazy("Prizes without a stock never run out. Add a stock, then name it in the odds.")
    list_display = ("activity", "code", "issued", "total")
    ordering = ("-id",)

    def save_model(self, request: HttpRequest, obj: PrizeStock, form: Any, change: bool) -> None:
        """Create or correct through the services."""
        said = self.said(request, form)
        if change:
            services.correct_stock(stock_id=obj.pk, total=obj.total, **said)
            return
        obj.pk = services.save_stock(activity_id=obj.activity_id, code=obj.code, total=obj.total, **said).id


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What was won and whether it arrived."""

    task = Task.MARKETING
    badges: ClassVar = {"state": {DeliveryState.PENDING: "warn", DeliveryState.DONE: "ok"}}
    empty_text = gettext_lazy("What members win will stand here, and whether they have it.")
    amounts = ("amount",)
    asset = "kind"
    list_display = ("created_at", "user", "kind", "amount", "state", "done_at")
    list_filter = ("state", "kind")
    search_fields = ("=id", "=user__id", "=draw__id")
    ordering = ("-id",)
    actions = ("replay",)

    @reason_action(
        description=gettext_lazy("Deliver what is owed"), permission="marketing.replay_delivery", when=_is_owed
    )
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery], reason: str) -> None:
        """Hand over what is still pending among the chosen; nothing is paid twice."""
        for pk in queryset.values_list("pk", flat=True):
            services.replay_delivery(delivery_id=pk, actor=actor(request), reason=reason, now=clock.now())
