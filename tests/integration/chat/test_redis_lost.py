"""Redis dies and comes back while answers are written: nothing waits for it."""

import subprocess
from pathlib import Path

import pytest

from apps.accounts.contracts import Member
from apps.chat.contracts import GenerationState
from config import valkey
from tests.integration.chat.conftest import EngineThread, redis_is_at, send, settled
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
