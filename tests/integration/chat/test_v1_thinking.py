"""What models think goes to programs as it comes, and what an answer took of thoughts and of what was cached."""

import threading
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat.contracts import GenerationState, WordAction
from apps.chat.engine import feed
from apps.kernel.redis import sync_redis
from tests.integration.chat.conftest import EngineThread, send, wait_for
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_filtered_answers import begin
from tests.integration.chat.test_live import connections
from tests.integration.chat.test_reasoning import thought
from tests.integration.chat.test_streams import opened, text_of
from tests.integration.chat.test_v1_completions import HELLO, client, only, paid
from tests.integration.chat.test_word_lists import save_list
from tests.integration.chat.upstream import DONE, Silence, Upstream, answer, event, piece, reason

__all__ = ["begin", "client"]

pytestmark = pytest.mark.django_db(transaction=True)


def counts(prompt: int, completion: int, *, cached: int, thoughts: int) -> bytes:
    """The usage as OpenAI details it."""
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }
    return event({"choices": [], "usage": usage})


def told(chunks: list[Any]) -> tuple[str, str]:
    """What chunks said that was thought, and what was answered."""
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    return (
        "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas),
        "".join(delta.content or "" for delta in deltas),
    )


def test_thoughts_come_as_they_are_thought(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gates = [threading.Event(), threading.Event()]
    upstream.scripts["up-base"] = [
        *(thought("six "), gates[0], thought("by seven"), gates[1]),
        *(piece("42"), reason("stop"), counts(7, 5, cached=3, thoughts=4), DONE),
    ]
    seen: list[Any] = []

    stream = client.chat.completions.create(
        model="base", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        seen.append(chunk)
        if told(seen) == ("six ", ""):
            gates[0].set()
        if told(seen) == ("six by seven", ""):
            gates[1].set()

    assert told(seen) == ("six by seven", "42")
    assert seen[-1].usage.prompt_tokens_details.cached_tokens == 3
    assert seen[-1].usage.completion_tokens_details.reasoning_tokens == 4
    assert all(chunk.usage is None for chunk in seen[:-1])
    assert (only().text, only().reasoning) == ("42", "six by seven")
    assert_audit_is_clean()


def test_an_answer_at_once_has_its_thoughts_beside_it(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [
        thought("six by seven"), piece("42"), reason("stop"), counts(7, 5, cached=3, thoughts=4), DONE,
    ]  # fmt: skip

    said: Any = client.chat.completions.create(model="base", messages=HELLO)

    message = said.choices[0].message
    assert (message.content, message.reasoning_content) == ("42", "six by seven")
    assert (said.usage.prompt_tokens, said.usage.prompt_tokens_details.cached_tokens) == (7, 3)
    assert (said.usage.completion_tokens, said.usage.completion_tokens_details.reasoning_tokens) == (5, 4)


def test_an_answer_without_thoughts_names_none(client: OpenAI, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("42")

    said: Any = client.chat.completions.create(model="base", messages=HELLO)

    assert "reasoning_content" not in said.choices[0].message.model_fields_set
    assert said.usage.completion_tokens_details.reasoning_tokens == 0


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_answer_too_short_for_more_than_thoughts_ends_for_its_length_and_is_paid(
    is_streamed: bool, client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [thought("six by"), reason("length"), counts(7, 5, cached=0, thoughts=5), DONE]

    said: Any = client.chat.completions.create(model="base", messages=HELLO, stream=is_streamed)

    if is_streamed:
        seen = list(said)
        assert (told(seen), seen[-1].choices[0].finish_reason) == (("six by", ""), "length")
    else:
        choice = said.choices[0]
        assert (choice.message.content, choice.message.reasoning_content) == ("", "six by")
        assert choice.finish_reason == "length"
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


def test_thoughts_that_break_off_say_that_they_were_kept(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [thought("six by")]
    stream = client.chat.completions.create(model="base", messages=HELLO, stream=True)
    seen: list[Any] = []

    with pytest.raises(openai.APIError) as broken:
        seen.extend(stream)

    assert told(seen) == ("six by", "")
    assert broken.value.message == "回答中断，已生成的内容已保留。"
    assert paid(rich_alice) == 1000


def test_operators_words_end_thoughts_before_a_program_reads_them(
    client: OpenAI, upstream: Upstream, begin: Callable[[], None]
) -> None:
    save_list(WordAction.REJECT, "badword")
    begin()
    upstream.scripts["up-base"] = [thought("so a bad"), thought("word it is"), *answer("42")]

    seen = list(client.chat.completions.create(model="base", messages=HELLO, stream=True))

    assert told(seen) == ("so a ", "")
    assert seen[-1].choices[0].finish_reason == "content_filter"


def lose_what_is_said(name: str, gate: threading.Event) -> None:
    """Hang up on all readers, let the provider go on, and forget what was kept until it said "4"."""
    for line in connections():
        if line["sub"] != "0":
            sync_redis().client_kill_filter(_id=line["id"])
    gate.set()

    def last() -> Any:
        kept: Any = sync_redis().xrevrange(name, count=1)
        return kept[0][1][b"text"]

    wait_for(lambda: last() == b"4", what="the text")
    sync_redis().delete(name)


def test_thoughts_that_redis_lost_are_told_from_the_row_at_the_end(
    client: OpenAI, upstream: Upstream, engine: EngineThread
) -> None:
    """Heard are the first ones; then the reader's line breaks, and what was said is kept nowhere but in the engine."""
    lost, rest = threading.Event(), threading.Event()
    upstream.scripts["up-base"] = [
        thought("one "),
        lost,
        thought("two "),
        piece("4"),
        rest,
        thought("three"),
        piece("2"),
        reason("stop"),
        DONE,
    ]
    seen: list[Any] = []

    for chunk in client.chat.completions.create(model="base", messages=HELLO, stream=True):
        seen.append(chunk)
        if told(seen) == ("one ", "") and not lost.is_set():
            lose_what_is_said(feed.channel(only().pk), lost)
            rest.set()

    assert told(seen) == ("one two three", "42")
    assert seen[-1].choices[0].finish_reason == "stop"


def test_who_reads_the_page_of_an_answer_hears_no_thoughts(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = Silence()
    upstream.scripts["up-base"] = [thought("six by seven"), gate, *answer("42")]
    asked = send(rich_alice.id)

    with opened(site, rich_alice.id, asked.generation.id) as stream:
        wait_for(lambda: sync_redis().exists(feed.channel(asked.generation.id)), what="a thought")
        gate.set()
        events = list(stream.events())

    assert text_of(events) == "42"
    assert only().state == GenerationState.FINISHED
