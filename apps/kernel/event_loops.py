"""What async code shares on its event loop, and how it waits: for work in threads, for a look at the database."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.db import close_old_connections, connections

P = ParamSpec("P")
T = TypeVar("T")

# For what streams ask the database: a few connections, however many streams there are.
_threads = ThreadPoolExecutor(4, thread_name_prefix="streams")
# For what changes something there: it may wait for a lock, and nobody who only looks shall wait with it.
_acting = ThreadPoolExecutor(8, thread_name_prefix="acts")
# For what computes: one after another, or threads would hand the interpreter to each other while the loop waits.
_computing = ThreadPoolExecutor(1, thread_name_prefix="computes")
_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Callable[[], Any], Any]] = WeakKeyDictionary()


def of_loop(make: Callable[[], T]) -> T:
    """The one thing of this kind that the streams of the running event loop share; made by its first user."""
    mine = _of_loops.setdefault(asyncio.get_running_loop(), {})
    if make not in mine:
        mine[make] = make()
    found: T = mine[make]
    return found


async def cancellable(work: Awaitable[T]) -> T:
    """Wait for what may forget that it was cancelled; its task ends here then, with CancelledError.

    redis-py has been seen to on a loaded machine: a loop around such a call would go on, and whoever waits for its end
    would wait for ever.
    """
    try:
        return await work
    finally:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do blocking work for a stream; a reader that left meanwhile ends here, with CancelledError."""
    # Not by sync_to_async, which takes several times as long to hand work over and to copy contexts back.
    called = partial(copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, called)


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


async def act(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Let a service change something, off the loop. Who is cancelled hears so at once; what has begun goes on."""

    def acted() -> T:
        try:
            return work(*args, **kwargs)
        finally:
            # As after a request: a pool gets its connection back, a file's stays with its thread.
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_acting, copy_context().run, acted)


async def compute(work: Callable[[], T]) -> T:
    """Compute off the loop; it asks no database. One after another in a process: much is computed in parts of some
    milliseconds, so that others have their turn in between, and in short steps, so that the loop has its own.
    """
    return await asyncio.get_running_loop().run_in_executor(_computing, work)
