"""A list that counts nothing: it reads its page and one row more, which says whether there is a next one."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.http import HttpRequest

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
