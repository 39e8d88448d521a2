"""One generation from its claim to its settlement."""

import asyncio
import logging
from contextlib import suppress
from uuid import UUID

import redis
from openai import DefaultAioHttpClient
from redis.asyncio import Redis

from apps.chat import rules
from apps.chat.contracts import GenerationState, Job, Outcome
from apps.chat.engine import feed, upstream
from apps.chat.engine.desk import Desk

logger = logging.getLogger(__name__)

# Pieces that arrive within this time become one entry: fast enough for the eye, few enough for the wire.
_COALESCE_SECONDS = 0.04
_SAVE_SECONDS = 1.0
_RENEW_SECONDS = 5.0
# What one answer may take and be at most, whatever upstream does.
_MAX_SECONDS = 600
_MAX_CHARS = 200_000
# Finish reasons with which an upstream says that it broke off by itself.
_BROKEN = {"network_error", "insufficient_system_resource", "model_context_window_exceeded"}
# Token counts beyond this are not believed.
_TOKEN_CEILING = 2_000_000


class Run:
    """Streams one job, feeds its readers, saves its text, and ends it once."""

    def __init__(self, job: Job, *, desk: Desk, http: DefaultAioHttpClient, redis_client: Redis) -> None:
        self.job = job
        self._desk = desk
        self._http = http
        self._redis = redis_client
        self._parts: list[str] = []
        self._length = 0
        self._finish_reason = ""
        self._usage = upstream.Delta()
        self._news = asyncio.Event()
        # Why reading was cancelled, when it was.
        self._end: GenerationState | None = None
        self._is_fenced = False
        self._reading = asyncio.create_task(self._read())

    @property
    def generation_id(self) -> UUID:
        """The generation that this run writes."""
        return self.job.generation_id

    def stop(self) -> None:
        """End the answer here: its owner wants no more of it."""
        self._cancel(GenerationState.STOPPED)

    def interrupt(self) -> None:
        """End the answer here: the engine is going down."""
        self._cancel(GenerationState.INTERRUPTED)

    async def carry_out(self) -> None:
        """Do the whole job. Never raises for what upstream, Redis or a stop may do."""
        feeder = asyncio.create_task(self._feed())
        saver = asyncio.create_task(self._save())
        try:
            outcome = await self._outcome()
        finally:
            saver.cancel()
            feeder.cancel()
            await asyncio.gather(saver, feeder, return_exceptions=True)
        if self._is_fenced:
            logger.warning("generation %s: lease lost, somebody else settled it", self.generation_id)
            return
        if outcome.error_code:
            logger.warning("generation %s %s: %s", self.generation_id, outcome.state.value, outcome.error_code)
        await self._desk.finish(self.job, outcome)

    def _cancel(self, end: GenerationState) -> None:
        if self._end is None:
            self._end = end
        self._reading.cancel()

    async def _read(self) -> None:
        async with asyncio.timeout(_MAX_SECONDS):
            async for delta in upstream.stream(self._http, self.job):
                self._take(delta)
                if self._length >= _MAX_CHARS:
                    self._finish_reason = "length"
                    return

    def _take(self, delta: upstream.Delta) -> None:
        if delta.text:
            # Lone surrogates (a broken escape upstream) can neither be stored nor sent; NUL not in PostgreSQL.
            text = delta.text.encode("utf-8", "replace").decode().replace("\x00", "")
            self._parts.append(text)
            self._length += len(text)
            self._news.set()
        if delta.finish_reason:
            self._finish_reason = delta.finish_reason
        if delta.completion_tokens is not None:
            self._usage = delta

    async def _outcome(self) -> Outcome:
        error_code = ""
        await asyncio.wait([self._reading])
        if not self._reading.cancelled():
            error_code = _error_code(self._reading.exception())
        elif self._end is GenerationState.INTERRUPTED:
            error_code = "engine_lost"
        return self._as_outcome(error_code)

    def _as_outcome(self, error_code: str) -> Outcome:
        text = "".join(self._parts)
        state = self._end if self._reading.cancelled() else None
        if state is None:
            error_code = error_code or _silent_failure(self._finish_reason, text)
            state = GenerationState.FINISHED
            if error_code:
                state = GenerationState.INTERRUPTED if text else GenerationState.FAILED
        prompt = "".join(turn.text for turn in self.job.turns)
        return Outcome(
            state=state,
            text=text,
            finish_reason=self._finish_reason,
            error_code=error_code,
            prompt_tokens=_tokens(self._usage.prompt_tokens, prompt),
            completion_tokens=_tokens(self._usage.completion_tokens, text),
        )

    async def _feed(self) -> None:
        """Hand new text to the readers, whatever Redis does; what it misses, they find in the saved text."""
        sent = 0
        while True:
            await self._news.wait()
            await asyncio.sleep(_COALESCE_SECONDS)
            self._news.clear()
            text = "".join(self._parts[sent:])
            sent, end = len(self._parts), self._length
            with suppress(redis.RedisError, OSError, TimeoutError):
                await feed.append(self._redis, self.generation_id, feed.Piece(text, end))

    async def _save(self) -> None:
        """Save the text about once a second, and renew the lease when there is none."""
        loop = asyncio.get_running_loop()
        saved, saved_at = 0, loop.time()
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            if self._length == saved and loop.time() - saved_at < _RENEW_SECONDS:
                continue
            length, text = self._length, "".join(self._parts)
            # A failing database is retried every second until the lease runs out.
            is_kept = await self._desk.keep(self.job, text)
            if is_kept is False:
                self._is_fenced = True
                self._cancel(GenerationState.INTERRUPTED)
                return
            if is_kept:
                saved, saved_at = length, loop.time()


def _tokens(reported: int | None, text: str) -> int:
    return rules.usage_or_estimate(reported, text=text, ceiling=_TOKEN_CEILING)


def _error_code(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, upstream.UpstreamError):
        return error.code
    if isinstance(error, TimeoutError):
        return "upstream_timeout"
    logger.error("a generation failed unexpectedly", exc_info=error)
    return "internal"


def _silent_failure(finish_reason: str, text: str) -> str:
    """What is wrong with an answer that ended without an error, if anything is."""
    if finish_reason in _BROKEN:
        return "upstream_cut"
    if not finish_reason:
        return "upstream_cut"
    if not text.strip():
        return "content_refused" if finish_reason in {"content_filter", "sensitive"} else "empty_answer"
    return ""
