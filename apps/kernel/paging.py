"""Keyset pages, newest first. Ids are UUIDv7: their order is the order of time, and no offset is ever counted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from apps.kernel.errors import CursorNotValid

T = TypeVar("T")
U = TypeVar("U")
M = TypeVar("M", bound=Model)

_OLDER, _NEWER = "o", "n"


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page; `next` leads to older rows, `previous` to newer ones, None at the ends."""

    items: tuple[T, ...]
    next: str | None
    previous: str | None

    def map(self, change: Callable[[T], U]) -> "Page[U]":
        """The same page with every item changed."""
        return Page(tuple(change(item) for item in self.items), self.next, self.previous)


def page_of(rows: QuerySet[M], cursor: str | None, size: int = 20) -> Page[M]:
    """One page of a QuerySet whose primary key is a UUIDv7, in one query.

    Raises CursorNotValid.
    """
    direction, edge = _parse(cursor)
    if direction == _NEWER:
        found = list(rows.filter(pk__gt=edge).order_by("pk")[: size + 1])
        more, items = len(found) > size, found[:size][::-1]
        return _page(items, has_older=bool(items), has_newer=more)
    older = rows.filter(pk__lt=edge) if edge else rows
    found = list(older.order_by("-pk")[: size + 1])
    return _page(found[:size], has_older=len(found) > size, has_newer=edge is not None)


def _page(items: list[M], *, has_older: bool, has_newer: bool) -> Page[M]:
    return Page(
        tuple(items),
        next=f"{_OLDER}{items[-1].pk.hex}" if items and has_older else None,
        previous=f"{_NEWER}{items[0].pk.hex}" if items and has_newer else None,
    )


def _parse(cursor: str | None) -> tuple[str, UUID | None]:
    if not cursor:
        return _OLDER, None
    try:
        direction, edge = cursor[0], UUID(hex=cursor[1:])
    except ValueError:
        raise CursorNotValid from None
    if direction not in {_OLDER, _NEWER}:
        raise CursorNotValid
    return direction, edge
