"""JSON from a channel: bounded by whoever received it, and understood in one short step."""

import gc
import json
import re
from collections.abc import Callable
from math import inf
from typing import Any, TypeVar

import jiter

T = TypeVar("T")

# As deep as the faster parser goes. What is deeper is looked for sign by sign, which for so many signs takes 20 ms.
_DEEPEST = 200
_MOST_SIGNS = 60_000
# A text that does not end goes to the end, so that each sign is looked at once.
_SIGNS = re.compile(r"""[\[\]{}]|"(?:[^"\\]|\\.)*+(?:"|\Z)""", re.DOTALL)


class Unreadable(Exception):
    """Not what was agreed: no JSON, or JSON of another shape."""


def read(data: str | bytes, meaning: Callable[[Any], T]) -> T:
    """What a document means, which is itself gone by then. Raises Unreadable, and what `meaning` raises.

    All other answers wait meanwhile. Of a document of many small containers the garbage collector would take most of
    that time: it looks through all that was made, again and again, and nothing of it is garbage.
    """
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        return meaning(_parsed(data))
    finally:
        if was_collecting:
            gc.enable()


def _parsed(data: str | bytes) -> Any:
    try:
        return jiter.from_json(data.encode() if isinstance(data, str) else data)
    except ValueError:
        return _parsed_by_python(data)


def _parsed_by_python(data: str | bytes) -> Any:
    """What the faster parser refuses and Python's takes: halves of characters, a byte order mark.

    What neither takes is read without that at which they stumble, so that all that stands beside it is heard: a number
    of thousands of figures is endless here, and what is nested deeper than anybody means is null.
    """
    try:
        text = data if isinstance(data, str) else data.decode(json.detect_encoding(data), "surrogatepass")
        return json.loads(_flattened(text.removeprefix("\ufeff")), parse_int=_number)
    except ValueError:
        raise Unreadable from None


def _number(figures: str) -> int | float:
    try:
        return int(figures)
    except ValueError:
        return inf


def _flattened(text: str) -> str:
    """A document without what is deeper in it than agreed. Raises Unreadable where that takes too long to find."""
    if text.count("[") + text.count("{") <= _DEEPEST:
        return text
    if sum(map(text.count, '[]{}"')) > _MOST_SIGNS:
        raise Unreadable
    kept, depth, start = [], 0, 0
    for sign in _SIGNS.finditer(text):
        if text[sign.start()] in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                kept.append(text[start : sign.start()])
        elif text[sign.start()] in "]}":
            if depth == _DEEPEST + 1:
                start = sign.end()
                kept.append("null")
            depth -= 1
    if depth > _DEEPEST:
        raise Unreadable
    return "".join([*kept, text[start:]])
