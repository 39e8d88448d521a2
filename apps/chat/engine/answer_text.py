"""The text of an answer as it grows: bounded, without the operators' words, and always text that can be stored and
sent. It is the one place where text enters an answer.
"""

import re
from collections.abc import Callable

from apps.chat import rules
from apps.chat.contracts import WordsFound
from apps.chat.words.gate import Gate
from apps.chat.words.lexicon import Lexicon

_SURROGATE = re.compile("[\ud800-\udfff]")
_HIGH_SURROGATE_AT_END = re.compile("[\ud800-\udbff]\\Z")


class AnswerText:
    """Pieces of text, joined on demand."""

    def __init__(self, *, max_chars: int, lexicon: Callable[[], Lexicon]) -> None:
        self._max_chars = max_chars
        self._gate = Gate(lexicon)
        self._parts: list[str] = []
        self._half = ""
        self.length = 0
        self._tokens = self._counted = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken."""
        return self.length >= self._max_chars

    @property
    def is_cut(self) -> bool:
        """Whether it ends here, where a word begins that operators do not let through."""
        return self._gate.is_shut

    @property
    def found(self) -> tuple[WordsFound, ...]:
        """What it had of the operators' words."""
        return self._gate.found

    @property
    def parts(self) -> int:
        """How many pieces there are, for `since`."""
        return len(self._parts)

    @property
    def tokens(self) -> int:
        """Its tokens by our count, of the pieces since this was asked last as one: rounded up each time."""
        if self._counted < len(self._parts):
            self._tokens += rules.estimate_tokens(self.since(self._counted))
            self._counted = len(self._parts)
        return self._tokens

    def add(self, piece: str) -> bool:
        """Take a piece, as much of it as there is room for; whether there is more text now.

        What may still become a word waits, until more comes or the end.
        """
        return self._append(self._gate.take(self._whole_characters(piece)))

    def end(self) -> None:
        """Take what waits: no more comes."""
        self._append(self._gate.take("", is_end=True))

    def _append(self, passed: str) -> bool:
        text = passed[: self._max_chars - self.length]
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
        return storable(text)


def storable(text: str) -> str:
    """A whole text as it can be stored and sent."""
    return text.replace("\x00", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
