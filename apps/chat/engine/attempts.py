"""How one job is asked: target after target, until one of them begins to say something."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Protocol

from apps.chat.contracts import Job, Target
from apps.chat.engine.attempt_notes import AttemptNote, Blame
from apps.chat.engine.upstream_errors import BROKEN, UpstreamError
from apps.chat.registries import AttemptPhase, Connection, Delta

logger = logging.getLogger(__name__)

# An answer that broke off without an error of the connection: whoever wrote it is to blame.
_CUT = {"upstream_cut", "upstream_timeout"}


class Listener(Protocol):
    """Who hears of attempts; of an engine's own the services (service_calls.py)."""

    async def begin_probe(self, job: Job, target: Target) -> bool:
        """Whether this job shall try a channel that is left alone."""

    async def has_begun(self, job: Job, target: Target) -> None:
        """A channel that was tried began to answer."""

    async def record_attempt(self, attempt: AttemptNote) -> None:
        """An attempt after which another follows."""


class _NotOurs(UpstreamError):
    """Another job tries this channel."""


class Attempts:
    """The attempts at one job. Nothing is asked again once a reader may have read a word or a thought."""

    def __init__(
        self,
        job: Job,
        *,
        channels: Mapping[str, Connection],
        services: Listener,
        has_room: Callable[[Target], bool] = lambda target: True,
    ) -> None:
        self._job = job
        self._services = services
        self._channels = channels
        self._has_room = has_room
        self._tried: set[str] = set()
        self._later = list(job.targets[1:])
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._error: UpstreamError | None = None
        self._first_word_at: float | None = None
        # Who was really asked, last.
        self.asked: Target | None = None
        self._begin(job.targets[0])

    def ask_for(self, job: Job) -> None:
        """Ask this in place of the job that was claimed; nobody has been asked yet."""
        self._job = job

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """The answer of the first target that begins one. Raises UpstreamError: of the last that was asked."""
        while True:
            try:
                async with aclosing(self._answer()) as answer:
                    async for delta in answer:
                        yield delta
                return
            except UpstreamError as error:
                self._error = error
                following = self._after(error)
                if following is None:
                    raise
                logger.warning(
                    "generation %s: channel %s: %s (%s), now channel %s",
                    self._job.generation_id, self.target.channel, error.code, error.detail, following.channel,
                )  # fmt: skip
                if (note := self.note(error.code)) is None:
                    self._number -= 1
                else:
                    await self._services.record_attempt(note)
                self._begin(following)

    def note(self, code: str) -> AttemptNote | None:
        """The present attempt, which ended with this code; None when nobody was asked."""
        if self.asked is not self.target:
            return None
        now = self._loop.time()
        phase = AttemptPhase.FIRST_WORD if self._first_word_at is None else AttemptPhase.STREAM
        if self._error is not None and not self._error.has_connected:
            phase = AttemptPhase.CONNECT
        return AttemptNote(
            generation_id=self._job.generation_id,
            number=self._number,
            target=self.target,
            phase=phase,
            code=code,
            blame=self._blame(code),
            first_word_ms=None if self._first_word_at is None else _ms(self._first_word_at - self._began_at),
            total_ms=_ms(now - self._began_at),
            retry_seconds=0.0 if self._error is None else self._error.retry_seconds,
        )

    def _begin(self, target: Target) -> None:
        # Where the job is asked now, or will be.
        self.target = target
        self._number += 1
        self._error = None
        self._began_at = self._loop.time()

    def _blame(self, code: str) -> Blame | None:
        if self._error is not None and self._error.code == code:
            return self._error.blame
        return Blame.CHANNEL if code in _CUT else None

    async def _answer(self) -> AsyncGenerator[Delta, None]:
        """What the target says; until it says a word or a thought, that it ends is kept back."""
        ending = Delta(events=0)
        if self.target.needs_probe and self.target.channel not in self._tried:
            if not await self._services.begin_probe(self._job, self.target):
                raise _NotOurs("channel_unavailable", "left alone")
            self._tried.add(self.target.channel)
        channel = self._channels[self.target.channel_kind]
        self.asked = self.target
        async with aclosing(channel.answer(self._job, self.target)) as answer:
            async for delta in answer:
                if self._first_word_at is not None:
                    yield delta
                elif delta.has_words:
                    self._first_word_at = self._loop.time()
                    yield ending
                    if self.target.needs_probe:
                        await self._services.has_begun(self._job, self.target)
                    yield delta
                else:
                    reason = delta.finish_reason or ending.finish_reason
                    ending = (delta if delta.is_told else ending)._replace(finish_reason=reason, events=0)
                    yield Delta(events=delta.events)
        if self._first_word_at is None:
            if not ending.finish_reason or ending.finish_reason in BROKEN:
                raise UpstreamError("upstream_cut", f"{ending.finish_reason or 'an end'} before the first word")
            if ending.finish_reason == "stop" and not ending.completion_tokens and self._has_others():
                # It says itself that it wrote nothing. Thoughts that are not shown, and calls of tools, are counted.
                raise UpstreamError("empty_answer", "stop before the first word", blame=Blame.MODEL)
            yield ending

    def _has_others(self) -> bool:
        """Whether another channel may be asked."""
        return any(target.channel != self.target.channel and self._has_room(target) for target in self._later)

    def _after(self, error: UpstreamError) -> Target | None:
        """The next target, if there may be one: another key or channel, as long as nobody has read a word."""
        if self._first_word_at is not None or error.blame is Blame.QUESTION:
            return None
        if error.blame not in {Blame.KEY, Blame.CALL}:
            self._later = [target for target in self._later if target.channel != self.target.channel]
        while self._later:
            target = self._later.pop(0)
            # Another key of the channel where this job has a place already takes no more room.
            if target.channel == self.target.channel or self._has_room(target):
                return target
        return None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
