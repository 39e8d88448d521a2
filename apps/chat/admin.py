"""Operators' view of chat: configuration through services; jobs and conversations without a word of their text."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import services
from apps.chat.contracts import Policy
from apps.chat.models import Channel, ChatModel, ChatPolicy, Conversation, Entitlement, Generation
from apps.kernel import clock
from apps.kernel.admin import ReadOnlyAdmin, actor


class _ReasonForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A change, and why."""

    reason = forms.CharField(max_length=300, min_length=3, label=gettext_lazy("Reason"))


class ChannelForm(_ReasonForm):
    """A channel; its key goes in and is never shown again."""

    api_key = forms.CharField(
        required=False,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        label=gettext_lazy("API key"),
        help_text=gettext_lazy("Stored encrypted and never shown. Leave empty to keep the present one."),
    )

    class Meta:
        model = Channel
        fields = ("code", "kind", "base_url", "is_enabled")

    def clean(self) -> dict[str, Any]:
        """A new channel needs a key."""
        cleaned = super().clean() or self.cleaned_data
        if self.instance._state.adding and not cleaned.get("api_key"):
            raise ValidationError({"api_key": _("A new channel needs its key.")})
        return cleaned


class ModelForm(_ReasonForm):
    """A model, its price and its limits."""

    class Meta:
        model = ChatModel
        fields = (
            "code",
            "name",
            "channel",
            "upstream_name",
            "price_milli",
            "context_tokens",
            "max_output_tokens",
            "is_in_free_allowance",
            "needs_entitlement",
            "is_enabled",
            "sort",
        )


class PolicyForm(_ReasonForm):
    """The limits for everybody."""

    class Meta:
        model = ChatPolicy
        fields = ("free_per_day", "max_running", "max_message_chars")


class _ConfigurationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Saved through services, with a reason; never deleted, because history points here."""

    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: switch it off instead."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """The code is the name for programs and stays."""
        return ("code",) if obj is not None and hasattr(obj, "code") else ()


@admin.register(Channel)
class ChannelAdmin(_ConfigurationAdmin):
    """Upstream accounts."""

    form = ChannelForm
    list_display = ("code", "kind", "base_url", "is_enabled", "updated_at")

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save through the service, which seals the key and records who, what and why."""
        services.save_channel(
            code=obj.code,
            kind=obj.kind,  # type: ignore[arg-type]  # a choice of ChannelKind
            base_url=obj.base_url,
            api_key=form.cleaned_data["api_key"] or None,
            is_enabled=obj.is_enabled,
            actor=actor(request),
            reason=form.cleaned_data["reason"],
            now=clock.now(),
        )
        obj.pk = Channel.objects.get(code=obj.code).pk


@admin.register(ChatModel)
class ChatModelAdmin(_ConfigurationAdmin):
    """The models on offer. The audit trail is their price history."""

    form = ModelForm
    list_display = ("name", "code", "channel", "price_milli", "needs_entitlement", "is_enabled", "sort")
    list_filter = ("is_enabled", "channel")
    list_select_related = ("channel",)
    ordering = ("sort", "code")

    def save_model(self, request: HttpRequest, obj: ChatModel, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save through the service, which records who, what and why."""
        values = {name: getattr(obj, name) for name in ModelForm.Meta.fields if name != "channel"}
        services.save_model(
            **values,
            channel_code=obj.channel.code,
            actor=actor(request),
            reason=form.cleaned_data["reason"],
            now=clock.now(),
        )
        obj.pk = ChatModel.objects.get(code=obj.code).pk


@admin.register(ChatPolicy)
class ChatPolicyAdmin(_ConfigurationAdmin):
    """The one row of limits."""

    form = PolicyForm
    list_display = ("free_per_day", "max_running", "max_message_chars", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Once."""
        return super().has_add_permission(request) and not ChatPolicy.objects.exists()

    def save_model(self, request: HttpRequest, obj: ChatPolicy, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save through the service, which records who, what and why."""
        services.save_policy(
            policy=Policy(**{name: getattr(obj, name) for name in PolicyForm.Meta.fields}),
            actor=actor(request),
            reason=form.cleaned_data["reason"],
            now=clock.now(),
        )
        obj.pk = 1


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """Jobs: what they cost and how they ended, not what they said."""

    list_display = ("created_at", "user", "model", "state", "paid_by", "charged_milli", "error_code", "settled_at")
    list_filter = ("state", "paid_by", "model")
    list_select_related = ("user", "model")
    search_fields = ("=id", "=user__id")
    exclude = ("message", "lease_token")


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """That a conversation exists, not what it is about."""

    list_display = ("created_at", "user", "updated_at", "archived_at", "deleted_at")
    list_select_related = ("user",)
    search_fields = ("=id", "=user__id")
    fields = ("user", "created_at", "updated_at", "archived_at", "deleted_at")


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnlyAdmin):
    """Who may use which model, and what gave them the right."""

    list_display = ("created_at", "user", "model", "cause_type", "cause_id")
    list_filter = ("model",)
    list_select_related = ("user", "model")
    search_fields = ("=user__id",)
