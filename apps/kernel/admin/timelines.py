"""What happened to one thing, told by all apps that know: rows of when, what and where to look.

The app of a page asks nobody: whoever acts on its rows tells it, `tell("orders.order", …)`, by the model's label.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.kernel import configuration
from apps.kernel.admin.people import named
from apps.kernel.admin.words import ACT, Codes
from apps.kernel.models import AuditEntry

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One line: when, what, in more words, the page to look at, and a badge's tone if it matters."""

    at: datetime
    title: "StrOrPromise"
    detail: str = ""
    address: str = ""
    tone: str = ""


# What an app knows of a row: the newest SHOWN lines, however many there are.
Teller = Callable[[HttpRequest, Any], Iterable[Happening]]
SHOWN = 50
# For what is known of rows of any model, by their id.
ANYTHING = "*"

_ACTS = Codes(ACT)
_tellers: dict[str, list[tuple[str, Teller]]] = {}


def tell(label: str, permission: str, teller: Teller) -> None:
    """Register what an app knows of "<app>.<model>" (at import of its admin), for operators with this permission."""
    _tellers.setdefault(label, []).append((permission, teller))


def timeline_of(request: HttpRequest, row: Any) -> list[Happening]:
    """What this operator may know of the row, oldest first; of much the newest part."""
    tellers = [*_tellers.get(row._meta.label_lower, ()), *_tellers.get(ANYTHING, ())]
    told = [one for permission, teller in tellers if request.user.has_perm(permission) for one in teller(request, row)]
    return sorted(told, key=lambda one: one.at)[-2 * SHOWN :]


def _acts_of_operators(request: HttpRequest, row: Any) -> Iterable[Happening]:
    """What the trail says of a row: by its id, or, of what is configured, by the name that it has there."""
    about = Q(target_type=row._meta.model_name, target_id=str(row.pk))
    for trail in configuration.trails():
        if isinstance(row, trail.model):
            about |= Q(target_type__in=trail.nouns, target_id=trail.name_of(row))
    entries = list(AuditEntry.objects.filter(about).order_by("-pk")[:SHOWN])
    names = named(entry.actor for entry in entries)
    for entry in entries:
        yield Happening(
            at=entry.created_at,
            title=_ACTS.get(entry.action) or entry.action,
            detail=" · ".join((names.get(entry.actor, entry.actor), entry.reason, *_changes(entry, row))),
        )


def _changes(entry: AuditEntry, row: Any) -> Iterable[str]:
    """What an act made of the row's columns."""
    before, after = entry.before or {}, entry.after or {}
    for name, value in after.items():
        if name in before and before[name] != value:
            label, words = _reading_of(row, name)
            yield f"{label} {words(before[name])} → {words(value)}"


def _reading_of(row: Any, name: str) -> tuple[str, Callable[[Any], Any]]:
    """What a column is called, and how its values are read: choices in words."""
    try:
        field = row._meta.get_field(name)
    except FieldDoesNotExist:
        return name, str
    choices = [(True, _("Yes")), (False, _("No"))] if isinstance(field, BooleanField) else field.flatchoices
    in_words = {str(value): words for value, words in choices}
    return str(field.verbose_name), lambda value: in_words.get(str(value), value)


tell(ANYTHING, "kernel.view_auditentry", _acts_of_operators)
