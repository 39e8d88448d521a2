"""How rows are written for operators, from the kind of their columns: a list names columns, and what they hold decides.

Money stands in yuan, quota in credits (`…_fen`, `…_milli`), states as badges, other rows by their name, choices in
words, times in the site's zone, numbers to the right.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel.admin.people import id_of, model_of_people, named
from apps.kernel.admin.words import amount_in_words, asset_in_words
from apps.kernel.templatetags.units import credit_number, yuan

EMPTY = "–"
# "price (fen)" is the column; an operator reads "price (yuan)".
_UNIT_OF_A_NAME = re.compile(r"\s*[(（][^()（）]*[)）]$")

_UNITS: tuple[tuple[str, Any, Callable[[int], str]], ...] = (
    ("_fen", gettext_lazy("%(name)s (yuan)"), yuan),
    ("_milli", gettext_lazy("%(name)s (credits)"), credit_number),
)
# An id, or a hash.
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")


class Column:
    """One column of a list. Django calls it with each row, and makes the classes of its cells of its name."""

    def __init__(self, name: str, label: str, write: Callable[[Any], Any], *, classes: str = "") -> None:
        self.__name__ = f"{name} {classes}".strip()
        self.short_description = label
        self.admin_order_field = name
        self._write = write

    def __call__(self, row: Any) -> Any:
        """The cell."""
        return self._write(row)


class _ActorColumn(Column):
    """Who did it, by name: "staff:<id>" says it to programs. One query for a page."""

    def __init__(self, name: str, label: str, request: HttpRequest, *, path: str, links: bool) -> None:
        super().__init__(name, label, self._person)
        self._said, self._request, self._links = attrgetter(path), request, links
        self._names: Mapping[str, str] = {}

    def prepare(self, rows: Iterable[Any]) -> None:
        """Learn the names of everybody on this page."""
        self._names = named(self._said(row) for row in rows)

    def _person(self, row: Any) -> Any:
        said = self._said(row)
        who = id_of(said) if said in self._names and self._links else None
        address = link_to(self._request, model_of_people(), who) if who else ""
        return _linked(self._names.get(said, said) or EMPTY, address)


def in_a_list(page: Any, names: Iterable[Any], request: HttpRequest) -> list[Any]:
    """These columns of the page's model as operators read them; a page's own functions stay what they are.

    The first is Django's link to the row's page, and holds no other.
    """
    return [_column(page, name, request, links=place > 0, whole=False) for place, name in enumerate(names)]


def on_its_page(page: Any, names: Iterable[Any], request: HttpRequest) -> list[Any]:
    """The same on the page of one row, which has room for whole ids."""
    return [_column(page, name, request, links=True, whole=True) for name in names]


def relations(model: type[models.Model], names: Iterable[Any]) -> list[str]:
    """Those of the columns that are other rows."""
    found = ((name, _field(model, name)) for name in names)
    return [name for name, field in found if field is not None and field.is_relation]


def link_to(request: HttpRequest, model: Any, pk: object) -> str:
    """The address of a row's page, if there is one and the operator may look at it; else ""."""
    if not admin.site.is_registered(model) or not admin.site.get_model_admin(model).has_view_permission(request):
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])


def badge(text: Any, tone: str = "") -> Any:
    """A state: a word, whose colour only supports it."""
    return format_html('<span class="badge{}">{}</span>', f" badge--{tone}" if tone else "", text)


def moment(at: Any) -> Any:
    """A time in the site's zone, to the minute; the whole of it on demand."""
    if at is None:
        return EMPTY
    local = timezone.localtime(at)
    to_the_second = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(), to_the_second, f"{local:%Y-%m-%d %H:%M}"
    )


def _column(page: Any, name: Any, request: HttpRequest, *, links: bool, whole: bool) -> Any:
    field = _field(page.model, name)
    if field is None:
        return name
    label = capfirst(str(field.verbose_name))
    for path in page.actors:
        if name == path.partition(".")[0]:
            return _ActorColumn(name, label, request, path=path, links=links)
    if name in page.badges:
        return Column(name, label, _badge_of(field, page.badges[name]))
    if field.is_relation:
        target = field.related_model if links and link_to(request, field.related_model, UUID(int=0)) else None
        return Column(name, label, _other_row(field, target, request))
    for ending, with_unit, write in _UNITS:
        if name.endswith(ending):
            label = with_unit % {"name": _UNIT_OF_A_NAME.sub("", label)}
            return Column(name, label, _number(name, write), classes="number")
    write_plain, classes = _of_asset(page, field) or _plain(field, page.words.get(name, {}), whole=whole)
    return Column(name, label, write_plain, classes=classes)


def _of_asset(page: Any, field: Any) -> tuple[Callable[[Any], Any], str] | None:
    """What writes an asset, or an amount of one."""
    name = field.name
    if not page.asset or name not in {page.asset, *page.amounts} or (name == page.asset and field.choices):
        return None
    asset_of = attrgetter(page.asset)
    if name == page.asset:
        return lambda row: asset_in_words(asset_of(row)), ""
    return lambda row: amount_in_words(asset_of(row), getattr(row, name)), "number"


def _plain(field: Any, words: Any, *, whole: bool) -> tuple[Callable[[Any], Any], str]:
    """What writes a column of no special meaning, and the classes of its cells."""
    name = field.name
    if field.choices or isinstance(field, models.BooleanField):
        return lambda row: _word(field, getattr(row, name)), ""
    if isinstance(field, models.DateTimeField):
        return lambda row: moment(getattr(row, name)), "moment"
    if isinstance(field, models.IntegerField):
        return _number(name, "{:,}".format), "number"
    if isinstance(field, models.JSONField):
        return lambda row: _listed(getattr(row, name)), ""
    if not whole and isinstance(field, models.UUIDField):
        return lambda row: _shortened(getattr(row, name)), ""
    return lambda row: words.get(getattr(row, name)) or _text(getattr(row, name), whole=whole), ""


def _word(field: Any, value: Any) -> Any:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return EMPTY if value in (None, "") else dict(field.flatchoices).get(value, value)


def _badge_of(field: Any, tones: Mapping[Any, str]) -> Callable[[Any], Any]:
    def write(row: Any) -> Any:
        value = getattr(row, field.name)
        return EMPTY if value in (None, "") else badge(_word(field, value), tones.get(value, ""))

    return write


def _other_row(field: Any, target: Any, request: HttpRequest) -> Callable[[Any], Any]:
    def write(row: Any) -> Any:
        other = getattr(row, field.name)
        if other is None:
            return EMPTY
        return _linked(_shortened(other.pk) if str(other) == str(other.pk) else str(other), _address(other))

    def _address(other: Any) -> str:
        return link_to(request, target, other.pk) if target else ""

    return write


def _number(name: str, write: Callable[[int], str]) -> Callable[[Any], Any]:
    def written(row: Any) -> Any:
        value = getattr(row, name)
        return EMPTY if value is None else write(value)

    return written


def _linked(text: Any, address: str) -> Any:
    return format_html('<a href="{}">{}</a>', address, text) if address else text


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {one}" for name, one in value.items()) or EMPTY
    return ", ".join(map(str, value)) or EMPTY if isinstance(value, list) else _or_empty(value)


def _shortened(value: Any) -> Any:
    """Enough of an id to compare it; the whole of it on demand."""
    if value in (None, ""):
        return EMPTY
    return format_html('<code title="{}">…{}</code>', value, str(value)[-8:])


def _text(value: Any, *, whole: bool) -> Any:
    return _shortened(value) if not whole and isinstance(value, str) and _ID.fullmatch(value) else _or_empty(value)


def _or_empty(value: Any) -> Any:
    return EMPTY if value in (None, "") else value


def _field(model: type[models.Model], name: Any) -> Any:
    try:
        return model._meta.get_field(name) if isinstance(name, str) else None
    except FieldDoesNotExist:
        return None
