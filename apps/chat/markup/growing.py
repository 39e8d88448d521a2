"""A text that grows at its end: only the part that can still change is rendered again and sent again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.chat.markup.blocks import Block


@dataclass
class Seen:
    """What one reader was sent."""

    finals: int = 0
    tail: list[str] = field(default_factory=list)
    beginning: int = 0


class GrowingText:
    """The blocks of one growing text, for any number of readers.

    A block is final once two others follow it; only a late definition of a link could still change it, and the
    rendering of the settled text corrects that.
    """

    def __init__(self) -> None:
        self._final: list[str] = []
        self._final_chars = 0
        self._tail: list[str] = []
        self._beginning = 0

    def unfinished(self, text: str) -> str:
        """The part of the (normal) text that has to be rendered again."""
        return text[self._final_chars :]

    def begin_again(self) -> None:
        """Forget the blocks: the whole text is to be rendered in another way."""
        self._final, self._final_chars, self._tail = [], 0, []
        self._beginning += 1

    def take(self, unfinished: str, blocks: Sequence[Block]) -> None:
        """The blocks of what `unfinished()` returned."""
        last = max(len(blocks) - 2, 0)
        self._final += [block.html for block in blocks[:last]]
        self._tail = [block.html for block in blocks[last:]]
        if last:
            self._final_chars += _offset_of_line(unfinished, blocks[last].line)

    def news(self, seen: Seen) -> tuple[int, list[str]]:
        """The index of the first block that the reader has not seen like this, and all blocks from there on."""
        if seen.beginning != self._beginning:
            seen.finals, seen.tail, seen.beginning = 0, [], self._beginning
        first = seen.finals
        blocks = [*self._final[first:], *self._tail]
        same = _same_blocks(seen.tail, blocks)
        seen.finals, seen.tail = len(self._final), self._tail
        return first + same, blocks[same:]

    def end(self, seen: Seen, blocks: list[str]) -> tuple[int, list[str]]:
        """The same for the blocks of the settled text."""
        has_these = seen.beginning == self._beginning
        first = _same_blocks([*self._final[: seen.finals], *seen.tail] if has_these else [], blocks)
        return first, blocks[first:]


def _same_blocks(old: Sequence[str], new: Sequence[str]) -> int:
    """How many blocks are the same, from the first on."""
    pairs = zip(old, new, strict=False)
    return next((index for index, (before, after) in enumerate(pairs) if before != after), min(len(old), len(new)))


def _offset_of_line(text: str, line: int) -> int:
    offset = 0
    for _ in range(line):
        offset = text.index("\n", offset) + 1
    return offset
