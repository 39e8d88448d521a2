"""What becomes of a text in which words are found: as a whole, or as it comes."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from apps.chat.contracts import WordsFound
from apps.chat.words.lexicon import Lexicon, Match, Source


@dataclass(frozen=True)
class Sifted:
    """What may be shown of a text, what was found in it, and whether it ends where a rejected word begins."""

    text: str
    found: tuple[WordsFound, ...]
    is_rejected: bool


def sift(text: str, lexicon: Lexicon) -> Sifted:
    """The whole text through a gate."""
    gate = Gate(lambda: lexicon)
    return Sifted(gate.take(text, is_end=True), gate.found, gate.is_shut)


class Gate:
    """Lets a text through as it comes, the same however it is cut; holds back only what may still become a word.

    A word is judged once nothing that began before it, or with it, may go on: by then every longer allowed word that
    covers it would be there. A rejected one shuts the gate where it begins, the first of them where several do.
    """

    def __init__(self, lexicon: Callable[[], Lexicon]) -> None:
        self._lexicon = lexicon
        self._held = ""
        # The last sign that went through, as it came.
        self._before = ""
        # Up to where in what is held words are allowed, and signs masked, by what began before it.
        self._allowed_to = 0
        self._masked_to = 0
        self._found: dict[Source, int] = defaultdict(int)
        self.is_shut = False

    @property
    def found(self) -> tuple[WordsFound, ...]:
        """What has been found so far."""
        counted = sorted((source.code, source.action, times) for source, times in self._found.items() if source.action)
        return tuple(WordsFound(found_by=code, action=action, times=times) for code, action, times in counted)

    def take(self, piece: str, *, is_end: bool = False) -> str:
        """What may go on now that this piece has come; at the end of the text, all that is left."""
        text = self._held + piece
        if self.is_shut or not text:
            return ""
        lexicon = self._lexicon()
        matches, end = lexicon.look(text, before=self._before, is_end=is_end)
        counted: list[Match] = []
        if matches:
            end = min([end, *(match.start for match in matches if match.is_open)])
            known = sorted((match for match in matches if match.start < end), key=_by_start)
            counted, allowed_to = self._not_allowed(known)
            end = self._count(counted, end)
        else:
            allowed_to = self._allowed_to
        masked = [match for match in counted if match.listed.is_masked]
        shown = self._masked(text[:end], masked, lexicon)
        self._held = text[end:]
        self._before = text[end - 1] if end else self._before
        self._allowed_to = max(0, allowed_to - end)
        self._masked_to = max([0, self._masked_to - end, *(match.end - end for match in masked)])
        return shown

    def _not_allowed(self, matches: list[Match]) -> tuple[list[Match], int]:
        """Those that no allowed word covers, and up to where words are allowed."""
        counted, allowed_to = [], self._allowed_to
        for match in matches:
            if match.listed.is_allowed:
                allowed_to = max(allowed_to, match.end)
            if match.end > allowed_to:
                counted.append(match)
        return counted, allowed_to

    def _count(self, matches: list[Match], end: int) -> int:
        """Write down what was found, up to the first that shuts the gate; where the text ends that may be shown."""
        rejected = next((match for match in matches if match.listed.is_rejected), None)
        if rejected is not None:
            end, self.is_shut = rejected.start, True
        for match in matches:
            if match.start < end or match is rejected:
                for source in match.listed.sources:
                    self._found[source] += 1
        return end

    def _masked(self, text: str, matches: list[Match], lexicon: Lexicon) -> str:
        parts, at = [lexicon.masked(text[: self._masked_to])], min(self._masked_to, len(text))
        for match in matches:
            if match.end > at:
                start = max(match.start, at)
                parts += [text[at:start], lexicon.masked(text[start : match.end])]
                at = match.end
        return "".join([*parts, text[at:]])


def _by_start(match: Match) -> tuple[int, int, bool]:
    """In their order; of those that begin together the longest first, which may cover the others, and what allows."""
    return match.start, -match.end, not match.listed.is_allowed
