"""Connections to the shared Redis. It carries wake-ups and live text; nothing that must be true is kept there."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import ParamSpec, TypeVar

import redis
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings

P = ParamSpec("P")
T = TypeVar("T")


@cache
def sync_redis() -> "redis.Redis":
    """The process-wide client for threads; calls fail after 2 s rather than hang."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)


def async_redis() -> "redis.asyncio.Redis":
    """A new client for one event loop; the caller closes it. No read timeout: blocking reads set their own."""
    return redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2)


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
    return await cancellable(sync_to_async(work)(*args, **kwargs))
