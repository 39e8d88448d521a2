"""Codes in words, for operators: the app that writes a code says what it means, and how an amount is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.admin import AllValuesFieldListFilter
from django.utils.translation import gettext as _

from apps.kernel import configuration

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


Find = Callable[[str], "StrOrPromise | None"]
# What the audit trail calls an act; what the ledger calls the kind of a movement.
ACT = "act"
MOVEMENT = "movement"
_finders: dict[str, list[Find]] = {}


def name_codes(topic: str, find: Find) -> None:
    """Say what an app's codes of a topic mean (at import of its admin); None for those of others.

    What an app says comes before what the kernel says of everything that is configured.
    """
    _finders.setdefault(topic, []).insert(0, find)


@dataclass(frozen=True)
class Codes:
    """The codes of a topic, as a page's `words`."""

    topic: str

    def get(self, code: str) -> "StrOrPromise":
        """The words, or "" for a code that nobody names."""
        return next((words for find in _finders.get(self.topic, ()) if (words := find(code))), "")


class InWords(AllValuesFieldListFilter):
    """Django's chips of a column of codes, in the page's words."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Django's choices, in words where there are some."""
        words = changelist.model_admin.words[self.field_path]
        for choice in super().choices(changelist):
            yield {**choice, "display": words.get(str(choice["display"])) or choice["display"]}


def _saved(code: str) -> str | None:
    """What the trail calls the saving of configuration, whoever declared it."""
    trails = (trail for trail in configuration.trails() if code in trail.actions)
    return next((_("Changed: %(what)s") % {"what": trail.model._meta.verbose_name} for trail in trails), None)


name_codes(ACT, _saved)


@dataclass(frozen=True)
class _Asset:
    label: "StrOrPromise"
    write: Callable[[int], str]


_assets: dict[str, _Asset] = {}


def name_asset(code: str, label: "StrOrPromise", write: Callable[[int], str] = "{:,}".format) -> None:
    """Name an asset (at import of its app's admin); of "chances:<activity>" the part before the colon."""
    _assets[code] = _Asset(label, write)


def asset_in_words(asset: str) -> str:
    """What it is, or its code."""
    found = _assets.get(asset.partition(":")[0])
    return str(found.label) if found else asset


def amount_in_words(asset: str, amount: int) -> str:
    """An amount in the unit that operators read."""
    found = _assets.get(asset.partition(":")[0])
    return found.write(amount) if found else f"{amount:,}"
