"""What members did and got: read-only."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from apps.kernel import clock
from apps.kernel.admin import ReadOnlyAdmin, actor, reason_action
from apps.marketing import services
from apps.marketing.models import Delivery, Draw, ExchangeOrder, Rebate, SignIn


@admin.register(Draw)
class DrawAdmin(ReadOnlyAdmin):
    """Every draw with what recomputes it."""

    list_display = ("created_at", "user", "activity", "odds", "roll", "prize", "fallback_reason")
    list_filter = ("activity", "fallback_reason")
    list_select_related = ("user", "activity", "odds", "prize")
    search_fields = ("=id", "=user__id")
    ordering = ("-id",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What was won and whether it arrived."""

    list_display = ("created_at", "user", "kind", "amount", "state", "done_at")
    list_filter = ("state", "kind")
    list_select_related = ("user",)
    search_fields = ("=id", "=user__id", "=draw__id")
    ordering = ("-id",)
    actions = ("replay",)

    @reason_action(description=gettext_lazy("Deliver what is owed"), permission="marketing.replay_delivery")
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery], reason: str) -> None:
        """Hand over what is still pending among the chosen; nothing is paid twice."""
        for pk in queryset.values_list("pk", flat=True):
            services.replay_delivery(delivery_id=pk, actor=actor(request), reason=reason, now=clock.now())


@admin.register(Rebate)
class RebateAdmin(ReadOnlyAdmin):
    """What behaviours gave."""

    list_display = ("created_at", "user", "rule", "rule_version", "behaviour_key", "points", "chances")
    list_filter = ("rule",)
    list_select_related = ("user", "rule")
    search_fields = ("=user__id", "behaviour_key")
    ordering = ("-id",)


@admin.register(SignIn)
class SignInAdmin(ReadOnlyAdmin):
    """Daily sign-ins."""

    list_display = ("local_day", "user", "streak")
    list_select_related = ("user",)
    search_fields = ("=user__id",)
    ordering = ("-id",)


@admin.register(ExchangeOrder)
class ExchangeOrderAdmin(ReadOnlyAdmin):
    """What points bought."""

    list_display = ("created_at", "user", "title", "quantity", "points_paid")
    list_filter = ("item",)
    list_select_related = ("user",)
    search_fields = ("=id", "=user__id")
    ordering = ("-id",)
