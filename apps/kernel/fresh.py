"""What operators set and every request asks for: read from the database once a second per process, from memory between.

An operator's change counts within two seconds in every process.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_MAX_AGE_SECONDS = 1.0


class Fresh(Generic[T]):
    """This process's copy of what `read` reads, at most a second old."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._copy: T
        self._read_at = float("-inf")  # monotonic seconds
        _all.append(self)

    def get(self) -> T:
        """The copy, read anew if it is older than a second."""
        if monotonic() - self._read_at > _MAX_AGE_SECONDS:
            self._copy = self._read()
            self._read_at = monotonic()
        return self._copy

    def forget(self) -> None:
        """Read anew next time: what was read has just been changed."""
        self._read_at = float("-inf")


_all: list[Fresh[Any]] = []


def forget_all() -> None:
    """Read everything anew: a rollback, such as at the end of a test, took back what was read."""
    for copy in _all:
        copy.forget()
