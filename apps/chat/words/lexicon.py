"""All words of the operators' lists, ready to be found."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from apps.chat.contracts import WordAction
from apps.chat.words.building import LONGEST_WORD, NOISE, STRANGE, Parts, build, pairs_of, read_value
from apps.chat.words.signs import belong_together, letters_of

# So many signs that are no letters may stand between two letters of a word.
WIDEST_GAP = 8
# The most that is held back of a text: a word without its last letter, with the widest gap behind each.
MOST_HELD = (LONGEST_WORD - 1) * (1 + WIDEST_GAP)
# No Markdown, unlike the asterisk on every keyboard.
MASK = "＊"

_TOO_WIDE = " " * (2 * (WIDEST_GAP + 1))
_TOO_WIDE_GAP = re.compile(f" {{{len(_TOO_WIDE)},}}")
# What is behind these planes is nobody's letter, and need not be remembered.
_REMEMBERED = 0x40000


class Source(NamedTuple):
    """A list, and what happens to its words; without an action they are allowed wherever they cover others."""

    code: str
    action: WordAction | None


class Listed(NamedTuple):
    """On which lists a word is, and what that makes of it."""

    sources: tuple[Source, ...]
    is_allowed: bool
    is_masked: bool
    is_rejected: bool


class Match(NamedTuple):  # sooner made than a dataclass, and there may be one for each sign
    """A word in a text, from `start` to before `end`. It is open while the text's next sign may make another of it."""

    start: int
    end: int
    listed: Listed
    is_open: bool


class Sight(NamedTuple):
    """The words in a text, and where the longest beginning of a word begins that its end may be: its length if none."""

    matches: tuple[Match, ...]
    live_from: int


class Lexicon:
    """What finds the words of some sources. Never changes, except that it remembers signs."""

    def __init__(self, sources: tuple[Source, ...], parts: Parts) -> None:
        self._groups = tuple(_listed(tuple(sources[number] for number in group)) for group in parts.groups)
        self._longest = parts.longest
        self._automata = parts.automata
        self._symbols = _Symbols(pairs_of(parts.letters))

    def look(self, text: str, *, before: str = "", is_end: bool = True) -> Sight:
        """What is in a text, `before` being the sign before it; if that is not the end, more of it comes."""
        if not self._automata or not text:
            return Sight((), len(text))
        symbols = text.translate(self._symbols)
        if _TOO_WIDE in symbols:
            symbols = _TOO_WIDE_GAP.sub(lambda gap: STRANGE[0] * len(gap[0]), symbols)
        place_of = self._places(text, symbols)
        matches = tuple(self._matches(text, symbols, place_of, before, is_end=is_end))
        return Sight(matches, len(text) if is_end else self._live_from(text, symbols, place_of, before))

    def masked(self, text: str) -> str:
        """A text with a mask for each sign that is a letter here."""
        return "".join(sign if self._symbols[ord(sign)] == NOISE else MASK for sign in text)

    def _places(self, text: str, symbols: str) -> Callable[[int], int]:
        """From the place of a symbol to that of its sign."""
        if len(symbols) == 2 * len(text):
            return _half
        return [place for place, sign in enumerate(text) for _ in self._symbols[ord(sign)]].__getitem__

    def _matches(
        self, text: str, symbols: str, place_of: Callable[[int], int], before: str, *, is_end: bool
    ) -> Iterator[Match]:
        for at, value in chain.from_iterable(each.iter(symbols, ignore_white_space=True) for each in self._automata):
            group, letters, _ = read_value(value)
            start, end = place_of(_back(symbols, at - 1, letters)), place_of(at) + 1
            if self._is_within(text, start, before):
                continue
            if end == len(text):
                is_open = not is_end and belong_together(text[-1], text[-1])
            elif belong_together(text[end - 1], text[end]):
                continue
            else:
                is_open = False
            yield Match(start, end, self._groups[group], is_open)

    def _live_from(self, text: str, symbols: str, place_of: Callable[[int], int], before: str) -> int:
        begins: list[int] = []
        at = len(symbols) - 2
        while at >= 0 and len(begins) < self._longest - 1 and symbols[at] != STRANGE[0]:
            if symbols[at] != NOISE[0]:
                begins.append(at)
            at -= 2
        if not begins:
            return len(text)
        tail = symbols[begins[-1] :].replace(NOISE, "")
        for number, begin in enumerate(reversed(begins)):
            suffix = tail[2 * number :]
            if self._goes_on(suffix):
                start = place_of(begin)
                if not self._is_within(text, start, before):
                    return start
        return len(text)

    def _goes_on(self, symbols: str) -> bool:
        """Whether a word begins with these symbols and is longer."""
        for automaton in self._automata:
            if automaton.match(symbols):
                value = automaton.get(symbols, None)
                if value is None or read_value(value)[2]:
                    return True
        return False

    def _is_within(self, text: str, start: int, before: str) -> bool:
        """Whether what begins here is only the rest of a word."""
        previous = text[start - 1] if start else before
        return previous != "" and belong_together(previous, text[start])


class _Symbols(dict[int, str]):
    """The symbols of each sign, by its number, remembered as they are asked for."""

    def __init__(self, pairs: dict[str, str]) -> None:
        super().__init__()
        self._pairs = pairs

    def __missing__(self, code: int) -> str:
        symbols = "".join(self._pairs.get(letter, STRANGE) for letter in letters_of(chr(code))) or NOISE
        if code < _REMEMBERED:
            self[code] = symbols
        return symbols


def lexicon_of(lists: Mapping[Source, Sequence[str]]) -> Lexicon:
    """The lexicon of these words, built here: for short lists."""
    sources = tuple(lists)
    return Lexicon(sources, build((word, number) for number, source in enumerate(sources) for word in lists[source]))


EMPTY = lexicon_of({})


def _listed(sources: tuple[Source, ...]) -> Listed:
    actions = {source.action for source in sources}
    return Listed(sources, None in actions, WordAction.MASK in actions, WordAction.REJECT in actions)


def _half(place: int) -> int:
    return place >> 1


def _back(symbols: str, at: int, letters: int) -> int:
    """Where the first of so many letters begins, the last of which begins here."""
    while letters > 1:
        at -= 2
        letters -= symbols[at] != NOISE[0]
    return at
