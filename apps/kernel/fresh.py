"""What operators set and every request asks for: read from the database once a second per process, from memory between.

An operator's change counts within two seconds in every process.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Generic, TypeVar

from django.db.models import CharField, QuerySet, Value

T = TypeVar("T")

_MAX_AGE_SECONDS = 1.0


class Fresh(Generic[T]):
    """This process's copy of what `read` reads, at most a second old."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._copy: T
        self._read_at = float("-inf")  # monotonic seconds
        self._changes = 0
        _all.append(self)

    def get(self) -> T:
        """The copy, read anew if it is older than a second."""
        if monotonic() - self._read_at > _MAX_AGE_SECONDS:
            began, changes = monotonic(), self._changes
            copy = self._read()
            if changes != self._changes:  # by another thread, perhaps behind what was read
                return copy
            self._copy, self._read_at = copy, began
        return self._copy

    def forget(self) -> None:
        """Read anew next time: what was read has just been changed."""
        self._changes += 1
        self._read_at = float("-inf")


_all: list[Fresh[Any]] = []


class FreshTexts:
    """A few rows as pairs of texts. All that is declared so is read in one statement, however many things there are:
    a request that finds every copy old waits for one more statement, and no more.
    """

    def __init__(self, name: str, rows: Callable[[], QuerySet[Any]], *, key: Any, text: Any = "") -> None:
        """`name` is this one's own in the process; `key` and `text` are what values_list() takes, both texts."""
        self._name = name
        _texts[name] = lambda: rows().values_list(_constant(name), key, text or _constant(""))

    def get(self) -> Mapping[str, str]:
        """The text for each key, at most a second old."""
        return _copies.get().get(self._name, {})

    def forget(self) -> None:
        """Read anew next time: what was read has just been changed."""
        _copies.forget()


def _constant(text: str) -> Value:
    return Value(text, output_field=CharField())


def _read_texts() -> dict[str, dict[str, str]]:
    first, *others = [rows().order_by() for rows in _texts.values()]
    found: dict[str, dict[str, str]] = {}
    for name, key, text in first.union(*others, all=True) if others else first:
        found.setdefault(name, {})[key] = text
    return found


_texts: dict[str, Callable[[], QuerySet[Any, Any]]] = {}
_copies = Fresh(_read_texts)


def forget_all() -> None:
    """Read everything anew: a rollback, such as at the end of a test, took back what was read."""
    for copy in _all:
        copy.forget()
