"""What holds for every text and every number."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from apps.chat import rules
from apps.chat.contracts import Role, TextPart, ToolCall, ToolResult, Turn
from apps.chat.markup import GrowingText, Seen, Words, normal, render_blocks
from apps.kernel.characters import show_something
from apps.kernel.errors import DomainError

texts = st.text(max_size=300)
pieces = (
    "# ", "- ", "1. ", "```", "```py\n", "$$", "\\(", "\\)", "\\[", "\n", "\n\n", "| a |", "|---|", "> ", "**", "`",
    "<b>", "a", "你", " ", "    ", "\r\n", "[x](y)", "![", "](", "&amp;", "\\", "~~",
    "：", "*", "_", "。", "[^1]", ": ", "<br>", "https://a.b",
)  # fmt: skip
markdown = st.lists(st.sampled_from(pieces), max_size=40).map("".join)
chinese = st.text(st.sampled_from("请先登录：。，、！？（）《》“”「」中文"), min_size=1, max_size=6)
FENCE = re.compile(r"^ *(?:~~~|```)", re.MULTILINE)
EMPHASIS = re.compile(r"</?(?:em|strong|s|code)>")
# In a conversation nobody speaks as the system.
turn = st.builds(rules.text_turn, st.sampled_from([Role.USER, Role.ASSISTANT]), texts)
turns = st.lists(turn, max_size=12)


@given(gaps=st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 400)), min_size=1, max_size=12))
def test_no_granted_day_is_lost_and_none_is_given_twice(gaps: list[tuple[int, int]]) -> None:
    now = start = datetime(2026, 1, 1, tzinfo=UTC)
    ends_at: datetime | None = start
    covered: set[int] = set()

    for hours, days in gaps:
        now += timedelta(hours=hours)
        assert ends_at is not None
        first = max(ends_at, now)
        before, ends_at = ends_at, rules.lengthened(ends_at=ends_at, days=days, now=now)
        assert ends_at is not None
        assert ends_at > before
        since = (first - start) // timedelta(hours=1)
        span = set(range(since, (ends_at - start) // timedelta(hours=1)))
        assert not covered & span
        covered |= span

    assert len(covered) == 24 * sum(days for _, days in gaps)


@given(history=turns, question=texts.filter(show_something), budget=st.integers(0, 400))
def test_a_context_ends_with_the_question_and_fits(history: list[Turn], question: str, budget: int) -> None:
    asked = rules.text_turn(Role.USER, question)

    kept = rules.fit_history([*history, asked], budget_tokens=budget)

    said = [turn for turn in [*history, asked] if show_something(turn.text)]
    whole = "\n\n".join(turn.text for turn, _ in groupby(said))
    assert kept[-1].text.endswith(question)
    assert [turn.role for turn in kept] == [Role.ASSISTANT if n % 2 else Role.USER for n in range(len(kept))]
    assert whole.endswith("\n\n".join(turn.text for turn in kept))
    assert kept == (asked,) or sum(rules.estimate_tokens(turn.text) for turn in kept) <= budget


text_parts = st.builds(TextPart, text=texts)
calls = st.builds(ToolCall, id=texts, name=texts, arguments=texts)
results = st.builds(ToolResult, text=texts, call_id=texts)


def turns_by(*roles: Role, parts: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[Turn]:
    """What these roles may say."""
    said = st.lists(parts, min_size=1, max_size=most).map(tuple)
    return st.builds(Turn, role=st.sampled_from(roles), parts=said)


@given(
    turns=st.lists(
        turns_by(Role.USER, Role.SYSTEM, parts=text_parts)
        | turns_by(Role.ASSISTANT, parts=text_parts | calls)
        | turns_by(Role.TOOL, parts=results, most=1)
    )
)
def test_a_kept_request_says_what_was_asked(turns: list[Turn]) -> None:
    kept = json.loads(json.dumps(rules.request_of(turns)))

    assert list(rules.turns_of(kept)) == turns


@given(
    request=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["role", "parts", "type", "text", "user"]), inner, max_size=3)
        ),
    )
)
def test_whatever_is_sent_is_read_or_refused(request: object) -> None:
    with suppress(DomainError):
        assert rules.read_request(request)


@given(text=texts)
def test_a_title_always_fits(text: str) -> None:
    title = rules.title_from(text)

    assert len(title) <= rules.MAX_TITLE
    assert "\n" not in title


@given(text=markdown, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_streaming_in_any_pieces_ends_like_the_whole(text: str, cuts: list[int]) -> None:
    growing, seen = GrowingText(), Seen()
    shown: list[str] = []
    for cut in [*sorted(cuts), len(text)]:
        unfinished = growing.unfinished(normal(text[:cut]))
        growing.take(unfinished, render_blocks(unfinished, Words(), goes_on=True))
        first, blocks = growing.news(seen)
        shown[first:] = blocks

    whole = [block.html for block in render_blocks(text, Words())]
    first, blocks = growing.end(seen, whole)
    shown[first:] = blocks

    assert shown == whole


# A fence is no emphasis: we show what is in it in another way.
@given(text=st.text(st.sampled_from("ab1 *_~`.!(\"'\n"), max_size=60).filter(lambda text: not FENCE.search(text)))
def test_text_without_chinese_is_read_as_commonmark_reads_it(text: str) -> None:
    stock = MarkdownIt("commonmark").enable("strikethrough")

    ours = "".join(block.html for block in render_blocks(text, Words()))

    assert EMPHASIS.findall(ours) == EMPHASIS.findall(stock.render(text))


@given(before=chinese, inside=chinese, after=chinese, marker=st.sampled_from(["*", "**", "***", "~~"]))
def test_a_marker_around_chinese_is_never_seen(before: str, inside: str, after: str, marker: str) -> None:
    html = "".join(block.html for block in render_blocks(f"{before}{marker}{inside}{marker}{after}", Words()))

    assert marker[0] not in html
