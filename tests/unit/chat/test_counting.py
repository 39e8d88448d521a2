"""Tokens as another process counts them, whatever becomes of it, and by which tables."""

import os
import signal
from collections.abc import Iterator

import pytest

from apps.chat import rules
from apps.chat.contracts import Role, TextPart, Tokenizer, ToolCall, ToolResult, Turn
from apps.chat.gateways import token_counter
from apps.chat.gateways.token_counter import TokenCounter
from apps.chat.rules.tokenizers import tokenizer_of

HELLO = "Hello, world! 你好，世界。"


@pytest.fixture
def counter() -> Iterator[TokenCounter]:
    counter = TokenCounter()
    yield counter
    counter.close()


def test_tokens_are_those_of_the_makers_tables(counter: TokenCounter) -> None:
    texts = ["hello world", "how many tokens?", "", HELLO, "<|endoftext|>"]

    assert counter.count(texts, Tokenizer.O200K) == [2, 4, 0, 9, 7]
    assert counter.count(texts, Tokenizer.CL100K) == [2, 4, 0, 12, 7]


def test_a_killed_counter_is_started_again(counter: TokenCounter) -> None:
    counter.count(["a"], Tokenizer.CL100K)
    assert counter._process.pid is not None
    os.kill(counter._process.pid, signal.SIGKILL)

    assert counter.count(["hello world"], Tokenizer.CL100K) == [2]


def test_where_nobody_can_count_nobody_does(
    counter: TokenCounter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert counter.count(["\ud800"], Tokenizer.CL100K) is None  # no text: it ends whoever counts it
    assert "nobody counts tokens" in caplog.text
    assert counter.count(["hello world"], Tokenizer.CL100K) == [2]

    monkeypatch.setattr(token_counter, "MOST_COUNTED_CHARS", 10)
    assert counter.count(["hello", "worlds"], Tokenizer.CL100K) is None


@pytest.mark.parametrize(
    ("code", "tokenizer"),
    [
        ("gpt-4o-mini", Tokenizer.O200K),
        ("gpt-4.1", Tokenizer.O200K),
        ("gpt-5-nano", Tokenizer.O200K),
        ("o3-mini", Tokenizer.O200K),
        ("gpt-4", Tokenizer.CL100K),
        ("gpt-4-turbo", Tokenizer.CL100K),
        ("GPT-3.5-turbo", Tokenizer.CL100K),
        ("text-embedding-3-small", Tokenizer.CL100K),
        ("openai/gpt-oss-120b", Tokenizer.HARMONY),
        ("qwen3.5-plus", Tokenizer.QWEN),
        ("qwen-max", None),
        ("glm-4.5", None),
        ("gpt-40", None),
        ("base", None),
    ],
)
def test_a_code_says_by_which_tables_where_it_is_its_makers(code: str, tokenizer: Tokenizer | None) -> None:
    assert tokenizer_of(Tokenizer.BY_CODE, code=code) is tokenizer


def test_operators_say_otherwise() -> None:
    assert tokenizer_of(Tokenizer.ESTIMATE, code="gpt-4o") is None
    assert tokenizer_of(Tokenizer.QWEN, code="gpt-4o") is Tokenizer.QWEN


def test_what_is_counted_is_what_is_estimated() -> None:
    call = ToolCall(id="c1", name="weather", arguments='{"city": "合肥"}')
    turns = (
        rules.text_turn(Role.USER, HELLO),
        Turn(role=Role.ASSISTANT, parts=(TextPart(text="let me see"), call)),
        Turn(role=Role.TOOL, parts=(ToolResult(text="23", call_id="c1"),)),
    )
    texts, around = rules.texts_to_count(turns)

    assert sum(map(rules.estimate_tokens, texts)) + around == rules.asked_tokens(turns)


def test_more_fits_by_exact_counts_and_what_is_left_out_is_left_out_whole() -> None:
    turns = [
        rules.text_turn(role, text)
        for role, text in [(Role.USER, "a" * 30), (Role.ASSISTANT, "b" * 30), (Role.USER, "c" * 30)]
    ]

    # Of ten and four around each there is room for two, which do not begin with an answer.
    assert rules.fit_history(turns, budget_tokens=30) == (turns[2],)
    assert rules.fit_history(turns, budget_tokens=30, exact_tokens=[6, 6, 6]) == tuple(turns)
    assert rules.fit_history(turns, budget_tokens=29, exact_tokens=[6, 6, 6]) == (turns[2],)
    assert rules.newest_turns(turns, budget_tokens=29, exact_tokens=[6, 6, 6]) == (turns[1], turns[2])
