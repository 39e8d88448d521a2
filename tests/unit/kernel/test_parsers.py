"""Bodies of the JSON API: text of any length, values without end."""

import io
import json
from typing import Any

import pytest
from rest_framework.exceptions import ParseError

from apps.kernel.parsers import MAX_VALUES, StrictJSONParser

# Characters that separate values, where they stand in no text.
TEXT = 'a, [b], {c}; \\, "d" \\\\' * 20_000


def parsed(body: bytes) -> Any:
    return StrictJSONParser().parse(io.BytesIO(body))


@pytest.mark.parametrize("value", [TEXT, {TEXT: [TEXT, 1]}, list(range(MAX_VALUES - 1)), [[]] * (MAX_VALUES // 2)])
def test_texts_may_be_long_and_values_many(value: Any) -> None:
    assert parsed(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"0," * MAX_VALUES + b"0]",
        b'{"a":[' + b"[]," * MAX_VALUES + b"0]}",
        b'["",' + b'{"a":0},' * MAX_VALUES + b"0]",
        # A text in front of it, one that never ends, and what is no JSON at all.
        json.dumps([TEXT]).encode()[:-1] + b",0" * MAX_VALUES + b"]",
        b",0" * (MAX_VALUES + 1) + b'"' + b'\\"' * 1_000_000,
        b",[{" * MAX_VALUES,
    ],
)
def test_more_values_than_anybody_asks_with_are_not_read(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", lambda *given, **more: pytest.fail("it was read"))
    with pytest.raises(ParseError):
        parsed(body)


def test_a_text_without_an_end_is_walked_through_once() -> None:
    """Again from each of its quotes it would be hours; the suite's limit is minutes."""
    with pytest.raises(ParseError):
        parsed(b"," * MAX_VALUES + b'"' + b'\\"' * 2_000_000)
