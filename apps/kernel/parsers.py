"""How the JSON API reads bodies."""

import io
import json
import re
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

# A text, to its end or the body's. Possessive: whatever stands there is walked through once.
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# Four times as many as any of our endpoints reads. What is read at once keeps the interpreter, and each value is an
# object: of 12 MB of empty lists these were 8 s in which nobody else was served, and 500 MB.
MAX_VALUES = 50_000


class StrictJSONParser(JSONParser):
    """JSON that can be kept: UTF-8, no deeper than Python reads, and text that is Unicode (no half of a pair).

    And not of more than MAX_VALUES values, however long its texts are.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The body's values. Raises ParseError."""
        body = stream.read()
        if _separators(body) > MAX_VALUES and _separators(_TEXT.sub(b"", body)) > MAX_VALUES:
            raise ParseError
        try:
            value = super().parse(io.BytesIO(body), media_type, {**(parser_context or {}), "encoding": "utf-8"})
            json.dumps(value, ensure_ascii=False).encode()
        except (RecursionError, UnicodeEncodeError) as error:
            raise ParseError from error
        return value


def _separators(body: bytes) -> int:
    """As many values as there may be in it: each begins with one of these, but for the first."""
    return sum(map(body.count, (b",", b"[", b"{")))
