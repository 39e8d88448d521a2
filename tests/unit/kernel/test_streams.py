"""Waiting in streams: a cancellation is kept."""

import asyncio

import pytest

from apps.kernel.streams import cancellable


async def forgetful() -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "as if nothing had happened"
    return "slept"


async def test_who_was_cancelled_ends_though_the_work_forgot_it() -> None:
    task = asyncio.create_task(cancellable(forgetful()))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_the_work_says_is_passed_on() -> None:
    async def work() -> int:
        return 1

    async def broken() -> int:
        raise LookupError

    assert await cancellable(work()) == 1
    with pytest.raises(LookupError):
        await cancellable(broken())
