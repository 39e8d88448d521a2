"""JSON of many small containers, which is cheap to send."""

import gc
from collections.abc import Iterator

import pytest

from apps.chat.engine import documents

WIDE = b"[" + b"[]," * 100_000 + b"[]]"


@pytest.fixture
def collections() -> Iterator[list[str]]:
    """What the garbage collector does meanwhile."""
    found: list[str] = []

    def note(phase: str, info: object) -> None:
        found.append(phase)

    gc.collect()
    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


def test_nothing_is_collected_while_a_document_is_read_nor_because_of_it(collections: list[str]) -> None:
    assert documents.read(WIDE, len) == 100_001

    assert collections == []
    assert gc.isenabled()


def test_it_goes_on_after_a_document_that_is_none() -> None:
    with pytest.raises(documents.Unreadable):
        documents.read(WIDE[:-1], len)

    assert gc.isenabled()
