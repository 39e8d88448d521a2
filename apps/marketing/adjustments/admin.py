"""Giving and taking by hand: a form with a cause and a reason; above the limits, a second person."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel.admin import ConfigurationAdmin, ReasonedForm, Task
from apps.kernel.ids import UserId
from apps.marketing.adjustments import services
from apps.marketing.adjustments.contracts import AdjustedAsset, AdjustmentRequest
from apps.marketing.adjustments.models import Adjustment

# Where save_model tells response_add what came of it; an attribute of the request.
_OUTCOME = "marketing_adjustment"


class AdjustmentForm(ReasonedForm):
    """What is given or taken; the hidden id makes a form sent twice one adjustment.

    It is no field of the model, whose form would refuse the second sending: the service leads it to what the first did.
    """

    form_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4, label=gettext_lazy("request ID"))


@admin.register(Adjustment)
class AdjustmentAdmin(ConfigurationAdmin):
    """Made here, never changed."""

    form = AdjustmentForm
    fields = ("user", "asset", "activity", "amount", "incident", "reason", "form_id")
    key_fields = ()
    raw_id_fields = ("user",)
    task = Task.MARKETING
    actors = ("created_by",)
    amounts = ("amount",)
    asset = "asset"
    empty_text = gettext_lazy("Nobody has been given or taken anything by hand.")
    list_display = ("created_at", "user", "asset", "amount", "incident", "reason", "created_by")
    list_filter = ("asset",)
    search_fields = ("=user__id", "incident")
    ordering = ("-id",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: what was moved is put right by moving it back."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The form, or the whole row."""
        if obj is None:
            return self.fields
        return ("user", "asset", "activity", "amount", "incident", "reason", "created_by", "proposal_id", "created_at")

    def save_model(self, request: HttpRequest, obj: Adjustment, form: Any, change: bool) -> None:
        """Give, take or propose through the service."""
        asked = AdjustmentRequest(
            user_id=UserId(obj.user_id),
            asset=AdjustedAsset(obj.asset),
            activity_id=obj.activity_id,
            amount=obj.amount,
            incident=obj.incident,
            request_id=str(form.cleaned_data["form_id"]),
        )
        outcome = services.adjust(request=asked, **self.said(request, form))
        setattr(request, _OUTCOME, outcome)
        if outcome.adjustment_id is not None:
            obj.pk = outcome.adjustment_id

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's own log names only what is there."""
        return None if getattr(request, _OUTCOME).adjustment_id is None else super().log_addition(request, obj, message)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """To the proposal, when it waits for a second person."""
        if getattr(request, _OUTCOME).adjustment_id is None:
            self.message_user(request, _("This needs a second person. It was proposed, nothing has moved yet."))
            return redirect("admin:kernel_proposal_changelist")
        answer: HttpResponse = super().response_add(request, obj, post_url_continue)
        return answer
