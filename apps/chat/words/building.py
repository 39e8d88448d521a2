"""Making the automata that find words: seconds of work for long lists, so that it may be done in another process.

pyahocorasick looks through the children of a node one after another, and Chinese has thousands of letters. Each letter
is therefore written as a pair of symbols, the more frequent the sooner found; as every sign of a text takes two
symbols or, if it stands for several letters, a multiple of two, a place in the symbols tells the place in the text.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, pairwise

import ahocorasick

from apps.chat.words.signs import Letters

# Of so many words one automaton is made: a process that is given one does nothing else while it is put together.
MOST_TOGETHER = 50_000
# Longer ones are no words; texts are held back for as long as a word may still come.
LONGEST_WORD = 40
_SECONDS = 64
# Neither may be blank to the automaton, which passes over blanks. They differ, so that no pair begins within another.
_FIRST_SYMBOL, _SECOND_SYMBOL = 0x4E00, 0x21
NOISE = "  "
# A letter of no word, and what else no word reaches across.
STRANGE = "\x01\x01"


@dataclass(frozen=True)
class Parts:
    """What is built. `groups` are the sources of a word, by the number that its value begins with."""

    letters: str
    groups: tuple[tuple[int, ...], ...]
    longest: int
    automata: tuple[ahocorasick.Automaton, ...]


def value_of(group: int, length: int, *, goes_on: bool) -> int:
    """What the automaton tells of a word: the number of its group, its letters, whether a longer one begins with it."""
    return group << 8 | length << 1 | goes_on


def read_value(value: int) -> tuple[int, int, bool]:
    """The group, the number of letters, and whether a longer word begins so."""
    return value >> 8, value >> 1 & 0x7F, bool(value & 1)


def pairs_of(letters: str) -> dict[str, str]:
    """The symbols of each letter, from all letters by their frequency."""
    return {
        letter: chr(_FIRST_SYMBOL + rank // _SECONDS) + chr(_SECOND_SYMBOL + rank % _SECONDS)
        for rank, letter in enumerate(letters)
    }


def build(words: Iterable[tuple[str, int]]) -> Parts:
    """The automata of these words, each with the number of its source; what cannot be found is left out."""
    plain = Letters()
    sources: dict[str, set[int]] = {}
    for word, source in words:
        if 0 < len(letters := word.translate(plain)) <= LONGEST_WORD:
            sources.setdefault(letters, set()).add(source)
    counted = Counter(chain.from_iterable(sources))
    letters = "".join(letter for letter, _ in counted.most_common())
    pairs = pairs_of(letters)
    spelt = sorted(("".join(pairs[letter] for letter in word), word) for word in sources)
    groups: dict[tuple[int, ...], int] = {}
    automata: list[ahocorasick.Automaton] = []
    for number, ((symbols, word), (following, _)) in enumerate(pairwise([*spelt, ("", "")])):
        if number % MOST_TOGETHER == 0:
            automata.append(ahocorasick.Automaton(ahocorasick.STORE_INTS))
        group = groups.setdefault(tuple(sorted(sources[word])), len(groups))
        automata[-1].add_word(symbols, value_of(group, len(word), goes_on=following.startswith(symbols)))
    for automaton in automata:
        automaton.make_automaton()
    return Parts(letters, tuple(groups), max(map(len, sources), default=0), tuple(automata))
