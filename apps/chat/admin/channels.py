"""Channels, and the routes from models to them."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import errors, rules, services
from apps.chat.admin.health import Acts, LastFailures, RunningNow, health_in_words, is_well, keys_in_words
from apps.chat.admin.trials import only_one, show_trials
from apps.chat.admin.usages import CostFields, save_cost
from apps.chat.contracts import Steering
from apps.chat.models import Channel, ChannelKey, Route
from apps.kernel import clock
from apps.kernel.admin import (
    ConfigurationAdmin,
    ReasonedForm,
    Task,
    actor,
    reason_action,
)
from apps.kernel.errors import DomainError


class ChannelForm(ReasonedForm):
    """A channel; its first key goes in and is never shown again."""

    api_key = forms.CharField(
        required=False,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        label=gettext_lazy("API key"),
        help_text=gettext_lazy(
            "Stored encrypted and never shown. Leave empty to keep the present ones, "
            "while calls go to the same host and proxy. More keys: see channel keys."
        ),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in rules.CHANNEL_LIMITS:
            # Left empty: the usual value.
            self.fields[name].required = False

    class Meta:
        model = Channel
        fields = ("code", "kind", "base_url", "proxy_url", "is_enabled", "is_forced", *rules.CHANNEL_LIMITS)
        help_texts: ClassVar = {
            "is_forced": gettext_lazy("Asked whatever its failures: it is never left alone."),
            "max_running": gettext_lazy("In each engine process; more wait, or go to another channel."),
            "first_word_ms": gettext_lazy("To the first word or thought, whatever else is heard."),
            "silence_ms": gettext_lazy("Between two lines of an answer, and before the first."),
            "proxy_url": gettext_lazy(
                "Empty: calls go out directly, whatever the machine's environment says. Otherwise http:// or https://, "
                "without a password; not for a channel on this machine, and no SOCKS."
            ),
        }


_NEEDED = {
    **dict.fromkeys(rules.CHANNEL_LIMITS, gettext_lazy("From 100 to 600,000 milliseconds; 1 to 240 answers.")),
    "api_key": gettext_lazy("A channel needs its key: letters, digits and signs, without spaces."),
    "base_url": gettext_lazy("Calls cannot use this address."),
    "proxy_url": gettext_lazy("Calls cannot use this address."),
}


class ChannelKeyForm(ReasonedForm):
    """One more key of a channel."""

    api_key = forms.CharField(
        required=False,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        label=gettext_lazy("API key"),
        help_text=gettext_lazy("Stored encrypted and never shown. Leave empty to keep the present one."),
    )

    class Meta:
        model = ChannelKey
        fields = ("channel", "name", "is_enabled")
        help_texts: ClassVar = {
            "name": gettext_lazy("For people: whose account, which limit. The keys of a channel take turns."),
        }


class RouteForm(CostFields, ReasonedForm):
    """Which channel serves a model, under which name, when it is asked, and what it costs us."""

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


@admin.register(Channel)
class ChannelAdmin(ConfigurationAdmin):
    """Upstream accounts: how each does, and what can be done about it, on one page."""

    task = Task.CHAT
    form = ChannelForm
    empty_text = gettext_lazy("Nobody can answer yet. Add a channel: the address of an upstream account and its key.")
    change_list_template = "admin/chat/channel/change_list.html"
    list_display = ("code", "kind", "health_now", "keys_now")
    list_filter = ("is_enabled",)
    ordering = ("code",)
    actions = ("try_it", "force_on", "force_off", "automatic")
    refused_fields: ClassVar = {errors.ChannelKeyNeeded: "api_key"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """With its health and keys, which columns tell."""
        return super().get_queryset(request).select_related("health").prefetch_related("keys")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, whose template makes a form for the buttons of each row."""
        return super().changelist_view(request, {"checkbox_name": ACTION_CHECKBOX_NAME, **(extra_context or {})})

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """With what happened lately, which is read once for all rows."""
        return [*super().get_list_display(request), RunningNow(), LastFailures(request), Acts(self, request)]

    @admin.display(description=gettext_lazy("health"))
    def health_now(self, channel: Channel) -> Any:
        """How it does, as all engines know it."""
        return health_in_words(channel)

    @admin.display(description=gettext_lazy("keys"))
    def keys_now(self, channel: Channel) -> Any:
        """Each of its keys, and until when it sleeps."""
        return keys_in_words(channel)

    @reason_action(description=gettext_lazy("Test"), permission="chat.change_channel")
    def try_it(self, request: HttpRequest, queryset: QuerySet[Channel], reason: str) -> None:
        """Ask the chosen one a tiny question with each of its keys, and show what came."""
        channel = only_one(queryset)
        tried = services.try_channel(channel_id=channel, actor=actor(request), reason=reason, now=clock.now())
        show_trials(self, request, tried)

    @reason_action(
        description=gettext_lazy("Force on"),
        permission="chat.change_channel",
        when=lambda row: not (row.is_forced and row.is_enabled),
    )
    def force_on(self, request: HttpRequest, queryset: QuerySet[Channel], reason: str) -> None:
        """Ask it whatever its failures."""
        self._steer(request, queryset, reason, to=Steering.ON)

    @reason_action(
        description=gettext_lazy("Force off"), permission="chat.change_channel", when=lambda row: row.is_enabled
    )
    def force_off(self, request: HttpRequest, queryset: QuerySet[Channel], reason: str) -> None:
        """Ask it no more."""
        self._steer(request, queryset, reason, to=Steering.OFF)

    @reason_action(
        description=gettext_lazy("Automatic"),
        permission="chat.change_channel",
        when=lambda row: not row.is_enabled or row.is_forced or not is_well(row),
    )
    def automatic(self, request: HttpRequest, queryset: QuerySet[Channel], reason: str) -> None:
        """Ask it by its health; what failed so far is forgotten."""
        self._steer(request, queryset, reason, to=Steering.AUTOMATIC)

    def _steer(self, request: HttpRequest, channels: QuerySet[Channel], reason: str, *, to: Steering) -> None:
        for channel_id in channels.values_list("pk", flat=True):
            services.steer_channel(channel_id=channel_id, to=to, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))

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
            is_forced=obj.is_forced,
            limits={name: value for name in rules.CHANNEL_LIMITS if (value := getattr(obj, name)) is not None},
            **self.said(request, form),
        )
        obj.pk = Channel.objects.get(code=obj.code).pk


@admin.register(ChannelKey)
class ChannelKeyAdmin(ConfigurationAdmin):
    """The keys of channels. One that its provider refuses sleeps for an hour, or until it is saved again."""

    task = Task.CHAT
    form = ChannelKeyForm
    key_fields = ("channel", "name")
    empty_text = gettext_lazy("A channel's first key is entered with it. Its other keys stand here.")
    list_display = ("channel", "name", "masked", "is_enabled", "sleeps_until", "sleep_reason", "updated_at")
    list_filter = ("channel", "is_enabled")
    list_select_related = ("channel",)
    ordering = ("channel__code", "name")
    actions = ("try_it", "wake")

    @reason_action(description=gettext_lazy("Test"), permission="chat.change_channelkey")
    def try_it(self, request: HttpRequest, queryset: QuerySet[ChannelKey], reason: str) -> None:
        """Ask its channel a tiny question with this key, and show what came."""
        key = ChannelKey.objects.get(pk=only_one(queryset))
        tried = services.try_channel(
            channel_id=key.channel_id, key_id=key.pk, actor=actor(request), reason=reason, now=clock.now()
        )
        show_trials(self, request, tried)

    @reason_action(
        description=gettext_lazy("Wake"),
        permission="chat.change_channelkey",
        when=lambda row: row.sleeps_until is not None and row.sleeps_until > clock.now(),
    )
    def wake(self, request: HttpRequest, queryset: QuerySet[ChannelKey], reason: str) -> None:
        """Use the chosen keys again."""
        for key_id in queryset.values_list("pk", flat=True):
            services.wake_key(key_id=key_id, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))

    @admin.display(description=gettext_lazy("ends in"))
    def masked(self, key: ChannelKey) -> str:
        """What is shown of it."""
        return f"…{key.hint}" if key.api_key_sealed else _("needs to be entered again")

    def explain(self, refusal: DomainError) -> str:
        """What the named field has to be."""
        if isinstance(refusal, errors.ConfigurationNotValid):
            return str(_NEEDED.get(str(refusal.context["field"]), _(refusal.title)))
        return super().explain(refusal)

    def save_model(self, request: HttpRequest, obj: ChannelKey, form: Any, change: bool) -> None:
        """Save through the service, which seals the key, wakes it, and records who, what and why."""
        services.save_channel_key(
            channel_code=obj.channel.code,
            name=obj.name,
            api_key=form.cleaned_data["api_key"] or None,
            is_enabled=obj.is_enabled,
            **self.said(request, form),
        )
        obj.pk = ChannelKey.objects.get(channel=obj.channel, name=obj.name).pk


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
    actions = ("try_it",)

    @reason_action(description=gettext_lazy("Test"), permission="chat.change_route")
    def try_it(self, request: HttpRequest, queryset: QuerySet[Route], reason: str) -> None:
        """Ask its channel a tiny question for its model, with each key, and show what came."""
        route = Route.objects.get(pk=only_one(queryset))
        tried = services.try_channel(
            channel_id=route.channel_id, route_id=route.pk, actor=actor(request), reason=reason, now=clock.now()
        )
        show_trials(self, request, tried)

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        """Save through the service, which records who, what and why."""
        values = {name: getattr(obj, name) for name in ("upstream_name", "priority", "weight", "is_enabled")}
        services.save_route(
            model_code=obj.model.code, channel_code=obj.channel.code, **values, **self.said(request, form)
        )
        save_cost(obj, form, **self.said(request, form))
        obj.pk = Route.objects.get(model=obj.model, channel=obj.channel).pk
