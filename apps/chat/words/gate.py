"""What becomes of a text in which words are found: as a whole, or as it comes."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

from apps.chat.contracts import WordAction, WordsFound
from apps.chat.words.lexicon import Lexicon, Match


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
        self._found: Counter[tuple[str, WordAction]] = Counter()
        self.is_shut = False

    @property
    def found(self) -> tuple[WordsFound, ...]:
        """What has been found so far."""
        counted = sorted(self._found.items())
        return tuple(WordsFound(found_by=code, action=action, times=times) for (code, action), times in counted)

    def take(self, piece: str, *, is_end: bool = False) -> str:
        """What may go on now that this piece has come; at the end of the text, all that is left."""
        text = self._held + piece
        if self.is_shut or not text:
            return ""
        lexicon = self._lexicon()
        sight = lexicon.look(text, before=self._before, is_end=is_end)
        end = min([sight.live_from, *(match.start for match in sight.matches if match.is_open)])
        known = sorted((match for match in sight.matches if match.start < end), key=_by_start)
        counted = self._not_allowed(known)
        rejected = [match for match in counted if WordAction.REJECT in _actions(match)]
        if rejected:
            end, self.is_shut = rejected[0].start, True
            counted = [match for match in counted if match.start < end or match in rejected[:1]]
        for match in counted:
            self._found.update((source.code, source.action) for source in match.sources if source.action)
        shown = self._masked(text[:end], counted, lexicon)
        self._held = text[end:]
        self._before = text[end - 1] if end else self._before
        self._allowed_to = max([0, self._allowed_to - end, *(match.end - end for match in known if _is_allowed(match))])
        self._masked_to = max([0, self._masked_to - end, *(match.end - end for match in counted if _is_masked(match))])
        return shown

    def _not_allowed(self, matches: list[Match]) -> list[Match]:
        """Those that no allowed word covers."""
        ends = [match.end if _is_allowed(match) else 0 for match in matches]
        allowed_to = accumulate([self._allowed_to, *ends], max)
        next(allowed_to)
        return [match for match, covered in zip(matches, allowed_to, strict=True) if match.end > covered]

    def _masked(self, text: str, matches: Iterable[Match], lexicon: Lexicon) -> str:
        parts, at = [lexicon.masked(text[: self._masked_to])], min(self._masked_to, len(text))
        for match in matches:
            if _is_masked(match) and match.end > at:
                start = max(match.start, at)
                parts += [text[at:start], lexicon.masked(text[start : match.end])]
                at = match.end
        return "".join([*parts, text[at:]])


def _by_start(match: Match) -> tuple[int, int]:
    """In their order; of those that begin together the longest first, which may cover the others."""
    return match.start, -match.end


def _actions(match: Match) -> set[WordAction | None]:
    return {source.action for source in match.sources}


def _is_allowed(match: Match) -> bool:
    return None in _actions(match)


def _is_masked(match: Match) -> bool:
    return WordAction.MASK in _actions(match)
