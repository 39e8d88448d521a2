"""What the site grows by: classes under a code, each registered by its app (apps.py), where an alphabet would be a
CHECK, a `match` and a migration for each new letter.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy

from apps.kernel.errors import CodeUnknown

if TYPE_CHECKING:
    _Char = models.CharField[str, str]
else:
    _Char = models.CharField

CODE_LENGTH = 40
_CODE = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Entry(Protocol):
    """What can be registered: something with a code for the rows, and a label for operators."""

    @property
    def code(self) -> str: ...
    @property
    def label(self) -> Any: ...


E = TypeVar("E", bound=Entry)


class Registry(Generic[E]):
    """Entries by their code, in the order of their registration.

    A row may name one that is gone: what is shown asks `get`, what is done asks by index and is refused.
    """

    def __init__(self, noun: str) -> None:
        """`noun` says in refusals what an entry is."""
        self._noun = noun
        self._entries: dict[str, E] = {}

    def register(self, entry: E) -> None:
        """Add an entry, once. Raises ImproperlyConfigured for a code that is taken or is no code."""
        if not _CODE.fullmatch(entry.code) or entry.code in self._entries:
            raise ImproperlyConfigured(f"{self._noun} {entry.code!r}: taken, or not a code")
        self._entries[entry.code] = entry

    def unregister(self, code: str) -> None:
        """Take an entry out again, as a test does. Raises KeyError."""
        del self._entries[code]

    def __getitem__(self, code: str) -> E:
        """The entry that does the work. Raises CodeUnknown: nothing is done by nobody."""
        if code not in self._entries:
            raise CodeUnknown(noun=self._noun, unknown=code[:CODE_LENGTH])
        return self._entries[code]

    def get(self, code: str) -> E | None:
        """The entry, or None."""
        return self._entries.get(code)

    def __contains__(self, code: object) -> bool:
        return code in self._entries

    def __iter__(self) -> Iterator[E]:
        return iter(self._entries.values())

    def choices(self) -> list[tuple[str, Any]]:
        """Codes and labels, for forms and the API's schema; plain English becomes the reader's language."""
        return [
            (code, gettext_lazy(entry.label) if isinstance(entry.label, str) else entry.label)
            for code, entry in self._entries.items()
        ]

    def __deepcopy__(self, memo: Any) -> "Registry[E]":
        """There is one; serializers copy what they were declared with."""
        return self


class CodeField(_Char):
    """A column of codes of a registry, which are the choices of its form; for the database it is a text.

    The table has the constraint that code_constraint() makes, and I-02-codes names rows whose code nobody registered.
    """

    def __init__(self, *args: Any, registry: Registry[Any] | None = None, **options: Any) -> None:
        """`registry` is missing only where Django copies a field."""
        self.registry = registry
        choices: dict[str, Any] = {"choices": registry.choices} if registry else {}
        super().__init__(*args, **{"max_length": CODE_LENGTH, **choices, **options})

    def deconstruct(self) -> Any:
        """Migrations know a plain text: an entry more or less changes no table."""
        name, _, args, options = super().deconstruct()
        options.pop("choices", None)
        return name, "django.db.models.CharField", args, options


def code_constraint(table: str, column: str) -> models.CheckConstraint:
    """What both engines can say of a code; which codes there are is the registry's to know."""
    return models.CheckConstraint(
        condition=~Q(**{column: ""}) & Q(**{column: Lower(column)}), name=f"{table}_{column}_is_code"
    )
