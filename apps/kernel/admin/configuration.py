"""Pages of configuration: a reason on every form, no deletion, keys that stay, refusals where they were caused."""

from typing import Any, ClassVar

from django import forms
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import clock, offers
from apps.kernel.admin.bases import OperatorAdmin
from apps.kernel.admin.moments import name_boxes
from apps.kernel.admin.reasons import SeenForm, actor
from apps.kernel.errors import DomainError


class ReasonedForm(SeenForm, forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A change, and why."""

    reason = forms.CharField(max_length=300, min_length=2, label=gettext_lazy("Reason"))
    # The version of the row that the operator was shown; it can only refuse.
    seen = forms.CharField(widget=forms.HiddenInput, required=False, label=gettext_lazy("version that was shown"))
    # Whose form it is, and what the service said to this very form.
    page: OperatorAdmin
    refusal: DomainError | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._present = offers.version_of(**{name: str(value) for name, value in self.initial.items()})
        self.initial["seen"] = self._present
        name_boxes(self.fields)

    def clean(self) -> dict[str, Any]:
        """Show what the service refused; and save nothing over what somebody else has saved since."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("seen") not in (None, "", self._present):
            raise forms.ValidationError(_("Somebody has changed this meanwhile. Open it again to see what it is now."))
        if self.refusal:
            self.refuse(self.refusal)
        return cleaned

    def refuse(self, refusal: DomainError) -> None:
        """Show a refusal, in the page's words and with its code, at the field that it is about."""
        field = self.page.refused_field(refusal)
        self.add_error(field if field in self.fields else None, f"{self.page.explain(refusal)} ({refusal.code})")


class ConfigurationAdmin(OperatorAdmin):
    """Saved through services, with a reason; never deleted, because history points here."""

    form = ReasonedForm
    # What names the row for programs, and stays.
    key_fields: ClassVar[tuple[str, ...]] = ("code",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: switch it off instead."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """The key of an existing row."""
        return self.key_fields if obj is not None else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What names the row first, the reason last; with the hidden one that says what was shown, where there is
        something to change.
        """
        named: list[Any] = list(super().get_fields(request, obj))
        fields = [name for name in self.key_fields if name in named]
        fields += [name for name in named if name not in {*fields, "reason", "seen"}]
        fields += [name for name in named if name == "reason"]
        return [*fields, "seen"] if obj is not None and self.has_change_permission(request, obj) else fields

    def said(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        """Who, why and when, as the services want it."""
        return {"actor": actor(request), "reason": form.cleaned_data["reason"], "now": clock.now()}
