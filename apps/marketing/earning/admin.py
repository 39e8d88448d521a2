"""What behaviours give, and what they gave."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel.admin import SHOWN, ConfigurationAdmin, Happening, ReadOnlyAdmin, Task, link_to, tell
from apps.marketing.earning import services
from apps.marketing.earning.models import Rebate, RebateRule, SignIn


def _of_member(request: HttpRequest, member: Any) -> Iterable[Happening]:
    return _told(request, Rebate.objects.filter(user=member))


def _of_order(request: HttpRequest, order: Any) -> Iterable[Happening]:
    return _told(request, Rebate.objects.filter(behaviour_key=f"order:{order.pk}"))


def _told(request: HttpRequest, rebates: QuerySet[Rebate]) -> Iterable[Happening]:
    for rebate in rebates.select_related("rule").order_by("-pk")[:SHOWN]:
        yield Happening(
            at=rebate.created_at,
            title=_("Rewarded: %(rule)s") % {"rule": rebate.rule.title},
            detail=_("%(points)d points, %(chances)d chances") % {"points": rebate.points, "chances": rebate.chances},
            address=link_to(request, Rebate, rebate.pk),
        )


tell("accounts.user", "marketing.view_rebate", _of_member)
tell("orders.order", "marketing.view_rebate", _of_order)


@admin.register(Rebate)
class RebateAdmin(ReadOnlyAdmin):
    """What behaviours gave."""

    task = Task.MARKETING
    empty_text = gettext_lazy("What the rules give for signing in, paying and joining will stand here.")
    list_display = ("created_at", "user", "rule", "rule_version", "behaviour_key", "points", "chances")
    list_filter = ("rule",)
    search_fields = ("=user__id", "behaviour_key")
    ordering = ("-id",)


@admin.register(SignIn)
class SignInAdmin(ReadOnlyAdmin):
    """Daily sign-ins."""

    task = Task.MARKETING
    empty_text = gettext_lazy("Who signs in on the welfare page will stand here, day by day.")
    list_display = ("local_day", "user", "streak")
    search_fields = ("=user__id",)
    ordering = ("-id",)


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
    task = Task.MARKETING
    empty_text = gettext_lazy("Nothing that members do is rewarded yet. Add a rule: what for, and how much.")
    list_display = ("title", "behaviour", "points", "points_per_yuan", "chances", "activity", "version", "is_active")
    list_filter = ("behaviour", "is_active")
    ordering = ("behaviour", "code")

    def save_model(self, request: HttpRequest, obj: RebateRule, form: Any, change: bool) -> None:
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
