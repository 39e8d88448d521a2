"""Connections to the shared Redis. It carries wake-ups and live text; nothing that must be true is kept there."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from apps.kernel.event_loops import cancellable

Listener = Callable[[bytes | None], None]

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
_TOLD_SECONDS = 2
# How long one that lets everybody wait in vain is told nothing.
_QUIET_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
_quiet_until = 0.0


@cache
def sync_redis() -> "redis.Redis":
    """The process-wide client for threads; calls fail after 2 s rather than hang."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=_TOLD_SECONDS, socket_timeout=_TOLD_SECONDS)


def tell_redis(say: Callable[["redis.Redis"], object], *, instead: str) -> None:
    """Tell Redis what may be lost; `instead` is how it is found then, for the log.

    One that takes connections and says nothing costs a thread two seconds now and then, and never many threads at
    once: whoever waits for it settles no answer meanwhile and saves no text.
    """
    global _quiet_until  # noqa: PLW0603  # one for the process
    if time.monotonic() < _quiet_until:
        return
    if _quiet_until:
        _quiet_until = time.monotonic() + _QUIET_SECONDS  # one tries, and nobody with it
    try:
        say(sync_redis())
        _quiet_until = 0.0
    except redis.RedisError as error:
        if isinstance(error, redis.TimeoutError):
            _quiet_until = time.monotonic() + _QUIET_SECONDS
        logger.warning("redis is not reachable (%s); %s", type(error).__name__, instead)


def async_redis(**options: Any) -> "redis.asyncio.Redis":
    """A new client for one event loop; the caller closes it. Calls fail after 5 s, but listening to channels."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=_TOLD_SECONDS, socket_timeout=_ANSWER_SECONDS, **options
    )


class Channels:
    """What the streams of one event loop hear from Redis: all of them on one connection, however many they are."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        self._heard: set[str] = set()
        self._changed = asyncio.Event()
        self._has_answered = False
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
        works = (self._read(pubsub), self._keep_subscribed(pubsub, subscribed), self._keep_asking(pubsub))
        tasks = [asyncio.create_task(work) for work in works]
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
            self._has_answered = True
            if message is not None and message["type"] != "pong":
                self._tell(message["type"], message["channel"].decode(), message["data"])

    async def _keep_subscribed(self, pubsub: PubSub, subscribed: set[str]) -> None:
        while True:
            await self._subscribe(pubsub, subscribed)

    async def _keep_asking(self, pubsub: PubSub) -> None:
        """Whether it is still there: a line that was cut without a word looks like one on which nothing is said."""
        while True:
            self._has_answered = False
            await cancellable(pubsub.ping())
            await asyncio.sleep(_ANSWER_SECONDS)
            if not self._has_answered:
                raise redis.TimeoutError

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
