"""What the admin pages of configuration share: a reason on every form, no deletion, keys that stay."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import clock
from apps.kernel.admin import actor
from apps.kernel.errors import DomainError

# How the view tells the form; an attribute of the request.
_REFUSAL = "marketing_refusal"


class ReasonedForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A change, and why."""

    reason = forms.CharField(max_length=300, min_length=3, label=gettext_lazy("Reason"))
    # What the service said to this very form.
    refusal = ""

    def clean(self) -> dict[str, Any]:
        """Show what the service refused."""
        cleaned = super().clean() or self.cleaned_data
        if self.refusal:
            raise forms.ValidationError(self.refusal)
        return cleaned


class ConfigurationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Saved through services, with a reason; never deleted, because history points here."""

    form = ReasonedForm
    show_full_result_count = False
    # What names the row for programs, and stays.
    key_fields: ClassVar[tuple[str, ...]] = ("code",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: switch it off instead."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """The key of an existing row."""
        return self.key_fields if obj is not None else ()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; what the service refuses is one of its errors.

        The form itself does not ask: only the service holds the lock under which the answer stays true.
        """
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as refusal:
            # All is rolled back; the same form goes the same way, and stops at its error.
            setattr(request, _REFUSAL, self.explain(refusal))
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """The form class, which Django makes anew for every request."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, _REFUSAL, "")
        return form

    def explain(self, refusal: DomainError) -> str:
        """A refusal in the operator's language."""
        return _(refusal.title)

    def said(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        """Who, why and when, as the services want it."""
        return {"actor": actor(request), "reason": form.cleaned_data["reason"], "now": clock.now()}
