"""The engine: one event loop that takes queued generations and carries many out at a time."""

import asyncio
import logging
from contextlib import suppress
from uuid import UUID

import redis

from apps.chat.engine import feed, upstream
from apps.chat.engine.desk import Desk, Services
from apps.chat.engine.run import Run
from apps.kernel.streams import async_redis

logger = logging.getLogger(__name__)

# Measured: one process keeps up with about this many streams through the client (docs/adr/0005).
CAPACITY = 80
_SWEEP_SECONDS = 1
_PATIENCE_SECONDS = 5.0


class Engine:
    """Claims, streams and settles until it is told to end."""

    def __init__(self, services: Services, *, capacity: int = CAPACITY) -> None:
        self._desk = Desk(services)
        self._capacity = capacity
        upstream.warm_up()
        self._http = upstream.http_client()
        self._redis = async_redis()
        self._runs: dict[asyncio.Task[None], Run] = {}

    async def work(self, ending: asyncio.Event, *, patience: float = _PATIENCE_SECONDS) -> None:
        """Work until `ending` is set; then let running answers finish for `patience` seconds and interrupt the rest."""
        helpers = [asyncio.create_task(self._hear_stops()), asyncio.create_task(self._look_for_stops())]
        try:
            await self._desk.settle_abandoned()
            logger.info("ready for %d answers at a time", self._capacity)
            while not ending.is_set():
                await self._take_jobs()
                await self._wait(ending)
            await self._end_runs(patience)
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._http.aclose()
            await self._redis.aclose()
            self._desk.close()

    async def _take_jobs(self) -> None:
        free = self._capacity - len(self._runs)
        if free <= 0:
            return
        for job in await self._desk.claim(free):
            run = Run(job, desk=self._desk, http=self._http, redis_client=self._redis)
            task = asyncio.create_task(run.carry_out())
            self._runs[task] = run
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        run = self._runs.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("generation %s: its run crashed", run.generation_id, exc_info=error)

    async def _wait(self, ending: asyncio.Event) -> None:
        """Until woken, or for a second: whoever was not announced is found by looking."""
        wake = asyncio.create_task(self._woken())
        end = asyncio.create_task(ending.wait())
        await asyncio.wait([wake, end], return_when=asyncio.FIRST_COMPLETED)
        for task in (wake, end):
            task.cancel()
        await asyncio.gather(wake, end, return_exceptions=True)

    async def _woken(self) -> None:
        if len(self._runs) >= self._capacity:
            await asyncio.wait(self._runs, return_when=asyncio.FIRST_COMPLETED)
            return
        try:
            await feed.wait_for_wake(self._redis, seconds=_SWEEP_SECONDS)
        except (redis.RedisError, OSError):
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _hear_stops(self) -> None:
        while True:
            with suppress(redis.RedisError, OSError):
                async for generation_id in feed.stops(self._redis):
                    self._stop({generation_id})
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _look_for_stops(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            if self._runs:
                running = [run.generation_id for run in self._runs.values()]
                self._stop(await self._desk.stop_requests(running))

    def _stop(self, generation_ids: set[UUID]) -> None:
        for run in list(self._runs.values()):
            if run.generation_id in generation_ids:
                run.stop()

    async def _end_runs(self, patience: float) -> None:
        if not self._runs:
            return
        await asyncio.wait(self._runs, timeout=patience)
        for run in self._runs.values():
            run.interrupt()
        if self._runs:
            await asyncio.wait(self._runs)
