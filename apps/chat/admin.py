"""Operators' view of chat: configuration through services; jobs and conversations without a word of their text."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import errors, services
from apps.chat.contracts import QUOTA, GenerationState, Policy
from apps.chat.models import Channel, ChatModel, ChatPolicy, ChatRule, Conversation, Entitlement, Generation, Route
from apps.chat.registries import RULES
from apps.kernel import clock
from apps.kernel.admin import (
    SHOWN,
    ConfigurationAdmin,
    Happening,
    ReadOnlyAdmin,
    ReasonedForm,
    Task,
    name_asset,
    tell,
)
from apps.kernel.errors import DomainError
from apps.kernel.templatetags.units import credit_number


class ChannelForm(ReasonedForm):
    """A channel; its key goes in and is never shown again."""

    api_key = forms.CharField(
        required=False,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        label=gettext_lazy("API key"),
        help_text=gettext_lazy(
            "Stored encrypted and never shown. Leave empty to keep the present one, "
            "while calls go to the same host and proxy."
        ),
    )

    class Meta:
        model = Channel
        fields = ("code", "kind", "base_url", "proxy_url", "is_enabled")
        help_texts: ClassVar = {
            "proxy_url": gettext_lazy(
                "Empty: calls go out directly, whatever the machine's environment says. Otherwise http:// or https://, "
                "without a password; not for a channel on this machine, and no SOCKS."
            )
        }


_NEEDED = {
    "api_key": gettext_lazy("A channel needs its key: letters, digits and signs, without spaces."),
    "base_url": gettext_lazy("Calls cannot use this address."),
    "proxy_url": gettext_lazy("Calls cannot use this address."),
}


class ModelForm(ReasonedForm):
    """A model, its price and its limits."""

    price_milli = forms.IntegerField(
        min_value=1, max_value=2**31 - 1, label=gettext_lazy("price (thousandths of a credit)")
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        if (model := options.get("instance")) is not None:
            options["initial"] = {"price_milli": model.price_milli, **(options.get("initial") or {})}
        super().__init__(*args, **options)

    class Meta:
        model = ChatModel
        fields = (
            "code",
            "name",
            "context_tokens",
            "max_output_tokens",
            "is_in_free_allowance",
            "needs_entitlement",
            "is_enabled",
            "sort",
        )


class RouteForm(ReasonedForm):
    """Which channel serves a model, under which name, and when it is asked."""

    class Meta:
        model = Route
        fields = ("model", "channel", "upstream_name", "priority", "weight", "is_enabled")
        help_texts: ClassVar = {
            "upstream_name": gettext_lazy("What the channel calls this model."),
            "priority": gettext_lazy("The smallest is asked first; the others when it cannot answer."),
            "weight": gettext_lazy(
                "Its share of the questions among routes of the same priority: 3 beside 1 gets three of four."
            ),
        }


class PolicyForm(ReasonedForm):
    """The limits for everybody."""

    class Meta:
        model = ChatPolicy
        fields = ("free_per_day", "max_running", "max_unpaid_per_day", "max_message_chars")


def _rights(request: HttpRequest, member: Any) -> Iterable[Happening]:
    for right in Entitlement.objects.filter(user=member).select_related("model").order_by("-pk")[:SHOWN]:
        yield Happening(at=right.created_at, title=_("May use %(model)s") % {"model": right.model.name})


tell("accounts.user", "chat.view_entitlement", _rights)
name_asset(QUOTA, gettext_lazy("Chat quota"), credit_number)


@admin.register(Channel)
class ChannelAdmin(ConfigurationAdmin):
    """Upstream accounts."""

    task = Task.CHAT
    form = ChannelForm
    empty_text = gettext_lazy("Nobody can answer yet. Add a channel: the address of an upstream account and its key.")
    list_display = ("code", "kind", "base_url", "is_enabled", "updated_at")
    refused_fields: ClassVar = {errors.ChannelKeyNeeded: "api_key"}

    def explain(self, refusal: DomainError) -> str:
        """What the named field has to be."""
        if isinstance(refusal, errors.ConfigurationNotValid):
            return str(_NEEDED.get(str(refusal.context["field"]), _(refusal.title)))
        return super().explain(refusal)

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Save through the service, which seals the key and records who, what and why."""
        services.save_channel(
            code=obj.code,
            kind=obj.kind,
            base_url=obj.base_url,
            proxy_url=obj.proxy_url,
            api_key=form.cleaned_data["api_key"] or None,
            is_enabled=obj.is_enabled,
            **self.said(request, form),
        )
        obj.pk = Channel.objects.get(code=obj.code).pk


@admin.register(ChatModel)
class ChatModelAdmin(ConfigurationAdmin):
    """The models on offer. The audit trail is their price history."""

    task = Task.CHAT
    form = ModelForm
    empty_text = gettext_lazy(
        "There is nothing to talk to yet. Add a channel first, then a model, then the route from one to the other."
    )
    list_display = ("name", "code", "served_by", "price_now", "needs_entitlement", "is_enabled", "sort")
    list_filter = ("is_enabled",)
    list_select_related = ("price",)
    ordering = ("sort", "code")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatModel]:
        """With the routes, which a column names."""
        return super().get_queryset(request).prefetch_related("routes__channel")

    @admin.display(description=gettext_lazy("channels"))
    def served_by(self, model: ChatModel) -> str:
        """The channels that it is asked at, first choice first; nobody is offered a model without one."""
        routes = sorted(model.routes.all(), key=lambda route: (route.priority, route.channel.code))
        return ", ".join(route.channel.code for route in routes if route.is_enabled) or _("none yet")

    @admin.display(description=gettext_lazy("price (thousandths of a credit)"))
    def price_now(self, model: ChatModel) -> int:
        """What an answer costs now."""
        return model.price_milli

    def save_model(self, request: HttpRequest, obj: ChatModel, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        values = {name: getattr(obj, name) for name in ModelForm.Meta.fields}
        services.save_model(**values, price_milli=form.cleaned_data["price_milli"], **self.said(request, form))
        obj.pk = ChatModel.objects.get(code=obj.code).pk


@admin.register(Route)
class RouteAdmin(ConfigurationAdmin):
    """Which channels serve which models."""

    task = Task.CHAT
    form = RouteForm
    key_fields = ("model", "channel")
    empty_text = gettext_lazy("No model is served yet. Add a channel and a model, then the route between them.")
    list_display = ("model", "channel", "upstream_name", "priority", "weight", "is_enabled", "updated_at")
    list_filter = ("is_enabled", "channel", "model")
    list_select_related = ("model", "channel")
    ordering = ("model__sort", "model__code", "priority", "-weight")

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        values = {name: getattr(obj, name) for name in ("upstream_name", "priority", "weight", "is_enabled")}
        services.save_route(
            model_code=obj.model.code, channel_code=obj.channel.code, **values, **self.said(request, form)
        )
        obj.pk = Route.objects.get(model=obj.model, channel=obj.channel).pk


@admin.register(ChatPolicy)
class ChatPolicyAdmin(ConfigurationAdmin):
    """The one row of limits."""

    task = Task.CHAT
    form = PolicyForm
    key_fields = ()
    list_display = ("free_per_day", "max_running", "max_unpaid_per_day", "max_message_chars", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Once."""
        return super().has_add_permission(request) and not ChatPolicy.objects.exists()

    def save_model(self, request: HttpRequest, obj: ChatPolicy, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        services.save_policy(
            policy=Policy(**{name: getattr(obj, name) for name in PolicyForm.Meta.fields}),
            **self.said(request, form),
        )
        obj.pk = 1


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
    list_display = ("number", "code", "is_on", "purpose", "refused_today", "refused", "updated_at")
    list_display_links = ("code",)

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


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """Jobs: what they cost and how they ended, not what they said."""

    task = Task.CHAT
    badges: ClassVar = {
        "state": {
            GenerationState.RUNNING: "jade",
            GenerationState.FINISHED: "ok",
            GenerationState.FAILED: "bad",
            GenerationState.INTERRUPTED: "warn",
        }
    }
    empty_text = gettext_lazy("Every answer will stand here with what it cost, without a word of it.")
    list_display = ("created_at", "user", "model", "state", "paid_by", "charged_milli", "error_code", "settled_at")
    list_filter = ("state", "paid_by", "model")
    search_fields = ("=id", "=user__id")
    exclude = ("message", "lease_token", "request", "text", "reasoning")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        """Without the texts, which nobody here reads."""
        return super().get_queryset(request).defer("request", "text", "reasoning")


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """That a conversation exists, not what it is about."""

    task = Task.CHAT
    empty_text = gettext_lazy("Conversations will stand here without a word of them.")
    list_display = ("created_at", "user", "updated_at", "archived_at", "deleted_at")
    search_fields = ("=id", "=user__id")
    fields = ("user", "created_at", "updated_at", "archived_at", "deleted_at")


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnlyAdmin):
    """Who may use which model, and what gave them the right."""

    task = Task.CHAT
    empty_text = gettext_lazy("Models that need a right are bought or won; who has which stands here then.")
    list_display = ("created_at", "user", "model", "cause_type", "cause_id", "days", "ends_at")
    list_filter = ("model",)
    search_fields = ("=user__id",)
