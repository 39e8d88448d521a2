"""Emphasis beside Chinese, and emphasis that is still being written.

CommonMark asks whether a run of `*` touches a space or a punctuation mark, which says nothing where words stand
without spaces: in `**注意：**请` the closing run would stay two stars. Here a full-width mark counts as a letter, and a
CJK neighbour as the edge of a word. Text without such characters is read exactly as CommonMark reads it.
"""

import unicodedata

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.balance_pairs import link_pairs
from markdown_it.rules_inline.state_inline import Delimiter, Scanned
from markdown_it.token import Token

_PAIRED = {ord("*"), ord("_"), ord("~")}
# Scripts without spaces between words that Unicode does not call wide: Hangul letters, half-width kana.
_NARROW = (("\u1100", "\u11ff"), ("\uff61", "\uffdc"))
_VARIATION = ("\ufe00", "\ufe0f")


class Inline(ParserInline):
    """The inline parser with our way to look at the neighbours of a delimiter run."""

    def parse(self, src: str, md: MarkdownIt, env: object, tokens: list[Token]) -> list[Token]:
        """As the base class does it, over our state."""
        state = _State(src, md, env, tokens)  # type: ignore[arg-type]  # the library's own name for any mapping
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class _State(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803  # the library's names
        """Whether the run of markers at `start` may open and close."""
        marker, end = self.src[start], start
        while end < self.posMax and self.src[end] == marker:
            end += 1
        before = _before(self.src, start)
        after = self.src[end] if end < self.posMax else " "
        space_before, space_after = isWhiteSpace(ord(before)), isWhiteSpace(ord(after))
        cjk_before, cjk_after = _is_cjk(before), _is_cjk(after)
        mark_before, mark_after = _is_mark(before), _is_mark(after)
        edge_before = space_before or mark_before or cjk_before
        edge_after = space_after or mark_after or cjk_after
        left = not space_after and (not mark_after or cjk_after or edge_before)
        right = not space_before and (not mark_before or cjk_before or edge_after)
        can_open = left and (canSplitWord or not right or mark_before)
        can_close = right and (canSplitWord or not left or mark_after)
        return Scanned(can_open, can_close, end - start)


def balance(state: StateInline) -> None:
    """Pair the delimiters; in a text that goes on, an opener without its closer holds to the end."""
    link_pairs(state)
    if not state.env.get("goes_on"):
        return
    for index in reversed(_open_ones(state)):
        opener = state.delimiters[index]
        closing = Token("text", "", 0, content=state.tokens[opener.token].content, level=state.level)
        state.tokens.append(closing)
        state.tokens_meta.append(None)
        opener.end = len(state.delimiters)
        state.delimiters.append(
            Delimiter(
                marker=opener.marker,
                length=opener.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=False,
                close=True,
            )
        )


def _open_ones(state: StateInline) -> list[int]:
    found: list[int] = []
    index = 0
    while index < len(state.delimiters):
        delimiter = state.delimiters[index]
        if delimiter.end >= 0:  # what is inside a pair stays inside it
            index = delimiter.end + 1
            continue
        if delimiter.open and delimiter.marker in _PAIRED and not _is_within_a_word(state, delimiter.token):
            found.append(index)
        index += 1
    return found


def _is_within_a_word(state: StateInline, token: int) -> bool:
    """Whether a run follows a Latin letter or digit: 2*3 is more likely to stay a product than to become italic."""
    while token > 0 and state.tokens[token - 1].type == "text":
        token -= 1
        if text := state.tokens[token].content.strip("*_~"):
            last = text[-1]
            return last.isascii() and last.isalnum()
    return False


def _before(text: str, start: int) -> str:
    """The character before a run; one that only varies the character before it is skipped."""
    start -= 1
    while start > 0 and _VARIATION[0] <= text[start] <= _VARIATION[1]:
        start -= 1
    return text[start] if start >= 0 else " "


def _is_mark(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)


def _is_cjk(character: str) -> bool:
    if character.isascii():
        return False
    if unicodedata.category(character) == "So":  # emoji are wide, too, but are no script
        return False
    wide = unicodedata.east_asian_width(character) in "WF"
    return wide or any(first <= character <= last for first, last in _NARROW)
