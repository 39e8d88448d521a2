"""How the JSON API reads bodies."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    """JSON that can be kept: UTF-8, no deeper than Python reads, and text that is Unicode (no half of a pair)."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The body's values. Raises ParseError."""
        try:
            value = super().parse(stream, media_type, {**(parser_context or {}), "encoding": "utf-8"})
            json.dumps(value, ensure_ascii=False).encode()
        except (RecursionError, UnicodeEncodeError) as error:
            raise ParseError from error
        return value
