"""The text of an answer as it grows: bounded, and always text that can be stored and sent."""

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_HIGH_SURROGATE_AT_END = re.compile("[\ud800-\udbff]\\Z")


class AnswerText:
    """Pieces of text, joined on demand."""

    def __init__(self, *, max_chars: int) -> None:
        self._max_chars = max_chars
        self._parts: list[str] = []
        self._half = ""
        self.length = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken."""
        return self.length >= self._max_chars

    @property
    def parts(self) -> int:
        """How many pieces there are, for `since`."""
        return len(self._parts)

    def add(self, piece: str) -> bool:
        """Take a piece, as much of it as there is room for; whether there is more text now."""
        text = self._whole_characters(piece)[: self._max_chars - self.length]
        if not text:
            return False
        self._parts.append(text)
        self.length += len(text)
        return True

    def since(self, part: int) -> str:
        """The text after the first `part` pieces."""
        return "".join(self._parts[part:])

    def __str__(self) -> str:
        return "".join(self._parts)

    def _whole_characters(self, piece: str) -> str:
        """The piece as PostgreSQL and UTF-8 take it: no NUL, no half of a character.

        JSON may escape a character beyond the first plane as two halves, and a provider may cut between them.
        """
        text = (self._half + piece).replace("\x00", "")
        self._half = ""
        if not _SURROGATE.search(text):
            return text
        if half := _HIGH_SURROGATE_AT_END.search(text):
            text, self._half = text[:-1], half[0]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
