"""A Redis that takes connections and says nothing, and a line to it that was cut without a word."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings

from apps.chat.engine import feed
from apps.kernel import redis as kernel_redis
from apps.kernel.ids import new_id
from apps.kernel.redis import Channels, sync_redis
from tests.browser.proxy import Wire
from tests.integration.chat.conftest import redis_is_at


class SilentRedis:
    """Takes connections; counts them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    @property
    def connections(self) -> int:
        """How many there were so far."""
        return len(self._ends)

    def close(self) -> None:
        """Hang up."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._ends.append(self._listener.accept()[0])


@pytest.fixture
def silent() -> Iterator[SilentRedis]:
    server = SilentRedis()
    yield server
    server.close()


class RedisWire(Wire):
    """A wire to the suite's Redis, wherever that is."""

    def __init__(self) -> None:
        self._at = urlsplit(settings.REDIS_URL)
        super().__init__(self._at.port or 6379)
        self.url = f"redis://{urlsplit(self.url).netloc}/{_database()}"

    def _reach(self) -> socket.socket:
        if self._at.scheme != "unix":
            return super()._reach()
        end = socket.socket(socket.AF_UNIX)
        end.connect(self._at.path)
        return end


def _database() -> int:
    number = sync_redis().client_info()["db"]
    assert isinstance(number, int)
    return number


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisWire]:
    wire = RedisWire()
    redis_is_at(wire.url, monkeypatch)
    yield wire
    wire.close()


def test_threads_that_tell_it_something_wait_once(silent: SilentRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of them settle all answers: while they waited for it, others were taken for abandoned."""
    client = redis.Redis.from_url(silent.url, socket_timeout=0.1)
    monkeypatch.setattr(kernel_redis, "sync_redis", lambda: client)
    monkeypatch.setattr(kernel_redis, "_quiet_until", 0.0)

    for _ in range(5):
        feed.announce_end(new_id())
        feed.wake_engine(new_id())

    assert silent.connections == 1


def test_it_is_told_again_once_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_redis, "_quiet_until", 1e-9)  # it was silent, long ago
    told: list[object] = []

    kernel_redis.tell_redis(told.append, instead="")
    kernel_redis.tell_redis(told.append, instead="")

    assert told == [sync_redis(), sync_redis()]


def test_one_that_refuses_is_told_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """That costs no time, and it may be back any moment."""
    monkeypatch.setattr(kernel_redis, "_quiet_until", 0.0)
    told: list[object] = []

    def say(client: redis.Redis) -> None:
        told.append(client)
        raise redis.ConnectionError

    kernel_redis.tell_redis(say, instead="")
    kernel_redis.tell_redis(say, instead="")

    assert len(told) == 2


async def test_an_engine_waits_for_its_word_no_longer_than_that(silent: SilentRedis) -> None:
    client = redis.asyncio.Redis.from_url(silent.url, socket_timeout=None)

    with pytest.raises(TimeoutError):
        await feed.wait_for_wake(client, seconds=1)

    await client.aclose()


async def test_a_line_cut_without_a_word_is_heard_of_and_made_again(
    wire: RedisWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_redis, "_ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(kernel_redis, "_PAUSE_SECONDS", 0.01)
    channels, name, said = Channels(), f"test:{new_id()}", asyncio.Queue[bytes | None]()
    channels.listen(name, said.put_nowait)
    assert await said.get() is None  # it is heard now

    wire.freeze()
    wire.mend()

    assert await said.get() is None  # and now it is heard again
    sync_redis().publish(name, b"after the cut")
    while (word := await said.get()) is None:
        pass
    assert word == b"after the cut"
    channels.leave(name, said.put_nowait)
