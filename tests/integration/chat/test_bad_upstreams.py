"""What bad upstreams did to answers by the token, to times, and to keys: each found with a server of raw bytes."""

import threading
from typing import Any

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, PerTokens, UsageBasis
from apps.chat.models import AnswerUsage, ChannelHealth, ChannelKey
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from tests.integration.chat.conftest import (
    EngineThread,
    be_impatient,
    generation,
    make_model,
    send,
    settled,
    wait_for,
)
from tests.integration.chat.test_failover import second
from tests.integration.chat.test_reasoning import thought
from tests.integration.chat.upstream import (
    DONE,
    Drop,
    Line,
    Silence,
    Upstream,
    answer,
    event,
    head,
    piece,
    reason,
    running_line,
    usage,
)

__all__ = ["second"]

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED, FAILED, INTERRUPTED = GenerationState.FINISHED, GenerationState.FAILED, GenerationState.INTERRUPTED
PRICE = PerTokens(input_milli=1000, cached_milli=1000, output_milli=1000)
# Sixteen tokens and four around them, and ten: as we count them.
QUESTION, TEN = "xyz" * 16, "一二三四五六七八九十"
# Longer than a test's patience with what a channel may not take.
LATE = 20.0


def counting(text: str, prompt: int, completion: int) -> bytes:
    """An event with a text and a usage."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return event({"choices": [choice], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


@pytest.mark.parametrize(
    ("script", "tokens", "basis"),
    [
        # LocalAI counts nothing, and says so with every word.
        ([counting(TEN, 0, 0), reason("stop"), usage(0, 0), DONE], (20, 10), UsageBasis.DOUBTED),
        ([piece(TEN), reason("stop"), usage(30, 0), DONE], (30, 10), UsageBasis.DOUBTED),
        # What Anthropic says when a message begins, as relays pass it on.
        ([usage(30, 1), piece(TEN), reason("stop"), DONE], (20, 10), UsageBasis.COUNTED),
        ([usage(30, 1) + piece(TEN), Drop()], (20, 10), UsageBasis.COUNTED),
        ([usage(30, 1), thought(TEN), Drop()], (20, 10), UsageBasis.COUNTED),
        ([usage(30, 1), piece(TEN), reason("stop"), usage(30, 7), DONE], (30, 7), UsageBasis.REPORTED),
        # vLLM counts with every word what there is up to it.
        ([counting("一二", 30, 2), counting("三四五六七八九十", 30, 9), Drop()], (30, 9), UsageBasis.REPORTED),
        # The beginning of a mark that is none comes behind all that was heard.
        ([piece("<thi"), reason("stop"), usage(30, 2), DONE], (30, 2), UsageBasis.REPORTED),
    ],
    ids=["zeros", "no output", "before", "before, cut", "before thoughts", "twice", "with each", "held back"],
)
@pytest.mark.usefixtures("engine")
def test_a_count_is_of_what_was_written_when_it_was_told(
    rich_alice: Member, upstream: Upstream, script: Any, tokens: tuple[int, int], basis: UsageBasis
) -> None:
    make_model(url=upstream.url, price=PRICE)
    upstream.scripts["up-base"] = script

    done, _ = settled(rich_alice.id, send(rich_alice.id, QUESTION).generation.id)

    assert (done.prompt_tokens, done.completion_tokens, done.charged_milli) == (*tokens, sum(tokens))
    assert AnswerUsage.objects.get(pk=done.id).basis == basis
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


def test_a_stop_pays_for_what_was_kept_though_less_was_counted_before_it(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    make_model(url=upstream.url, price=PRICE)
    gate = Silence()
    upstream.scripts["up-base"] = [usage(30, 1), piece(TEN), gate, reason("stop"), usage(30, 8), DONE]
    asked = send(rich_alice.id, QUESTION).generation.id
    wait_for(lambda: generation(asked).text == TEN, what="saved text")

    services.stop_generation(user_id=rich_alice.id, generation_id=asked, now=clock.now())

    done, _ = settled(rich_alice.id, asked)
    gate.set()
    assert (done.state, done.charged_milli) == (GenerationState.STOPPED, 30)


@pytest.mark.parametrize("limit", ["first_word_seconds", "total_seconds"])
@pytest.mark.parametrize("is_taken", [True, False], ids=["headers", "nothing"])
def test_a_channel_that_says_nothing_at_all_has_no_longer_than_to_its_first_word(
    rich_alice: Member, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, limit: str, is_taken: bool
) -> None:
    be_impatient(monkeypatch, **{limit: 1.0})

    def say(line: Line) -> None:
        line.hear()
        line.say(head() if is_taken else b"")
        threading.Event().wait(LATE)
        line.say((b"" if is_taken else head()) + b"".join(answer("late")))

    with running_line(say) as url:
        services.save_channel(code="test", base_url=url, api_key="sk-test-secret", now=clock.now())
        engine = EngineThread()
        engine.start()
        done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)
        engine.end()

    assert (done.state, done.error_code, text) == (FAILED, "upstream_timeout", "")


def test_why_a_channel_refuses_is_waited_for_no_longer_than_it_may_be_silent(
    rich_alice: Member, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, silence_seconds=1.0)

    def say(line: Line) -> None:
        line.hear()
        line.say(head("500 Internal Server Error", content_type="application/json"))
        threading.Event().wait(6.0)
        line.say(b'{"error": {"code": "1301"}}')

    with running_line(say) as url:
        services.save_channel(code="test", base_url=url, api_key="sk-test-secret", now=clock.now())
        engine = EngineThread()
        engine.start()
        done, _ = settled(rich_alice.id, send(rich_alice.id).generation.id)
        engine.end()

    assert (done.state, done.error_code) == (FAILED, "upstream_failed")


def test_another_key_of_a_channel_needs_no_further_place_there(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    services.save_channel(
        code="test", base_url=upstream.url, api_key="sk-bad", limits={"max_running": 1}, now=clock.now()
    )
    services.save_channel_key(channel_code="test", name="other", api_key="sk-good", now=clock.now())
    upstream.refused_keys["Bearer sk-bad"] = (401, {})
    upstream.scripts["up-base"] = answer("by the other key")

    texts = {settled(rich_alice.id, send(rich_alice.id).generation.id)[1] for _ in range(2)}

    # Whichever came first.
    assert texts == {"by the other key"}
    assert ChannelKey.objects.get(name="main").sleep_reason == "upstream_key_refused"


@pytest.mark.parametrize(
    ("kind", "refusal", "reason_of_sleep"),
    [
        ("openai-compatible", (400, {"code": "Arrearage", "message": "Access denied"}), "upstream_arrears"),
        ("openai-compatible", (403, {"error": {"code": "insufficient_user_quota"}}), "upstream_arrears"),
        ("openai-compatible", (429, [{"error": {"code": "insufficient_quota"}}]), "upstream_arrears"),
        ("openai", (429, {"error": {"code": "billing_not_active"}}), "upstream_arrears"),
        ("zhipu", (403, {"error": {"code": "1112"}}), "upstream_key_refused"),
        ("openai-compatible", (200, {"error": {"code": 402}}), "upstream_arrears"),
        ("openai-compatible", (200, {"error": {"code": "invalid_api_key"}}), "upstream_key_refused"),
        ("openai-compatible", (200, {"error": {"code": 429}}), ""),
        ("openai-compatible", (200, {"error": {"code": "rate_limit_exceeded"}}), ""),
    ],
)
@pytest.mark.usefixtures("engine")
def test_the_key_that_an_error_is_about_sleeps_and_its_channel_is_well(
    rich_alice: Member, upstream: Upstream, kind: str, refusal: tuple[int, object], reason_of_sleep: str
) -> None:
    services.save_channel(code="test", kind=kind, base_url=upstream.url, api_key="sk-bad", now=clock.now())
    services.save_channel_key(channel_code="test", name="other", api_key="sk-good", now=clock.now())
    upstream.refused_keys["Bearer sk-bad"] = refusal
    upstream.scripts["up-base"] = answer("by the other key")

    texts = {settled(rich_alice.id, send(rich_alice.id).generation.id)[1] for _ in range(2)}

    assert texts == {"by the other key"}
    assert ChannelKey.objects.get(name="main").sleep_reason == reason_of_sleep
    assert not ChannelHealth.objects.exists()


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ([piece(TEN), reason("model_context_window_exceeded"), DONE], (FINISHED, "length", "")),
        (
            [reason("model_context_window_exceeded"), DONE],
            (FAILED, "model_context_window_exceeded", "context_too_long"),
        ),
    ],
    ids=["in the middle", "before a word"],
)
@pytest.mark.usefixtures("engine")
def test_a_context_that_is_full_is_the_conversations_and_not_the_channels(
    rich_alice: Member, upstream: Upstream, second: Upstream, script: list[bytes], end: tuple[GenerationState, str, str]
) -> None:
    upstream.scripts["up-base"] = script

    done, _ = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert (done.state, done.finish_reason, done.error_code) == end
    assert second.requests == []
    assert not ChannelHealth.objects.exists()


@pytest.mark.usefixtures("engine")
def test_who_says_that_it_is_busy_is_asked_last_until_then(
    rich_alice: Member, upstream: Upstream, second: Upstream
) -> None:
    upstream.refusals["up-base"] = (429, {})
    upstream.retry_after = "3600"

    texts = [settled(rich_alice.id, send(rich_alice.id).generation.id)[1] for _ in range(3)]

    assert texts == ["from the second"] * 3
    assert len(upstream.requests) == 1
    # Where there is nobody else, it is asked all the same.
    second.refusals["up-base"] = (500, {})
    del upstream.refusals["up-base"]
    upstream.scripts["up-base"] = answer("from the first")
    assert settled(rich_alice.id, send(rich_alice.id).generation.id)[1] == "from the first"


@pytest.mark.usefixtures("engine")
def test_another_key_answers_while_one_is_busy(rich_alice: Member, upstream: Upstream) -> None:
    services.save_channel_key(channel_code="test", name="other", api_key="sk-good", now=clock.now())
    upstream.refused_keys["Bearer sk-test-secret"] = (429, {})
    upstream.retry_after = "30"
    upstream.scripts["up-base"] = answer("by the other key")

    texts = [settled(rich_alice.id, send(rich_alice.id).generation.id)[1] for _ in range(4)]

    assert texts == ["by the other key"] * 4
    assert upstream.keys.count("Bearer sk-test-secret") == 1


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ([reason("stop"), usage(7, 0), DONE], (FINISHED, "", "from the second")),
        ([reason("stop"), DONE], (FINISHED, "", "from the second")),
        # It thought, or called tools, and is paid for that; or it was filtered.
        ([reason("stop"), usage(7, 90), DONE], (FAILED, "empty_answer", "")),
        ([reason("length"), usage(7, 0), DONE], (FAILED, "empty_answer", "")),
        ([reason("content_filter"), usage(7, 0), DONE], (FAILED, "content_refused", "")),
    ],
    ids=["no token", "no count", "tokens", "length", "filtered"],
)
@pytest.mark.usefixtures("engine")
def test_another_channel_answers_what_one_calls_answered_without_a_token(
    rich_alice: Member, upstream: Upstream, second: Upstream, script: list[bytes], end: tuple[GenerationState, str, str]
) -> None:
    upstream.scripts["up-base"] = script

    done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert (done.state, done.error_code, text) == end
    # It may have been the question: nothing is held against the channel.
    assert not ChannelHealth.objects.exists()


def test_where_there_is_nobody_else_an_answer_without_a_token_is_what_it_is(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [reason("stop"), usage(7, 0), DONE]

    done, _ = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert (done.state, done.finish_reason, done.error_code) == (FAILED, "stop", "empty_answer")
    assert (done.prompt_tokens, done.charged_milli) == (7, 0)
