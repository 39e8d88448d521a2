"""Redis dies, comes back and misbehaves while answers are written: nothing waits for it."""

import asyncio
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.client import Pipeline

from apps.accounts.contracts import Member
from apps.chat.contracts import GenerationState
from config import valkey
from tests.integration.chat.conftest import EngineThread, redis_is_at, send, settled, wait_for
from tests.integration.chat.test_filtered_answers import shown_now
from tests.integration.chat.upstream import Upstream, answer

pytestmark = pytest.mark.django_db(transaction=True)


def start_redis(directory: Path) -> "subprocess.Popen[bytes]":
    """A Redis of this test's own."""
    server = subprocess.Popen(
        valkey.command(socket_path=directory / "redis.sock", directory=directory / "data"), stdout=subprocess.DEVNULL
    )
    valkey.wait_until_ready(server, directory / "redis.sock")
    return server


def test_answers_are_written_while_redis_is_gone_and_after(
    rich_alice: Member, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.scripts["up-base"] = answer("an ", "answer")
    server = start_redis(tmp_path)
    redis_is_at(f"unix://{tmp_path / 'redis.sock'}", monkeypatch)
    engine = EngineThread()
    engine.start()
    try:
        with_redis = settled(rich_alice.id, send(rich_alice.id).generation.id)
        server.kill()
        server.wait()
        without = settled(rich_alice.id, send(rich_alice.id).generation.id)
        server = start_redis(tmp_path)
        again = settled(rich_alice.id, send(rich_alice.id).generation.id)
    finally:
        engine.end()
        server.kill()
        server.wait()

    for done, text in (with_redis, without, again):
        assert (done.state, text) == (GenerationState.FINISHED, "an answer")


def test_an_answer_ends_though_the_client_forgets_that_it_was_cancelled(
    rich_alice: Member, engine: EngineThread, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen of redis-py on a loaded machine; the engine then waited until its lease had run out."""
    is_feeding = threading.Event()

    async def forget(_pipe: Pipeline, *_args: object, **_options: object) -> list[object]:
        is_feeding.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return []

    monkeypatch.setattr(Pipeline, "execute", forget)
    first, *rest = answer("an ", "answer")
    upstream.scripts["up-base"] = [first, is_feeding, *rest]

    done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert (done.state, text) == (GenerationState.FINISHED, "an answer")


def test_readers_see_the_next_answer_grow_though_the_client_failed_unexpectedly(
    rich_alice: Member, engine: EngineThread, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_failed, is_seen = threading.Event(), threading.Event()
    send_all = Pipeline.execute

    async def fail_once(pipe: Pipeline, *args: Any, **options: Any) -> list[Any]:
        if not has_failed.is_set() and any(command[0] == "XADD" for command, _ in pipe.command_stack):
            has_failed.set()
            raise ValueError("a client's own fault")
        return await send_all(pipe, *args, **options)

    monkeypatch.setattr(Pipeline, "execute", fail_once)
    first, *rest = answer("an ", "answer")
    upstream.scripts["up-base"] = [first, has_failed, *rest]
    settled(rich_alice.id, send(rich_alice.id).generation.id)
    upstream.scripts["up-base"] = [first, is_seen, *rest]

    asked = send(rich_alice.id).generation.id
    wait_for(lambda: shown_now(asked) == "an ", what="what is written meanwhile")
    is_seen.set()

    assert settled(rich_alice.id, asked)[1] == "an answer"
