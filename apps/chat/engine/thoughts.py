"""Thoughts that a model writes into its answer, before the first word: `<think>…</think>`, as open models do.

One whose server begins the thoughts for it writes only their end. Its readers have seen them by then as the answer, and
that is what they stay.
"""

from enum import Enum, auto

# How they begin, in the words of various models, and how they end then.
_MARKS = {f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought")}
# An answer that begins with more blanks than this has no thoughts before it.
_MOST_BLANKS = 100


class _Place(Enum):
    """Where in an answer the next text stands; behind thoughts, the blanks before the first word are nobody's."""

    BEFORE = auto()
    WITHIN = auto()
    BEHIND = auto()
    ANSWER = auto()


class Thoughts:
    """Tells an answer from the thoughts before it, however the provider cuts the text into pieces."""

    def __init__(self) -> None:
        self._place = _Place.BEFORE
        # What the next piece decides about: blanks and a part of a mark.
        self._held = ""
        self._end = ""

    def sort(self, piece: str) -> tuple[str, str]:
        """What of the answer, and what of the thoughts, is known with this piece."""
        text, self._held = self._held + piece, ""
        thought = ""
        if self._place is _Place.BEFORE:
            begun = text.lstrip()
            if len(text) <= _MOST_BLANKS and any(mark.startswith(begun) and mark != begun for mark in _MARKS):
                self._held = text
                return "", ""
            self._place = _Place.ANSWER
            if mark := next((mark for mark in _MARKS if begun.startswith(mark)), ""):
                self._place, self._end = _Place.WITHIN, _MARKS[mark]
                text = begun.removeprefix(mark)
        if self._place is _Place.WITHIN:
            thought, mark, text = text.partition(self._end)
            if mark:
                self._place = _Place.BEHIND
            else:
                end = len(thought) - _overlap(thought, self._end)
                thought, self._held = thought[:end], thought[end:]
        if self._place is _Place.BEHIND and (text := text.lstrip()):
            self._place = _Place.ANSWER
        return text, thought

    def rest(self) -> tuple[str, str]:
        """The same for what is left when no more comes."""
        held, self._held = self._held, ""
        return ("", held) if self._place is _Place.WITHIN else (held, "")


def _overlap(text: str, mark: str) -> int:
    """How many of the last characters may be the beginning of the mark."""
    return next(length for length in range(len(mark) - 1, -1, -1) if text.endswith(mark[:length]))
