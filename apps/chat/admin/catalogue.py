"""The models on offer, and the limits for everybody."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat import services
from apps.chat.contracts import Policy
from apps.chat.models import ChatModel, ChatPolicy
from apps.kernel.admin import (
    ConfigurationAdmin,
    ReasonedForm,
    Task,
)


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


class PolicyForm(ReasonedForm):
    """The limits for everybody."""

    class Meta:
        model = ChatPolicy
        fields = ("free_per_day", "max_running", "max_unpaid_per_day", "max_message_chars")


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
