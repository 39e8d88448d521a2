"""What holds for every text, every list of words and every cut."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.chat.contracts import WordAction
from apps.chat.words import building
from apps.chat.words.gate import Gate, sift
from apps.chat.words.lexicon import MASK, MOST_HELD, WIDEST_GAP, Lexicon, Source, lexicon_of
from apps.chat.words.signs import belong_together, letters_of

# Chinese as people write it: the site's own.
PARTS = Path(__file__).parents[3] / "locale" / "zh_Hans" / "LC_MESSAGES" / "parts"
PROSE = "".join(
    re.sub(r'"\n"', "", text)
    for part in sorted(PARTS.glob("*.po"))
    for text in re.findall(r'^msgstr "(.+?)"$', part.read_text(), re.M)
)
SOURCES = (
    Source("masked", WordAction.MASK),
    Source("rejected", WordAction.REJECT),
    Source("flagged", WordAction.FLAG),
    Source("allowed", None),
)
# Few signs, so that words meet, overlap and lie within each other; and what stands between letters.
few = st.text(st.sampled_from("红红红绿綠蓝六6⑥abAßs .*\u200b，\n"), max_size=40)


@st.composite
def prose(draw: st.DrawFn) -> str:
    """A piece of real Chinese, some of its letters set apart."""
    start = draw(st.integers(0, len(PROSE) - 400))
    text = PROSE[start : start + draw(st.integers(1, 200))]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from([" ", "*", "\u200b", "…" * 8, "…" * 9, "。\n"])) + text[at:]
    return text


@st.composite
def texts_and_words(draw: st.DrawFn) -> tuple[str, dict[Source, list[str]]]:
    """A text and words of which many are in it."""
    text = draw(prose() | few)
    lists: dict[Source, list[str]] = {source: [] for source in SOURCES}
    for _ in range(draw(st.integers(0, 12))):
        start = draw(st.integers(0, max(len(text) - 1, 0)))
        word = text[start : start + draw(st.integers(1, 9))]
        lists[draw(st.sampled_from(SOURCES))].append(word + draw(st.sampled_from(["", "", "红", "b"])))
    return text, lists


def spans_of(text: str, words: list[str]) -> set[tuple[int, int]]:
    """Where words are in a text, found by trying every word at every place."""
    wanted = {"".join(map(letters_of, word)) for word in words} - {""}
    longest = max(map(len, wanted), default=0)
    found = set()
    for start in range(len(text)):
        if not letters_of(text[start]) or (start and belong_together(text[start - 1], text[start])):
            continue
        for skipped in range(len(letters_of(text[start]))):
            letters, gap, is_over = letters_of(text[start])[skipped:], 0, False
            for end in range(start + 1, len(text) + 1):
                ends_here = end == len(text) or not belong_together(text[end - 1], text[end])
                if (
                    gap == 0
                    and ends_here
                    and any(_ends_within(letters, letters_of(text[end - 1]), word) for word in wanted)
                ):
                    found.add((start, end))
                if end < len(text):
                    gap = 0 if letters_of(text[end]) else gap + 1
                    is_over = len(letters) >= longest
                    letters += letters_of(text[end])
                if gap > WIDEST_GAP or is_over:
                    break
    return found


def _ends_within(letters: str, last: str, word: str) -> bool:
    """Whether a word is the beginning of these letters and ends in those of the last sign."""
    return letters.startswith(word) and len(letters) - len(last) < len(word)


def plainly_sifted(text: str, lists: dict[Source, list[str]]) -> tuple[str, bool]:
    """What is shown of a text, by the definition."""
    masked, rejected, _, allowed = (spans_of(text, lists[source]) for source in SOURCES)

    def counted(spans: set[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(s, e) for s, e in spans if not any(first <= s and e <= last for first, last in allowed)]

    end = min([len(text), *(start for start, _ in counted(rejected))])
    hidden = {place for start, stop in counted(masked) if start < end for place in range(start, stop)}
    signs = (MASK if place in hidden and letters_of(sign) else sign for place, sign in enumerate(text[:end]))
    return "".join(signs), bool(counted(rejected))


@given(given_=texts_and_words())
def test_what_is_shown_is_what_the_definition_says(given_: tuple[str, dict[Source, list[str]]]) -> None:
    text, lists = given_

    found = sift(text, lexicon_of(lists))

    assert (found.text, found.is_rejected) == plainly_sifted(text, lists)


def cut_everywhere(text: str, lexicon: Lexicon, cuts: list[int]) -> tuple[str, Gate, int]:
    """A text through a gate in pieces, and the most that was held back after one of them."""
    gate = Gate(lambda: lexicon)
    shown, came, most = "", 0, 0
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        shown += gate.take(text[start:end])
        came = end
        if not gate.is_shut:
            most = max(most, came - len(shown))
    return shown + gate.take("", is_end=True), gate, most


@given(given_=texts_and_words(), data=st.data())
def test_a_text_passes_alike_however_it_is_cut(
    given_: tuple[str, dict[Source, list[str]]], data: st.DataObject
) -> None:
    text, lists = given_
    lexicon = lexicon_of(lists)
    whole = sift(text, lexicon)
    every_sign = list(range(1, len(text)))
    some = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))

    for cuts in (every_sign, some, *([cut] for cut in range(len(text)))):
        shown, gate, most = cut_everywhere(text, lexicon, cuts)
        assert (shown, gate.found, gate.is_shut) == (whole.text, whole.found, whole.is_rejected)
        assert most <= MOST_HELD


@given(given_=texts_and_words(), most=st.integers(1, 4))
def test_words_are_found_alike_in_however_many_automata(given_: tuple[str, dict[Source, list[str]]], most: int) -> None:
    text, lists = given_
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "MOST_TOGETHER", most)
        several = lexicon_of(lists)
    one = lexicon_of(lists)

    for end in range(1, len(text) + 1):
        found, expected = several.look(text[:end], is_end=False), one.look(text[:end], is_end=False)
        assert (set(found.matches), found.live_from) == (set(expected.matches), expected.live_from)


@given(given_=texts_and_words())
def test_only_what_may_still_become_a_word_is_held_back(given_: tuple[str, dict[Source, list[str]]]) -> None:
    text, lists = given_
    lexicon = lexicon_of(lists)
    wanted = {"".join(map(letters_of, word)) for words in lists.values() for word in words}
    gate = Gate(lambda: lexicon)
    shown = ""

    for end, sign in enumerate(text, start=1):
        shown += gate.take(sign)
        if gate.is_shut:
            break
        if held := text[len(shown) : end]:
            letters = "".join(map(letters_of, held))
            # A word may begin within a sign that stands for several letters.
            begun = [letters[skipped:] for skipped in range(len(letters_of(held[0])))]
            goes_on = any(word.startswith(part) and word != part for word in wanted for part in begun)
            assert goes_on or (belong_together(held[-1], held[-1]) and set(begun) & wanted)
