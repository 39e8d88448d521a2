"""Waiting in streams: a cancellation is kept, and what they share is shared."""

import asyncio

import pytest

from apps.kernel.event_loops import cancellable, of_loop


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


async def test_what_streams_of_a_loop_share_is_made_once_and_is_no_other_loops() -> None:
    class Shared:
        pass

    async def mine() -> Shared:
        return of_loop(Shared)

    assert of_loop(Shared) is of_loop(Shared)
    assert await asyncio.to_thread(lambda: asyncio.run(mine())) is not of_loop(Shared)
