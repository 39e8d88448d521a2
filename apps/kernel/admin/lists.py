"""A list that counts nothing: it reads its page and one row more, which says whether there is a next one."""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import Model, Q, QuerySet, UUIDField
from django.http import HttpRequest

R = TypeVar("R", bound=Model)

# Whoever wants to see more filters; an offset is the slower the further it reaches.
_LAST_PAGE = 1000


class UncountedList(ChangeList):
    """Django's list without its counts. `result_count` is how many rows stand on this page."""

    previous_page: str = ""
    next_page: str = ""

    def get_filters_params(self, params: Any = None) -> Any:
        """What the address filters by. Raises IncorrectLookupParameters for NUL, which PostgreSQL takes in no text."""
        asked = super().get_filters_params(params)
        if any("\0" in value for values in asked.values() for value in values):
            raise IncorrectLookupParameters
        return asked

    def get_results(self, request: HttpRequest) -> None:
        """Read this page. Raises IncorrectLookupParameters for one that is not there, which leads to the first."""
        if not 1 <= self.page_num <= _LAST_PAGE:
            raise IncorrectLookupParameters
        first = (self.page_num - 1) * self.list_per_page
        rows = list(self.queryset[first : first + self.list_per_page + 1])
        if first and not rows:
            raise IncorrectLookupParameters
        shown = rows[: self.list_per_page]
        if first:
            self.previous_page = self.get_query_string({PAGE_VAR: self.page_num - 1})
        if len(rows) > len(shown):
            self.next_page = self.get_query_string({PAGE_VAR: self.page_num + 1})
        _prepare(self.list_display, shown)
        self.result_list: Any = shown
        self.result_count = len(shown)
        self.full_result_count = None
        self.show_admin_actions = True
        # Django's own pages and "show all" would count.
        self.can_show_all = self.multi_page = self.show_full_result_count = False


def _prepare(columns: Iterable[Any], rows: list[Any]) -> None:
    """Let columns read what they need for the whole page at once."""
    for column in columns:
        if prepare := getattr(column, "prepare", None):
            prepare(rows)


def ids_among(model: type[Model], search_fields: Iterable[str]) -> set[str]:
    """Those of an admin's search fields ("=user__id") that are ids."""
    paths = {name: name.removeprefix("=") for name in search_fields if name.startswith("=")}
    return {name for name, path in paths.items() if isinstance(get_fields_from_path(model, path)[-1], UUIDField)}


def found_in(rows: QuerySet[R], search_fields: Iterable[str], term: str) -> QuerySet[R]:
    """The rows in which each word of the term is an id of theirs, or stands in another of the fields."""
    ids = ids_among(rows.model, search_fields)
    for word in term.split():
        key = _id_or_none(word)
        asked: list[Any] = [(name.removeprefix("="), key) for name in ids if key is not None]
        for name in set(search_fields) - ids:
            asked.append((f"{name.removeprefix('=')}__{'iexact' if name.startswith('=') else 'icontains'}", word))
        rows = rows.filter(Q.create(asked, connector=Q.OR)) if asked else rows.none()
    return rows


def _id_or_none(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None
