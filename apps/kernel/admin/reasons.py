"""Acts of operators: each asks for a reason, calls a service, and shows its refusal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel.admin.moments import name_boxes
from apps.kernel.characters import JOINER, is_unseen, show_something
from apps.kernel.errors import DomainError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Act = Callable[..., None]
# In a request: the act was asked for on the row's own page, which is where it ends.
ON_ITS_PAGE = "on_its_page"
_OUR_YEARS = range(2000, 3000)


def actor(request: HttpRequest) -> str:
    """How the audit trail names the operator."""
    return f"staff:{request.user.pk}"


def check_is_seen(text: object) -> None:
    """Raise ValidationError for signs that hide, reverse or command; and unless anything of a text can be seen.

    A validator, for all that operators write: others read it in lists, on the trail and in the shop.
    """
    if isinstance(text, str) and (any(is_unseen(sign) and sign != JOINER for sign in text) or not show_something(text)):
        raise forms.ValidationError(_("This holds signs that nobody can see. Write it again without them."))


def check_is_of_our_time(moment: object) -> None:
    """Raise ValidationError for a moment of another age: its day may lie in a year that PostgreSQL has and Python has
    not, and then the row could never be read again.
    """
    if isinstance(moment, datetime) and moment.year not in _OUR_YEARS:
        raise forms.ValidationError(_("Write a year from 2000 to 2999."))


class SeenForm(forms.BaseForm):
    """What operators write into this form can be seen, and happens in our time; secrets have their own rules."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            if isinstance(field, forms.CharField) and not isinstance(field.widget, forms.PasswordInput):
                field.validators = [*field.validators, check_is_seen]
            elif isinstance(field, forms.DateTimeField | forms.SplitDateTimeField):
                field.validators = [*field.validators, check_is_of_our_time]


class ReasonForm(SeenForm, forms.Form):
    """Why the operator does it."""

    reason = forms.CharField(max_length=300, min_length=2, strip=True, label=gettext_lazy("Reason"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        name_boxes(self.fields)


def reason_action(
    *,
    description: StrOrPromise,
    permission: str,
    form: type[ReasonForm] = ReasonForm,
    when: Callable[[Any], bool] = lambda row: True,
) -> Callable[[Act], Callable[..., HttpResponse | None]]:
    """Turn `act(self, request, queryset, reason)` into an admin action that first asks why.

    A `form` with more fields than the reason gives them to `act` by name. `permission` is "<app>.<codename>", asked
    of the operator. `when` says of a row whether the act makes sense now: its page offers it then; the service decides.
    A DomainError becomes a message.
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
            except DomainError as refusal:
                self.message_user(request, f"{_(refusal.title)} ({refusal.code})", messages.ERROR)
            return None

        run.permission = permission  # type: ignore[attr-defined]  # what may_offer() asks
        run.when = when  # type: ignore[attr-defined]
        return run

    return decorate


def may_offer(request: HttpRequest, act: Callable[..., Any], row: Any = None) -> bool:
    """Whether the operator may do this, and, with a row, whether it makes sense for the row now."""
    permission = getattr(act, "permission", None)
    if permission is not None and not request.user.has_perm(permission):
        return False
    return row is None or bool(getattr(act, "when", lambda row: True)(row))


def _ask(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any], form: forms.Form, title: str) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.model._meta,
        "form": form,
        "rows": queryset,
        "action": request.POST["action"],
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "on_its_page": ON_ITS_PAGE if ON_ITS_PAGE in request.POST else "",
    }
    return TemplateResponse(request, "admin/reason.html", context)
