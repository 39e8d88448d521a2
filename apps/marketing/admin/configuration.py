"""What the admin pages of configuration share: a reason on every form, no deletion, keys that stay."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from apps.kernel import clock
from apps.kernel.admin import actor


class ReasonedForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A change, and why."""

    reason = forms.CharField(max_length=300, min_length=3, label=gettext_lazy("Reason"))


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

    def said(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        """Who, why and when, as the services want it."""
        return {"actor": actor(request), "reason": form.cleaned_data["reason"], "now": clock.now()}
