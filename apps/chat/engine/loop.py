"""The engine: one event loop that takes queued generations and carries many out at a time."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from uuid import UUID, uuid4

import redis

from apps.chat.contracts import Job, Target
from apps.chat.engine import feed, presence
from apps.chat.engine.moderation import moderation
from apps.chat.engine.run import Run
from apps.chat.engine.service_calls import ServiceCalls, Services
from apps.chat.registries import CHANNELS
from apps.chat.words.lexicon import EMPTY
from apps.kernel.redis import async_redis

logger = logging.getLogger(__name__)

# Answers at a time: what one process keeps up with (docs/adr/0005), and how many of them one channel may take,
# so that a channel that stalls leaves room for the others.
CAPACITY = 240
PER_CHANNEL = 80
# Claimed together: more would hold the first of them up, and all their texts are in memory at once.
_BATCH = 16
_SWEEP_SECONDS = 1
# A change of the words counts within two seconds: this, what the services' copy is old, and what a new lexicon takes.
_WORDS_SECONDS = 0.2
_PATIENCE_SECONDS = 5.0


class Engine:
    """Claims, streams and settles until it is told to end."""

    def __init__(self, services: Services, *, capacity: int = CAPACITY, per_channel: int = PER_CHANNEL) -> None:
        self._services = ServiceCalls(services)
        self._capacity = capacity
        self._per_channel = per_channel
        self._channels = {kind.code: kind.connect() for kind in CHANNELS}
        self._redis = async_redis()
        self._feeder = feed.Feeder(self._redis)
        self._runs: dict[asyncio.Task[None], Run] = {}
        self._id = uuid4()
        self._lexicon = EMPTY
        self._moderation = moderation()

    async def work(self, ending: asyncio.Event, *, patience: float = _PATIENCE_SECONDS) -> None:
        """Work until `ending` is set; then let running answers finish for `patience` seconds and interrupt the rest."""
        helps = (
            self._hear_stops,
            self._look_for_stops,
            self._look_for_words,
            self._tell_presence,
            self._feeder.work,
        )
        helpers = [asyncio.create_task(_kept_up(help_)) for help_ in helps]
        try:
            async with AsyncExitStack() as opened:
                for channel in self._channels.values():
                    await opened.enter_async_context(channel)
                await opened.enter_async_context(self._moderation)
                await self._services.settle_abandoned()
                # No answer is written without the operators' words.
                while not (ending.is_set() or await self._renew_words()):
                    await asyncio.sleep(_SWEEP_SECONDS)
                logger.info("ready for %d answers at a time", self._capacity)
                while not ending.is_set():
                    await self._take_jobs()
                    await self._wait(ending)
                await self._end_runs(patience)
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._redis.aclose()
            self._services.close()

    async def _take_jobs(self) -> None:
        """Claim until no place is free or nothing is left; each time, those of a full channel are passed over."""
        while free := self._capacity - len(self._runs):
            running = Counter(run.channel for run in self._runs.values())
            jobs = await self._services.claim_jobs(min(free, _BATCH), per_channel=self._per_channel, running=running)
            for job in jobs:
                self._start(job)
            if not jobs:
                return

    def _start(self, job: Job) -> None:
        run = Run(
            job,
            services=self._services,
            channels=self._channels,
            feeder=self._feeder,
            lexicon=lambda: self._lexicon,
            has_room=self._has_room,
            moderation=self._moderation,
        )
        task = asyncio.create_task(run.carry_out())
        self._runs[task] = run
        task.add_done_callback(self._forget)

    def _has_room(self, target: Target) -> bool:
        running = sum(run.channel == target.channel for run in self._runs.values())
        return running < min(target.max_running, self._per_channel)

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
        except TimeoutError:
            return  # it says nothing, and that took its time
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
                self._stop(await self._services.find_stop_requests(running))

    async def _tell_presence(self) -> None:
        while True:
            with suppress(redis.RedisError, OSError):
                running = Counter(run.channel for run in self._runs.values())
                await presence.tell(self._redis, engine=self._id, running=running)
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _look_for_words(self) -> None:
        while True:
            await asyncio.sleep(_WORDS_SECONDS)
            await self._renew_words()

    async def _renew_words(self) -> bool:
        """Let answers, also those under way, go by the words in force now; whether it is known which these are."""
        lexicon = await self._services.lexicon()
        self._lexicon = lexicon or self._lexicon
        return lexicon is not None

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


async def _kept_up(help_: Callable[[], Awaitable[None]]) -> None:
    """Do what never ends; whatever ends it nevertheless is told, and a moment later it goes on: an engine that no
    longer hears stops, or tells nobody what it writes, would otherwise seem well.
    """
    while True:
        try:
            await help_()
        except Exception:
            logger.exception("what helps the engine failed, and begins again")
        await asyncio.sleep(_SWEEP_SECONDS)
