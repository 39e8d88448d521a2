"""The bases of every page of the admin: it shows what its columns are, and answers about nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel.admin import columns
from apps.kernel.admin.lists import UncountedList, found_in, ids_among
from apps.kernel.admin.navigation import Task
from apps.kernel.admin.reasons import ON_ITS_PAGE, check_is_seen, may_offer
from apps.kernel.admin.timelines import timeline_of
from apps.kernel.admin.words import InWords
from apps.kernel.errors import DomainError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# How the view tells the form what a service refused; an attribute of the request.
_REFUSAL = "operator_refusal"


class OperatorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The base of every page of the admin: it answers questions about what it shows, and about nothing else."""

    # Where it stands in the navigation; what operators come for most is first there.
    task: ClassVar[Task] = Task.SYSTEM
    is_first: ClassVar[bool] = False
    # Columns that are states, and the tone of each; columns that name somebody ("staff:<id>"), or whose row does:
    # "account.owner".
    badges: ClassVar[Mapping[str, Mapping[Any, str]]] = {}
    actors: ClassVar[tuple[str, ...]] = ()
    # Codes in words, for columns that know no choices: `get(code)`.
    words: ClassVar[Mapping[str, Any]] = {}
    # Columns that are amounts of an asset, and the path to its column: "account.asset".
    amounts: ClassVar[tuple[str, ...]] = ()
    asset: ClassVar[str] = ""
    # What a list without rows says: what will stand here, and where it comes from.
    empty_text: ClassVar[StrOrPromise] = gettext_lazy("Nothing has happened here yet.")
    # Which field of the form a refusal is about; one that is about none stands above the form.
    refused_fields: ClassVar[Mapping[type[DomainError], str]] = {}

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    empty_value_display = columns.EMPTY

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, under its own name."""
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[UncountedList]:
        """A list that counts nothing."""
        return UncountedList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The columns as operators read them."""
        return columns.in_a_list(self, self.list_display, request)

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Chips say what their column says."""
        return [(name, InWords) if name in self.words else name for name in self.list_filter]

    def get_list_select_related(self, request: HttpRequest) -> Any:
        """Every other row that a column names, and those that the class names, with the rows themselves."""
        named = self.list_select_related if isinstance(self.list_select_related, tuple) else ()
        return sorted({*columns.relations(self.model, self.list_display), *named}) or False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Ids are looked for as ids, by their index: Django would make a text of every row's."""
        if not ids_among(self.model, self.search_fields):
            return super().get_search_results(request, queryset, search_term)
        return found_in(queryset, self.search_fields, search_term), False

    def get_actions(self, request: HttpRequest) -> Any:
        """Only what the operator may do."""
        return {name: act for name, act in super().get_actions(request).items() if act and may_offer(request, act[0])}

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only the page's own filters, by equality, and ids: Django would answer ?password__regex=… too."""
        filtered = {_filtered_by(item) for item in self.get_list_filter(request)}
        related = {field.name for field in self.opts.concrete_fields if field.is_relation}
        asked = {"pk", "id"} | filtered | (related & {str(name) for name in self.list_display})
        allowed = {f"{name}{how}" for name in asked for how in ("", "__exact", "__id", "__id__exact")}
        allowed |= {f"{name}__isnull" for name in filtered}
        allowed |= {f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day")}
        return lookup in allowed

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row, or None; also for a key that PostgreSQL would not even look for."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:  # type: ignore[override]  # stubs of Django 6
        """Carry out an action on the chosen rows; an id of another shape than ours is no row."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        try:
            for pk in chosen:
                self.opts.pk.to_python(pk)
                check_is_seen(pk)
        except ValidationError:
            self.message_user(request, _("There is no such row."), messages.ERROR)
            return None
        answer = super().response_action(request, queryset)
        if ON_ITS_PAGE in request.POST and len(chosen) == 1 and isinstance(answer, HttpResponseRedirect):
            return HttpResponseRedirect(
                reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=chosen)
            )
        return answer

    def render_change_form(  # noqa: PLR0917  # Django's own arguments
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """The page of one row, with the acts that make sense now and what happened to it."""
        if obj is not None:
            acts = self.get_actions(request).items()
            context |= {
                "timeline": timeline_of(request, obj),
                "acts": [(name, text) for name, (act, _name, text) in acts if may_offer(request, act, obj)],
                "checkbox_name": ACTION_CHECKBOX_NAME,
                "on_its_page": ON_ITS_PAGE,
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

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
            setattr(request, _REFUSAL, refusal)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form class, which Django makes anew for every request."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.page, form.refusal = self, getattr(request, _REFUSAL, None)
        return form

    def refused_field(self, refusal: DomainError) -> str | None:
        """Which field a refusal is about: what the page says, or the refusal itself."""
        field = self.refused_fields.get(type(refusal)) or refusal.context.get("field")
        return str(field) if field else None

    def explain(self, refusal: DomainError) -> str:
        """A refusal in the operator's language."""
        return _(refusal.title)


def _filtered_by(item: Any) -> str:
    """What one entry of `list_filter` puts into the address."""
    if isinstance(item, type):
        return str(getattr(item, "parameter_name", ""))
    return str(item[0] if isinstance(item, tuple) else item)


class ReadOnlyAdmin(OperatorAdmin):
    """Operators look; nothing is added, changed or deleted here. What may be done is an action with a reason.

    A row's page says what it is, what happened to it, and what can be done about it now.
    """

    actions: Any = None
    change_form_template = "admin/detail.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: rows change through services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def render_change_form(  # noqa: PLR0917  # Django's own arguments
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """The facts instead of a form."""
        if obj is not None:
            context |= {"title": capfirst(str(self.opts.verbose_name)), "facts": self._facts(request, obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _facts(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        names = flatten_fieldsets(self.get_fieldsets(request, obj))
        shown = columns.on_its_page(self, names, request)
        facts = []
        for name in shown:
            write: Callable[[Any], Any] = getattr(self, name) if isinstance(name, str) else name
            if prepare := getattr(write, "prepare", None):
                prepare([obj])
            facts.append((str(label_for_field(name, self.model, self)), write(obj)))
        return facts
