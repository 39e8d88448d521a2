"""JSON of many small containers, which is cheap to send."""

import gc
from collections.abc import Iterator
from math import inf

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


@pytest.mark.parametrize(
    ("strange", "read"),
    [
        ("9" * 5000, inf),
        ("-" + "9" * 5000, inf),
        ("[" * 150 + "]" * 150, "as it is"),
        ('{"a":' * 100_000, None),
        ("[" * 5000 + "]" * 5000, "cut"),
        ('{"a":' * 5000 + '"]}\\"["' + "}" * 5000, "cut"),
        ("[" * 100_000 + "]" * 100_000, None),
        ("[" * 300 + "}" * 300, None),
    ],
    ids=["long", "long and less than 0", "deep", "without an end", "lists", "objects", "too many", "mismatched"],
)
def test_what_nobody_can_read_does_not_take_what_stands_beside_it(strange: str, read: object) -> None:
    document = f'{{"strange": {strange}, "text": "a[\\"{{", "after": [{{}}]}}'

    if read is None:
        with pytest.raises(documents.Unreadable):
            documents.read(document, len)
        return
    said = documents.read(document, lambda value: value)

    assert (said["text"], said["after"]) == ('a["{', [{}])
    assert read in ("as it is", "cut") or said["strange"] == read
    assert _depth(said["strange"]) == {"as it is": 150, "cut": 199}.get(str(read), 0)


def _depth(value: object) -> int:
    depth = 0
    while value and isinstance(value, (list, dict)):
        depth, value = depth + 1, next(iter(value.values() if isinstance(value, dict) else value))
    return depth + isinstance(value, list)


@pytest.mark.parametrize("halved", [b'\xef\xbb\xbf{"a": 1}', b'{"a": "\\ud83d"}', b'{"a": NaN}'])
def test_what_only_python_reads_is_read(halved: bytes) -> None:
    assert documents.read(halved, list) == ["a"]
