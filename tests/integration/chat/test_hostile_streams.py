"""Streams of every odd kind: what the member sees, how it ends, what it costs, and that nobody else notices."""

import json
import logging
import threading
from typing import Any

import pytest

from apps.accounts.contracts import Member
from apps.chat.contracts import QUOTA, GenerationState
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.ledger import services as ledger
from tests.integration.chat.conftest import (
    EngineThread,
    be_impatient,
    generation,
    give_quota,
    make_model,
    send,
    set_limits,
    settled,
    wait_for,
)
from tests.integration.chat.upstream import DONE, Silence, Upstream, answer, event, piece, reason, usage

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED, INTERRUPTED, FAILED = GenerationState.FINISHED, GenerationState.INTERRUPTED, GenerationState.FAILED
WHOLE = (FINISHED, "", "Whole")
SEPARATORS = "a\u2028b\u2029c\u0085d"
DEEP = b"data: " + b"[" * 100_000 + b"\n\n"
# Small containers cost most: what a document of them may be, and one that is more.
WIDE = b'data: {"choices": [{"delta": {"content": "Who"}}], "x": [%s[]]}\n\n'
UNREADABLE = b"data: {no\n\n"
# Seventy-five a second, for all the time that an answer may take.
HEARTBEATS = b": keep-alive\n\n" * 45_000
FLOOD = 110_000  # of lines, and of events


def delta(**said: Any) -> bytes:
    """An event whose delta is not as agreed."""
    return event({"choices": [{"index": 0, "delta": said, "finish_reason": None}]})


def end(finish_reason: Any) -> bytes:
    """An event whose finish_reason is not as agreed."""
    return event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})


def over(**said: Any) -> bytes:
    """An event that calls itself the last one, usage and all, as each one of some providers does."""
    choice = {"index": 0, "delta": said, "finish_reason": "stop"}
    return event({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})


def pretty(data: bytes) -> bytes:
    """The same event, its JSON over several `data:` lines."""
    document = json.loads(data[6:])
    return "".join(f"data: {line}\n" for line in json.dumps(document, indent=1).splitlines()).encode() + b"\n"


CASES: dict[str, tuple[list[Any], GenerationState, str, str]] = {
    # Lines and events.
    "separators": (answer(SEPARATORS), FINISHED, "", SEPARATORS),
    "cr-lines": ([part.replace(b"\n", b"\r") for part in answer("Whole")], *WHOLE),
    "crlf-lines": ([part.replace(b"\n", b"\r\n") for part in answer("Whole")], *WHOLE),
    "cut-crlf": (
        [half for part in answer("Whole") for half in (part[:-1] + b"\r", b"\n\r", b"\n")],
        *WHOLE,
    ),
    "bom": ([b"\xef\xbb\xbf" + piece("Who"), *answer("le")], *WHOLE),
    "several-data-lines": ([pretty(piece("Whole")), *answer()], *WHOLE),
    "no-last-line-end": ([piece("Whole"), reason("stop")[:-2]], *WHOLE),
    "half-an-emoji": ([b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n',
                       b'data: {"choices":[{"delta":{"content":"\\ude00"}}]}\n\n', *answer("!")], FINISHED, "", "😀!"),
    "broken-bytes": ([piece("Whole").replace(b"Wh", b"\xffWh"), *answer()], FINISHED, "", "\ufffdWhole"),
    # Events that are no part of an answer.
    "one-unreadable": ([piece("Who"), UNREADABLE, *answer("le")], *WHOLE),
    "only-unreadable": ([piece("Half"), *[UNREADABLE] * 100], INTERRUPTED, "upstream_garbled", "Half"),
    "deep-json": ([piece("Who"), DEEP, *answer("le")], *WHOLE),
    "page": ([b"<html>sign in first</html>"], FAILED, "upstream_garbled", ""),
    "named-error": (
        [piece("Half"), b'event: error\ndata: {"code": "1301"}\n\n'],
        INTERRUPTED,
        "content_refused",
        "Half",
    ),
    # Fields of the wrong type.
    "list-content": ([delta(content=[{"type": "text", "text": "Whole"}]), *answer()], *WHOLE),
    "number-content": ([delta(content=5), *answer("Whole")], *WHOLE),
    "number-reason": ([piece("Whole"), end(5), usage(1, 1), DONE], *WHOLE),
    "list-reason": ([piece("Half"), end(["stop"])], INTERRUPTED, "upstream_cut", "Half"),
    "long-reason": ([piece("Whole"), end("a\x00" * 500)], *WHOLE),
    "null-reason": ([piece("Half", finish_reason="null")], INTERRUPTED, "upstream_cut", "Half"),
    "none-reason": ([piece("Half"), end("None")], INTERRUPTED, "upstream_cut", "Half"),
    "choices-text": ([event({"choices": "no"}), *answer("Whole")], *WHOLE),
    "error-text": ([piece("Half"), event({"error": ["x"]})], INTERRUPTED, "upstream_failed", "Half"),
    # Other ways to say something.
    "refusal": ([delta(refusal="I will not.", content=None), *answer()], FINISHED, "", "I will not."),
    "reasoning": ([delta(reasoning_content="Let me think."), *answer("Whole")], *WHOLE),
    "written-thought": ([piece("\n<thi"), piece("nk>Let me"), piece(" think.</think>\n\nWho"), *answer("le")], *WHOLE),
    "only-a-written-thought": ([piece("<think>Let me think, and"), reason("length")], FAILED, "empty_answer", ""),
    "only-reasoning": ([delta(reasoning_content="Let me think."), *answer()], FAILED, "empty_answer", ""),
    "document": (
        [json.dumps({"choices": [{"message": {"content": "Whole"}, "finish_reason": "stop"}]}).encode()],
        *WHOLE,
    ),
    "error-document": ([b'{"error": {"code": "1113", "message": "pay"}}'], FAILED, "upstream_arrears", ""),
    "other-document": ([b'{"success": false}'], FAILED, "upstream_failed", ""),
    "flat-error": ([b'{"code": 1301, "msg": "no"}'], FAILED, "content_refused", ""),
    "broken-document": ([b'{"choices": [{"message": {"content": "Wh'], FAILED, "upstream_garbled", ""),
    "whole-message-behind": (
        [
            piece("Who"),
            piece("le"),
            event({"choices": [{"message": {"content": "Whole"}, "finish_reason": "stop"}]}),
        ],
        *WHOLE,
    ),
    "thinking-part": (
        [delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]), *answer("Whole")],
        *WHOLE,
    ),
    # Sizes.
    "long-deltas": ([*[piece("长" * 50_000)] * 5, *answer()], FINISHED, "", "长" * 200_000),
    "wide-event": ([WIDE % (b"[]," * 80_000), *answer("le")], *WHOLE),
    "wider-event": ([piece("Half"), WIDE % (b"[]," * 90_000), *answer()], INTERRUPTED, "upstream_garbled", "Half"),
    "wide-error": ([b"event: error\n" + WIDE % (b"[]," * 80_000)], FAILED, "upstream_failed", ""),
    "wide-document": ([WIDE[6:] % (b"[]," * 180_000)], FAILED, "upstream_garbled", ""),
    "huge-delta": ([piece("Half"), piece("x" * 3_000_000), *answer()], INTERRUPTED, "upstream_garbled", "Half"),
    "endless-line": ([piece("Half"), *[b"data: " + b"x" * 65_000] * 40], INTERRUPTED, "upstream_garbled", "Half"),
    "huge-document": ([b'{"choices": "', *[b"x" * 65_000] * 40], FAILED, "upstream_garbled", ""),
    # Floods: they say nothing, and without end. The answer would go on behind them.
    "heartbeats": ([piece("Who"), HEARTBEATS, piece("l"), HEARTBEATS, *answer("e")], *WHOLE),
    "lines-first": ([b"\n" * FLOOD, *answer("late")], FAILED, "upstream_garbled", ""),
    "lines": ([piece("Half"), b"\n" * FLOOD, *answer("late")], INTERRUPTED, "upstream_garbled", "Half"),
    "comments": ([piece("Half"), b":\n" * FLOOD, *answer("late")], INTERRUPTED, "upstream_garbled", "Half"),
    "fields": ([piece("Half"), b"id: 7\n" * FLOOD, *answer("late")], INTERRUPTED, "upstream_garbled", "Half"),
    "data-lines": ([piece("Half"), b"data\n" * FLOOD, *answer("late")], INTERRUPTED, "upstream_garbled", "Half"),
    "empty-events": ([piece("Half"), b"data:\n\n" * FLOOD, *answer("late")], INTERRUPTED, "upstream_garbled", "Half"),
    "empty-deltas": ([piece("Half"), delta() * FLOOD, *answer("late")], INTERRUPTED, "upstream_garbled", "Half"),
    "thoughts": (
        [piece("Half"), delta(reasoning="x" * 200_000), delta(reasoning="x") * FLOOD, *answer("late")],
        INTERRUPTED,
        "upstream_garbled",
        "Half",
    ),
    # The end.
    "ends-with-every-word": ([*(over(content=word) for word in ("W", "ho", "le")), DONE], *WHOLE),
    "ends-with-a-thought": ([over(reasoning_content="Let me think."), over(content="Whole"), DONE], *WHOLE),
    "ends-before-the-first-word": ([over(role="assistant", content=""), *answer("Whole")], *WHOLE),
    "done-with-usage": ([piece("Whole"), usage(3, 4), DONE], *WHOLE),
    "aborted": ([piece("Half"), reason("abort"), DONE], INTERRUPTED, "upstream_cut", "Half"),
    "aborted-at-once": ([reason("error"), DONE], FAILED, "upstream_cut", ""),
    "error-in-the-choice": (
        [piece("Half"), event({"choices": [{"delta": {}, "error": {"code": 502}, "finish_reason": "error"}]})],
        INTERRUPTED,
        "upstream_failed",
        "Half",
    ),
    "error-after-the-end": ([piece("Whole"), reason("stop"), event({"error": {"code": "x"}})], *WHOLE),
    "garbage-after-the-end": ([piece("Whole"), reason("stop"), *[UNREADABLE] * 50], *WHOLE),
}  # fmt: skip


def test_an_odd_stream_ends_as_it_should_and_its_neighbour_goes_on(
    alice: Member, upstream: Upstream, engine: EngineThread, caplog: pytest.LogCaptureFixture
) -> None:
    set_limits(max_running=100, max_per_minute=1000)
    give_quota(alice.id, 100_000)
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("Before, "), gate, *answer("and after.")]
    neighbour = send(alice.id)
    wait_for(lambda: generation(neighbour.generation.id).text == "Before, ", what="the neighbour's beginning")
    for case, (script, *_) in CASES.items():
        # A channel for each: one that fails again and again is left alone.
        make_model(case, url=upstream.url, channel=case)
        upstream.scripts[f"up-{case}"] = script

    asked = {case: send(alice.id, model=case) for case in CASES}

    paid = 0
    for case, (_, state, error_code, text) in CASES.items():
        done, shown = settled(alice.id, asked[case].generation.id)
        assert (done.state, done.error_code, shown) == (state, error_code, text), case
        # What can be read is paid for, thoughts too.
        assert done.charged_milli == (1000 if text or done.has_thoughts else 0), case
        paid += done.charged_milli
    gate.set()
    done, shown = settled(alice.id, neighbour.generation.id)
    assert (done.state, shown) == (FINISHED, "Before, and after.")
    balance = ledger.balance(account=ledger.user_account(alice.id, QUOTA))
    assert (balance.total, balance.held) == (100_000 - 1000 - paid, 0)
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []
    # Of all that, operators have to look at one thing: a bill.
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert [error for error in errors if "upstream_arrears" not in error] == []


@pytest.mark.parametrize("kind", [Silence, threading.Event], ids=["silence", "heartbeats"])
@pytest.mark.parametrize("last", [[piece("Whole"), reason("stop")], [reason("stop", "Whole")]], ids=["bare", "words"])
def test_an_answer_ends_with_its_finish_reason_whatever_the_connection_does(
    rich_alice: Member,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    last: list[bytes],
    kind: type[threading.Event],
) -> None:
    monkeypatch.setattr("apps.chat.engine.event_answers._USAGE_SECONDS", 0.3)
    monkeypatch.setattr("apps.chat.engine.event_answers._DOUBT_SECONDS", 0.3)
    afterwards = kind()
    upstream.scripts["up-base"] = [*last, afterwards]
    engine = EngineThread()
    engine.start()

    done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert not afterwards.is_set()
    assert (done.state, done.error_code, text) == (FINISHED, "", "Whole")
    engine.end()


@pytest.mark.parametrize(
    "beginning",
    [[reason("stop", "Who")], [over(content="Who")], [over(reasoning_content="hm"), piece("Who")]],
    ids=["a reason", "usage too", "a thought"],
)
def test_a_provider_that_ends_with_every_word_is_heard_to_the_end(
    rich_alice: Member, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, beginning: list[bytes]
) -> None:
    """Gemini says "stop" in each event, and whoever relays it does so too."""
    monkeypatch.setattr("apps.chat.engine.event_answers._USAGE_SECONDS", 0.2)
    pause = Silence()
    threading.Timer(1.5, pause.set).start()
    upstream.scripts["up-base"] = [*beginning, pause, over(content="le"), DONE]
    engine = EngineThread()
    engine.start()

    done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)
    engine.end()

    assert (done.state, done.error_code, text) == (FINISHED, "", "Whole")


@pytest.mark.parametrize(
    ("beginning", "state"),
    [
        ([], FAILED),
        ([delta(role="assistant")], FAILED),
        ([delta(reasoning_content="hm")], FINISHED),
        ([delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}])], FINISHED),
    ],
    ids=["nothing", "no word", "a thought", "a thought among parts"],
)
def test_heartbeats_are_no_beginning(
    rich_alice: Member,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    beginning: list[bytes],
    state: GenerationState,
) -> None:
    be_impatient(monkeypatch, first_word_seconds=1.0)
    heartbeats = threading.Event()
    threading.Timer(3.0, heartbeats.set).start()
    upstream.scripts["up-base"] = [*beginning, heartbeats, *answer("Whole")]
    engine = EngineThread()
    engine.start()

    done, _ = settled(rich_alice.id, send(rich_alice.id).generation.id)
    engine.end()

    assert (done.state, done.error_code) == (state, "upstream_timeout" if state == FAILED else "")
    assert done.charged_milli == (0 if state == FAILED else 1000)


def test_thoughts_that_end_without_an_answer_keep_no_place(
    rich_alice: Member, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that spent all its tokens on thinking, at a provider whose heartbeats go on."""
    be_impatient(monkeypatch, first_word_seconds=1.0)
    heartbeats = threading.Event()
    upstream.scripts["up-base"] = [delta(reasoning_content="hm"), end("length"), usage(3, 9), heartbeats]
    engine = EngineThread()
    engine.start()

    done, _ = settled(rich_alice.id, send(rich_alice.id).generation.id)

    engine.end()
    # The thoughts can be read, so they are paid for as an answer is.
    assert (done.state, done.error_code, done.charged_milli) == (FAILED, "empty_answer", 1000)
    assert upstream.hung_up.wait(10)  # it was we who ended it


@pytest.mark.parametrize("signs", ["\u200b\u2060\ufeff\u3164", " \u200b\n", "\u2800", "\ufe0f"])
def test_an_answer_in_which_there_is_nothing_to_see_costs_nothing(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, signs: str
) -> None:
    upstream.scripts["up-base"] = answer(*signs)

    done, _ = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert (done.state, done.error_code) == (FAILED, "empty_answer")
    assert (done.is_delivered, done.charged_milli) == (False, 0)


def test_usage_right_behind_the_end_is_waited_for(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("Whole", finish_reason="stop"), gate, usage(11, 22)]
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "Whole", what="saved text")
    gate.set()

    done, _ = settled(rich_alice.id, asked.generation.id)

    assert (done.prompt_tokens, done.completion_tokens) == (11, 22)


def test_ending_the_engine_behind_a_finish_reason_interrupts_nothing(
    rich_alice: Member, upstream: Upstream, transactional_db: None
) -> None:
    upstream.scripts["up-base"] = [piece("Whole", finish_reason="stop"), threading.Event()]
    engine = EngineThread()
    engine.start()
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "Whole", what="saved text")

    engine.end()

    row = generation(asked.generation.id)
    assert (row.state, row.error_code, row.charged_milli) == (FINISHED, "", 1000)


@pytest.mark.parametrize("trickle", [b"d", b""], ids=["half a line", "nothing"])
def test_silence_is_counted_between_lines(
    rich_alice: Member, upstream: Upstream, transactional_db: None, monkeypatch: pytest.MonkeyPatch, trickle: bytes
) -> None:
    """A provider that sends a byte now and then, and never a line, says nothing either."""
    be_impatient(monkeypatch, silence_seconds=0.6)
    pause = [Silence() for _ in range(40)]
    for step in pause:
        threading.Timer(0.1 * (1 + pause.index(step)), step.set).start()
    steps = [part for step in pause for part in (step, trickle) if part]
    upstream.scripts["up-base"] = [piece("so far"), *steps, *answer()]
    engine = EngineThread()
    engine.start()

    done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)
    engine.end()

    assert (done.state, done.error_code, text) == (INTERRUPTED, "upstream_timeout", "so far")


def test_a_stalled_channel_leaves_room_for_the_others(
    alice: Member, upstream: Upstream, transactional_db: None
) -> None:
    set_limits(max_running=50, max_per_minute=1000)
    give_quota(alice.id, 100_000)
    stalled = Silence()
    for number in range(3):
        make_model(f"stalled-{number}", url=upstream.url)
        upstream.scripts[f"up-stalled-{number}"] = [stalled, *answer("late")]
    make_model("healthy", url=upstream.url, channel="healthy")
    upstream.scripts["up-healthy"] = answer("at once")
    waiting = [send(alice.id, model=f"stalled-{number % 3}") for number in range(6)]
    engine = EngineThread(capacity=4, per_channel=2)
    engine.start()
    wait_for(lambda: len(upstream.requests) >= 2, what="the stalled channel to be asked")

    done, text = settled(alice.id, send(alice.id, model="healthy").generation.id)

    assert (done.state, text) == (FINISHED, "at once")
    assert sum(request["model"].startswith("up-stalled") for request in upstream.requests) == 2
    stalled.set()
    for asked in waiting:
        assert settled(alice.id, asked.generation.id)[0].state == FINISHED
    engine.end()
