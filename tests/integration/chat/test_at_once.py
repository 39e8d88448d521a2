"""What waits for no interval: with none of them ever over, all of this still happens."""

import threading
from typing import Any

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.api import live
from apps.chat.contracts import GenerationState
from apps.chat.engine import feed, loop, run
from apps.kernel import clock
from apps.kernel import redis as kernel_redis
from apps.kernel.redis import sync_redis
from tests.integration.chat.conftest import (
    EngineThread,
    generation,
    make_model,
    redis_is_at,
    send,
    set_limits,
    settled,
    wait_for,
)
from tests.integration.chat.test_live import connections
from tests.integration.chat.test_streams import opened, text_of
from tests.integration.chat.upstream import Line, Silence, Upstream, answer, chunk, piece, running_line

pytestmark = pytest.mark.django_db(transaction=True)

_NEVER_SECONDS = 3600


def is_listening() -> bool:
    """Whether an engine waits to be woken, and hears of stops."""
    clients = connections()
    return any(client["cmd"] == "blpop" for client in clients) and any(client["sub"] == "1" for client in clients)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that look for nothing by themselves, but once when they start."""
    monkeypatch.setattr(loop, "_SWEEP_SECONDS", _NEVER_SECONDS)
    monkeypatch.setattr(kernel_redis, "_ANSWER_SECONDS", _NEVER_SECONDS)


def test_an_engine_is_woken(patient: None, rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("at once")
    wait_for(is_listening, what="an engine that has looked")

    for _ in range(2):
        assert settled(rich_alice.id, send(rich_alice.id).generation.id)[1] == "at once"


def test_an_engine_is_told_of_a_stop(
    patient: None, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("so far"), threading.Event()]
    wait_for(is_listening, what="an engine that has looked")
    asked = send(rich_alice.id).generation.id
    wait_for(lambda: generation(asked).text == "so far", what="the text")

    services.stop_generation(user_id=rich_alice.id, generation_id=asked, now=clock.now())

    done, text = settled(rich_alice.id, asked)
    assert (done.state, text) == (GenerationState.STOPPED, "so far")


def test_the_first_piece_is_handed_out_when_it_comes_and_later_ones_together(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_COALESCE_SECONDS", _NEVER_SECONDS)
    rest = threading.Event()
    upstream.scripts["up-base"] = [piece("first "), rest, *answer("second ", "third")]
    asked = send(rich_alice.id).generation.id
    stream = feed.channel(asked)
    wait_for(lambda: sync_redis().exists(stream), what="the first piece")
    rest.set()
    assert settled(rich_alice.id, asked)[1] == "first second third"

    wait_for(lambda: sync_redis().xlen(stream) > 1, what="the end")
    entries: Any = sync_redis().xrange(stream)
    assert [fields for _, fields in entries] == [{b"text": b"first ", b"end_offset": b"6"}, {b"end": b"1"}]


def test_the_next_answer_comes_on_the_same_connection(rich_alice: Member, engine: EngineThread) -> None:
    lines = []

    def play(line: Line) -> None:
        lines.append(line)
        while line.hear():
            line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for event in answer("a ", "whole"):
                line.say(chunk(event))
            line.say(b"0\r\n\r\n")

    with running_line(play) as url:
        make_model(url=url)
        for _ in range(3):
            assert settled(rich_alice.id, send(rich_alice.id).generation.id)[1] == "a whole"
    assert len(lines) == 1


def test_who_comes_when_all_is_said_gets_it_whole(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.scripts["up-base"] = answer("one ", "two ", "three")
    asked = send(rich_alice.id).generation.id
    settled(rich_alice.id, asked)
    monkeypatch.setattr(live, "_LOOK_SECONDS", _NEVER_SECONDS)
    monkeypatch.setattr(live, "_LOOK_WITHOUT_REDIS_SECONDS", _NEVER_SECONDS)
    redis_is_at("redis://127.0.0.1:9/0", monkeypatch)

    with opened(site, rich_alice.id, asked) as stream:
        events = list(stream.events())

    assert [name for name, _, _ in events] == ["status", "delta", "usage", "done"]
    assert text_of(events) == "one two three"


def test_one_that_is_slow_holds_up_none_that_was_claimed_with_it(rich_alice: Member, upstream: Upstream) -> None:
    set_limits(max_running=100, free_per_day=100)
    make_model("slow", url=upstream.url)
    rest = Silence()
    upstream.scripts["up-base"], upstream.scripts["up-slow"] = answer("quick"), [rest, *answer("slow")]
    slow, *others = [send(rich_alice.id, model="base" if n else "slow").generation.id for n in range(16)]
    engine = EngineThread()
    engine.start()
    try:
        for other in others:
            assert settled(rich_alice.id, other)[1] == "quick"
        assert generation(slow).state == GenerationState.RUNNING
        rest.set()
        assert settled(rich_alice.id, slow)[1] == "slow"
    finally:
        engine.end()
