"""The rules that a question passes, and the networks that one of them holds back."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import services
from apps.chat.models import BlockedNetwork, ChatRule
from apps.chat.registries import RULES
from apps.kernel import clock
from apps.kernel.admin import (
    ConfigurationAdmin,
    ReasonedForm,
    Task,
)


class RuleForm(ReasonedForm):
    """Whether a rule is asked, and where it stands."""

    class Meta:
        model = ChatRule
        fields = ("code", "is_on", "place")
        help_texts: ClassVar = {
            "place": gettext_lazy("The lowest is asked first; as the site is built they stand at 10, 20, 30 …"),
        }


@admin.register(ChatRule)
class ChatRuleAdmin(ConfigurationAdmin):
    """The rules that a question passes, in the order in which they are asked, and what each has refused."""

    task = Task.CHAT
    form = RuleForm
    badges: ClassVar = {"is_on": {True: "ok", False: "warn"}}
    list_display = ("code", "number", "is_on", "purpose", "refused_today", "refused", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: rules are written in code."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """All registered rules, also those that nobody has changed."""
        services.ensure_rules(now=clock.now())
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatRule]:
        """Those that are registered, in the order in which they are asked."""
        standings = services.rule_standings(now=clock.now())
        numbers = {
            f"its_{name}": Case(*(When(code=said.code, then=getattr(said, name)) for said in standings))
            for name in ("number", "refused_today", "refused")
        }
        rules: Any = super().get_queryset(request).annotate(**numbers)
        known: QuerySet[ChatRule] = rules.filter(its_number__isnull=False).order_by("its_number")
        return known

    @admin.display(description=gettext_lazy("asked as"))
    def number(self, rule: Any) -> int:
        """Where it is asked."""
        return int(rule.its_number)

    @admin.display(description=gettext_lazy("What it asks"))
    def purpose(self, rule: ChatRule) -> str:
        """What the rule says of itself."""
        return _(RULES[rule.code].purpose)

    @admin.display(description=gettext_lazy("refused today"))
    def refused_today(self, rule: Any) -> int:
        """How many questions of this day."""
        return int(rule.its_refused_today)

    @admin.display(description=gettext_lazy("refused ever"))
    def refused(self, rule: Any) -> int:
        """How many questions ever."""
        return int(rule.its_refused)

    def save_model(self, request: HttpRequest, obj: ChatRule, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        services.save_rule(code=obj.code, is_on=obj.is_on, place=obj.place, **self.said(request, form))


class NetworkForm(ReasonedForm):
    """A network, and whether it is held back."""

    class Meta:
        model = BlockedNetwork
        fields = ("network", "note", "is_enabled")
        help_texts: ClassVar = {
            "network": gettext_lazy("As 203.0.113.0/24 or 2001:db8::/32, or one address; no shorter than /8 or /19."),
        }


@admin.register(BlockedNetwork)
class BlockedNetworkAdmin(ConfigurationAdmin):
    """Networks from which nobody asks."""

    task = Task.CHAT
    form = NetworkForm
    key_fields = ("network",)
    badges: ClassVar = {"is_enabled": {True: "warn"}}
    empty_text = gettext_lazy(
        "No network is held back. Who floods chat from many accounts of one network is stopped here."
    )
    list_display = ("network", "note", "is_enabled", "updated_at")

    def save_model(self, request: HttpRequest, obj: BlockedNetwork, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        obj.network = services.save_network(
            network=obj.network, note=obj.note, is_enabled=obj.is_enabled, **self.said(request, form)
        )
        obj.pk = BlockedNetwork.objects.get(network=obj.network).pk
