"""The admin's base: read-only by default, every act through a service with a reason."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import clock, outbox, switches
from apps.kernel.errors import DomainError
from apps.kernel.models import AuditEntry, OutboxDelivery, Switch

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Act = Callable[..., None]


def actor(request: HttpRequest) -> str:
    """How the audit trail names the operator."""
    return f"staff:{request.user.pk}"


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Operators look; nothing is added, changed or deleted here. What may be done is an action with a reason."""

    show_full_result_count = False
    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: rows change through services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


class ReasonForm(forms.Form):
    """Why the operator does it."""

    reason = forms.CharField(max_length=300, min_length=3, strip=True, label=gettext_lazy("Reason"))


def reason_action(
    *, description: StrOrPromise, permission: str, form: type[ReasonForm] = ReasonForm
) -> Callable[[Act], Callable[..., HttpResponse | None]]:
    """Turn `act(self, request, queryset, reason)` into an admin action that first asks why.

    A `form` with more fields than the reason gives them to `act` by name. `permission` is "<app>.<codename>", asked
    of the operator. A DomainError becomes a message.
    """
    form_class = form

    def decorate(act: Act) -> Callable[..., HttpResponse | None]:
        @admin.action(description=description)
        @wraps(act)
        def run(self: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            if not request.user.has_perm(permission):
                self.message_user(request, _("You may not do this."), messages.ERROR)
                return None
            form = form_class(request.POST if "reason" in request.POST else None)
            if not form.is_valid():
                return _ask(self, request, queryset, form, str(description))
            try:
                act(self, request, queryset, **form.cleaned_data)
            except DomainError as error:
                self.message_user(request, f"{_(error.title)} ({error.code})", messages.ERROR)
            return None

        return run

    return decorate


def _ask(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any], form: forms.Form, title: str) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.model._meta,
        "form": form,
        "rows": queryset,
        "action": request.POST["action"],
        "checkbox_name": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/reason.html", context)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, when and why."""

    list_display = ("created_at", "actor", "action", "target_type", "target_id", "reason")
    list_filter = ("action",)
    search_fields = ("target_id", "actor")


@admin.register(OutboxDelivery)
class OutboxDeliveryAdmin(ReadOnlyAdmin):
    """What is on its way between the apps; dead rows can be replayed."""

    list_display = ("created_at", "handler", "state", "attempts", "available_at", "last_error")
    list_filter = ("state", "handler")
    actions = ("replay",)

    @reason_action(description=gettext_lazy("Replay dead deliveries"), permission="kernel.replay_outboxdelivery")
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxDelivery], reason: str) -> None:
        """Give each chosen dead delivery a new start."""
        revived = sum(
            outbox.replay(delivery_id=pk, actor=actor(request), reason=reason, now=clock.now())
            for pk in queryset.values_list("pk", flat=True)
        )
        self.message_user(request, _("%(count)d deliveries will be tried again.") % {"count": revived})


@admin.register(Switch)
class SwitchAdmin(ReadOnlyAdmin):
    """What operators turned off and on; every declared switch has a row here."""

    list_display = ("name", "is_on", "purpose", "updated_at")
    actions = ("turn_on", "turn_off")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Switch]:
        """All declared switches, also those never flipped."""
        switches.ensure_rows(now=clock.now())
        return super().get_queryset(request)

    @admin.display(description=gettext_lazy("What turning it off stops"))
    def purpose(self, row: Switch) -> str:
        """The declared purpose."""
        return str(switches.declared().get(row.name, ""))

    @reason_action(description=gettext_lazy("Turn on"), permission="kernel.flip_switch")
    def turn_on(self, request: HttpRequest, queryset: QuerySet[Switch], reason: str) -> None:
        """Turn the chosen switches on."""
        _flip(request, queryset, reason, is_on=True)

    @reason_action(description=gettext_lazy("Turn off"), permission="kernel.flip_switch")
    def turn_off(self, request: HttpRequest, queryset: QuerySet[Switch], reason: str) -> None:
        """Turn the chosen switches off."""
        _flip(request, queryset, reason, is_on=False)


def _flip(request: HttpRequest, queryset: QuerySet[Switch], reason: str, *, is_on: bool) -> None:
    for name in queryset.values_list("name", flat=True):
        switches.flip(name=name, is_on=is_on, actor=actor(request), reason=reason, now=clock.now())
