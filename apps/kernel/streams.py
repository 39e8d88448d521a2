"""Connections to the shared Redis. It carries wake-ups and live text; nothing that must be true is kept there."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

P = ParamSpec("P")
T = TypeVar("T")
Listener = Callable[[bytes | None], None]

_PAUSE_SECONDS = 1.0
# For what streams ask the database: a few connections, however many streams there are.
_threads = ThreadPoolExecutor(4, thread_name_prefix="streams")
_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Callable[[], Any], Any]] = WeakKeyDictionary()


@cache
def sync_redis() -> "redis.Redis":
    """The process-wide client for threads; calls fail after 2 s rather than hang."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)


def async_redis(**options: Any) -> "redis.asyncio.Redis":
    """A new client for one event loop; the caller closes it. No read timeout: blocking reads set their own."""
    return redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, **options)


def of_loop(make: Callable[[], T]) -> T:
    """The one thing of this kind that the streams of the running event loop share; made by its first user."""
    mine = _of_loops.setdefault(asyncio.get_running_loop(), {})
    if make not in mine:
        mine[make] = make()
    found: T = mine[make]
    return found


class Channels:
    """What the streams of one event loop hear from Redis: all of them on one connection, however many they are."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        self._heard: set[str] = set()
        self._changed = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    def listen(self, channel: str, listener: Listener) -> None:
        """Call the listener with each message of the channel, and with None whenever some may have been missed.

        So it is called when it begins to be heard: who looks then has missed nothing.
        """
        self._listeners.setdefault(channel, []).append(listener)
        self._changed.set()
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._hear_again_and_again())
        if channel in self._heard:
            listener(None)

    def leave(self, channel: str, listener: Listener) -> None:
        """Call it no more."""
        self._listeners[channel].remove(listener)
        if not self._listeners[channel]:
            del self._listeners[channel]
            self._changed.set()

    def is_heard(self, channel: str) -> bool:
        """Whether Redis would tell; if not, the database has to be asked all the more often."""
        return channel in self._heard

    async def _hear_again_and_again(self) -> None:
        # Who connects again without a word has missed something: here it is an error.
        client = async_redis(retry=Retry(NoBackoff(), 0))
        try:
            while True:
                with suppress(redis.RedisError, OSError):
                    async with client.pubsub() as pubsub:
                        await self._hear(pubsub)
                self._heard.clear()
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._heard.clear()
            with suppress(redis.RedisError, OSError):
                await client.aclose()

    async def _hear(self, pubsub: PubSub) -> None:
        """Until Redis fails; raises what it fails with."""
        subscribed: set[str] = set()
        self._changed.set()
        while not subscribed:
            await self._subscribe(pubsub, subscribed)
        tasks = [asyncio.create_task(work) for work in (self._read(pubsub), self._keep_subscribed(pubsub, subscribed))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            message = await cancellable(pubsub.get_message(timeout=None))
            if message is not None:
                self._tell(message["type"], message["channel"].decode(), message["data"])

    async def _keep_subscribed(self, pubsub: PubSub, subscribed: set[str]) -> None:
        while True:
            await self._subscribe(pubsub, subscribed)

    async def _subscribe(self, pubsub: PubSub, subscribed: set[str]) -> None:
        """Wait for a change of what is listened to, and say it to Redis."""
        await self._changed.wait()
        self._changed.clear()
        left, new = subscribed - self._listeners.keys(), self._listeners.keys() - subscribed
        self._heard -= left
        subscribed.difference_update(left)
        subscribed.update(new)
        if new:
            await cancellable(pubsub.subscribe(*new))
        if left:
            await cancellable(pubsub.unsubscribe(*left))

    def _tell(self, kind: str, channel: str, data: bytes) -> None:
        if kind == "subscribe" and channel in self._listeners:
            # Also when the client connected again by itself.
            self._heard.add(channel)
        if kind in {"subscribe", "message"}:
            for listener in list(self._listeners.get(channel, ())):
                listener(data if kind == "message" else None)


async def cancellable(work: Awaitable[T]) -> T:
    """Wait for what may forget that it was cancelled; its task ends here then, with CancelledError.

    sync_to_async forgets it while its thread is busy, and redis-py has been seen to on a loaded machine: a loop
    around such a call would go on, and whoever waits for its end would wait for ever.
    """
    try:
        return await work
    finally:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do blocking work for a stream; a reader that left meanwhile ends here, with CancelledError."""
    # In one of a few threads that all share: without `thread_sensitive=False` each stream would keep one to its end.
    return await cancellable(sync_to_async(work, thread_sensitive=False, executor=_threads)(*args, **kwargs))


async def look(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Ask the database for a stream, which may live for minutes and must not hold a connection meanwhile."""

    def looked() -> T:
        try:
            return work(*args, **kwargs)
        finally:
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:  # of a test
                    connection.close()

    return await in_thread(looked)
