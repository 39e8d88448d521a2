"""JSON from a channel: bounded by whoever received it, and understood in one short step."""

import gc
import json
from collections.abc import Callable
from typing import Any, TypeVar

import jiter

T = TypeVar("T")


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
    """What the faster parser refuses and Python's takes: halves of characters, a byte order mark, more depth."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable from None
