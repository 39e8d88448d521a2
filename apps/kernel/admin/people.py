"""Who did it: trails say "staff:<id>" to programs, and operators read a name."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.kernel.audit import SYSTEM

NamesOf = Callable[[Collection[UUID]], Mapping[UUID, str]]
_people: list[tuple[Any, NamesOf]] = []


def name_people(model: Any, names_of: NamesOf) -> None:
    """Say whose ids trails name, and what they are called (an app calls it once); unknown ids are left out."""
    _people[:] = [(model, names_of)]


def model_of_people() -> Any:
    """Whose page a name leads to."""
    return _people[0][0]


def named(said: Iterable[str]) -> dict[str, str]:
    """The names of those who are known, by what the trail says of them; one query for all."""
    ids = {text: who for text in set(said) if (who := id_of(text))}
    names: Mapping[UUID, str] = _people[0][1](set(ids.values())) if ids and _people else {}
    return {SYSTEM: _("The site"), **{text: names[who] for text, who in ids.items() if who in names}}


def id_of(said: str) -> UUID | None:
    """The id of "staff:<id>", "member:<id>" or "user:<id>"."""
    try:
        return UUID(said.partition(":")[2])
    except ValueError:
        return None
