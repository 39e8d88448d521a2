"""Long requests wait for each other: each key's one by one, never so many that short ones wait."""

import asyncio
import threading
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from apps.chat.api.compatible.lanes import SHORT_BYTES, _Lanes, begun
from apps.kernel.event_loops import of_loop

# The threads in which requests begin give connections back.
pytestmark = pytest.mark.django_db(transaction=True)

LONG = str(SHORT_BYTES + 1)


def asking(key: str, length: str) -> HttpRequest:
    said: dict[str, Any] = {"CONTENT_LENGTH": length, "HTTP_AUTHORIZATION": f"Bearer {key}"}
    return RequestFactory().post("/v1/chat/completions", **said)


class Work:
    """What begins is counted, and waits until it is let go."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.let_go.wait(30)
        with self._lock:
            self.running -= 1
        return "begun"


async def until_running(work: Work, number: int) -> None:
    async with asyncio.timeout(30):
        while work.running < number:
            await asyncio.sleep(0.01)


async def test_a_keys_long_requests_begin_one_by_one_and_others_beside_them() -> None:
    mine, others = Work(), Work()
    tasks = [asyncio.create_task(begun(asking("mine", LONG), mine)) for _ in range(10)]
    await until_running(mine, 1)

    # Without a length, it may be long.
    beside = asyncio.create_task(begun(asking("other", ""), others))
    await until_running(others, 1)
    assert await begun(asking("mine", str(SHORT_BYTES)), lambda: "short") == "short"

    others.let_go.set()
    mine.let_go.set()
    assert await asyncio.gather(beside, *tasks) == ["begun"] * 11
    assert mine.most == 1


async def test_long_requests_of_many_leave_threads_to_short_ones() -> None:
    long = Work()
    tasks = [asyncio.create_task(begun(asking(f"key-{number}", LONG), long)) for number in range(20)]
    await until_running(long, 4)

    assert await begun(asking("mine", "100"), lambda: "short") == "short"

    long.let_go.set()
    await asyncio.gather(*tasks)
    assert long.most == 4


async def test_who_leaves_or_is_refused_leaves_nothing_behind() -> None:
    work = Work()
    first = asyncio.create_task(begun(asking("mine", LONG), work))
    second = asyncio.create_task(begun(asking("mine", LONG), lambda: 1 // 0))
    third = asyncio.create_task(begun(asking("mine", LONG), work))
    await until_running(work, 1)

    third.cancel()
    work.let_go.set()

    ends = await asyncio.gather(first, second, third, return_exceptions=True)
    assert ends[0] == "begun"
    assert [type(end) for end in ends[1:]] == [ZeroDivisionError, asyncio.CancelledError]
    assert not of_loop(_Lanes)._of_keys
    assert await begun(asking("mine", LONG), lambda: "again") == "again"
