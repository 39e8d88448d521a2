"""What the engine asks of the services, and how: in a few threads that give their connections back."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar
from uuid import UUID

from django.db import DatabaseError, close_old_connections

from apps.chat.contracts import CleanPicture, Job, Outcome, StoredPicture, Target, ToolCall
from apps.chat.engine.attempt_notes import AttemptNote
from apps.chat.words.lexicon import Lexicon
from apps.kernel import clock

logger = logging.getLogger(__name__)

T = TypeVar("T")

_THREADS = 4
# Until the tokens of an answer that ended are counted; behind that they are estimated.
_COUNT_SECONDS = 2.0
_FINISH_TRIES = 5
_FINISH_PAUSE_SECONDS = 0.5


class Services(Protocol):
    """The verbs of chat.services that the engine needs; the command passes the module itself."""

    def claim_jobs(self, *, limit: int, now: datetime, per_channel: int, running: Mapping[str, int]) -> list[Job]:
        """See services.claim_jobs."""

    def keep_text(
        self, *, generation_id: UUID, lease_token: UUID, text: str | None, now: datetime, route_id: UUID | None
    ) -> bool:
        """See services.keep_text."""

    def finish_run(
        self, *, generation_id: UUID, lease_token: UUID, outcome: Outcome, now: datetime, attempt: AttemptNote | None
    ) -> bool:
        """See services.finish_run."""

    def begin_probe(self, *, channel: str, generation_id: UUID, now: datetime) -> bool:
        """See services.begin_probe."""

    def has_begun(self, *, target: Target, generation_id: UUID) -> None:
        """See services.has_begun."""

    def record_attempt(self, *, attempt: AttemptNote, now: datetime) -> None:
        """See services.record_attempt."""

    def find_stop_requests(self, *, generation_ids: Collection[UUID]) -> set[UUID]:
        """See services.find_stop_requests."""

    def settle_abandoned(self, *, now: datetime) -> int:
        """See services.settle_abandoned."""

    def lexicon(self) -> Lexicon:
        """See services.lexicon."""

    def fit_job(self, *, job: Job) -> Job:
        """See services.fit_job."""

    def count_answer(self, *, job: Job, texts: Sequence[str], calls: Sequence[ToolCall]) -> tuple[int, int] | None:
        """See services.count_answer."""

    def store_made(self, *, pictures: Sequence[CleanPicture]) -> tuple[StoredPicture, ...]:
        """See services.store_made."""


class ServiceCalls:
    """The engine's way to the database: blocking services in threads, so that no stream waits or holds a connection."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="generate-db")
        # Who counts tokens has one process, which may have to start; nobody who writes to the database waits for it.
        self._counting = ThreadPoolExecutor(1, thread_name_prefix="generate-count")

    async def claim_jobs(self, limit: int, *, per_channel: int, running: Mapping[str, int]) -> list[Job]:
        """Jobs to carry out; none when the database fails."""
        found = await self._try(
            lambda: self._services.claim_jobs(limit=limit, per_channel=per_channel, running=running, now=clock.now())
        )
        return found or []

    async def keep_text(self, job: Job, text: str | None, *, route_id: UUID) -> bool | None:
        """Renew the lease and save the text, if one is given: True; False when the lease is lost; None on failure."""
        return await self._try(
            lambda: self._services.keep_text(
                generation_id=job.generation_id,
                lease_token=job.lease_token,
                text=text,
                route_id=route_id,
                now=clock.now(),
            )
        )

    async def finish_run(self, job: Job, outcome: Outcome, attempt: AttemptNote | None) -> None:
        """Settle a job. When the database fails again and again, the sweeper settles it from the saved text."""
        for _ in range(_FINISH_TRIES):
            is_settled = await self._try(
                lambda: self._services.finish_run(
                    generation_id=job.generation_id,
                    lease_token=job.lease_token,
                    outcome=outcome,
                    attempt=attempt,
                    now=clock.now(),
                )
            )
            if is_settled is not None:
                return
            await asyncio.sleep(_FINISH_PAUSE_SECONDS)

    async def begin_probe(self, job: Job, target: Target) -> bool:
        """Whether this job shall try a channel that is left alone; not when the database fails."""
        is_ours = await self._try(
            lambda: self._services.begin_probe(channel=target.channel, generation_id=job.generation_id, now=clock.now())
        )
        return bool(is_ours)

    async def has_begun(self, job: Job, target: Target) -> None:
        """Tell that a channel that was tried began to answer."""
        await self._try(lambda: self._services.has_begun(target=target, generation_id=job.generation_id))

    async def record_attempt(self, attempt: AttemptNote) -> None:
        """Keep what came of an attempt after which another follows; when the database fails, the log alone has it."""
        await self._try(lambda: self._services.record_attempt(attempt=attempt, now=clock.now()))

    async def find_stop_requests(self, generation_ids: Collection[UUID]) -> set[UUID]:
        """Which of these shall stop; none when the database fails."""
        found = await self._try(lambda: self._services.find_stop_requests(generation_ids=generation_ids))
        return found or set()

    async def settle_abandoned(self) -> None:
        """Settle what a dead engine left behind."""
        await self._try(lambda: self._services.settle_abandoned(now=clock.now()))

    async def lexicon(self) -> Lexicon | None:
        """The operators' words that are in force; None when the database fails."""
        return await self._try(self._services.lexicon)

    async def fit_job(self, job: Job) -> Job:
        """The job with as much of its branch as fits the model."""
        return await asyncio.get_running_loop().run_in_executor(
            self._counting, partial(self._services.fit_job, job=job)
        )

    async def count_answer(
        self, job: Job, *, texts: Sequence[str], calls: Sequence[ToolCall]
    ) -> tuple[int, int] | None:
        """The tokens of what was asked and of what was kept; None where nobody counts them, or not in time."""
        count = partial(self._services.count_answer, job=job, texts=texts, calls=calls)
        counting = asyncio.get_running_loop().run_in_executor(self._counting, count)
        try:
            return await asyncio.wait_for(counting, _COUNT_SECONDS)
        except TimeoutError:
            return None

    async def store_made(self, pictures: Sequence[CleanPicture]) -> tuple[StoredPicture, ...] | None:
        """Write the files of what was drawn; None where they could not be written."""
        return await asyncio.to_thread(_stored, partial(self._services.store_made, pictures=pictures))

    def close(self) -> None:
        """Let the threads end; nothing may be asked afterwards."""
        self._threads.shutdown(wait=True)
        self._counting.shutdown(wait=True, cancel_futures=True)

    async def _try(self, work: Callable[[], T]) -> T | None:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _in_thread, work)


def _stored(store: Callable[[], tuple[StoredPicture, ...]]) -> tuple[StoredPicture, ...] | None:
    try:
        return store()
    except OSError:
        logger.exception("pictures could not be written")
        return None


def _in_thread(work: Callable[[], T]) -> T | None:
    try:
        return work()
    except DatabaseError:
        logger.exception("the database refused; will try again")
        return None
    finally:
        close_old_connections()
