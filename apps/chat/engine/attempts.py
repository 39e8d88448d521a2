"""How one job is asked: target after target, until one of them begins to say something."""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from apps.chat.contracts import Job, Target
from apps.chat.engine.service_calls import ServiceCalls
from apps.chat.engine.upstream_errors import BROKEN, Blame, UpstreamError
from apps.chat.registries import Connection, Delta

logger = logging.getLogger(__name__)


class Attempts:
    """The attempts at one job. Nothing is asked again once a reader may have read a word or a thought."""

    def __init__(self, job: Job, *, channels: Mapping[str, Connection], services: ServiceCalls) -> None:
        self._job = job
        self._services = services
        self._channels = channels
        self._later = list(job.targets[1:])
        self._has_begun = False
        # Where the job is asked now, or was asked last.
        self.target = job.targets[0]

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """The answer of the first target that begins one. Raises UpstreamError: of the last that was asked."""
        while True:
            try:
                async with aclosing(self._answer()) as answer:
                    async for delta in answer:
                        yield delta
                return
            except UpstreamError as error:
                if error.blame is Blame.KEY:
                    await self._services.rest_key(self.target, error.code)
                following = self._after(error)
                if following is None:
                    raise
                logger.warning(
                    "generation %s: channel %s: %s (%s), now channel %s",
                    self._job.generation_id, self.target.channel, error.code, error.detail, following.channel,
                )  # fmt: skip
                self.target = following

    async def _answer(self) -> AsyncGenerator[Delta, None]:
        """What the target says; until it says a word or a thought, that it ends is kept back."""
        ending = Delta(events=0)
        channel = self._channels[self.target.channel_kind]
        async with aclosing(channel.answer(self._job, self.target)) as answer:
            async for delta in answer:
                if self._has_begun:
                    yield delta
                elif delta.text or delta.reasoning:
                    self._has_begun = True
                    yield ending
                    yield delta
                else:
                    reason = delta.finish_reason or ending.finish_reason
                    ending = (delta if delta.has_usage else ending)._replace(finish_reason=reason, events=0)
                    yield Delta(events=delta.events)
        if not self._has_begun:
            if not ending.finish_reason or ending.finish_reason in BROKEN:
                raise UpstreamError("upstream_cut", f"{ending.finish_reason or 'an end'} before the first word")
            yield ending

    def _after(self, error: UpstreamError) -> Target | None:
        """The next target, if there may be one: another key or channel, as long as nobody has read a word."""
        if self._has_begun or error.blame is Blame.QUESTION:
            return None
        if error.blame not in {Blame.KEY, Blame.CALL}:
            self._later = [target for target in self._later if target.channel != self.target.channel]
        return self._later.pop(0) if self._later else None
