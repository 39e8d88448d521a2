"""A request that asks, and the answer that it waits for: they end together, whichever ends first."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from django.db import Error

from apps.chat import services
from apps.chat.api.live import LiveAnswer, LiveAnswers
from apps.chat.contracts import AnswerView, GenerationDetail
from apps.kernel import clock
from apps.kernel.errors import DomainError
from apps.kernel.event_loops import act, of_loop
from apps.kernel.ids import UserId

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A generation that was begun, whose it is, and whether its thoughts are followed as they come."""

    user_id: UserId
    generation: GenerationDetail
    with_thoughts: bool


@dataclass(frozen=True, kw_only=True)
class News:
    """What there is beyond what was told, of the thoughts and of the text."""

    thought: str
    text: str


B = TypeVar("B", bound=Begun)


class Call(Generic[B]):
    """One call of a program, whose answer has begun.

    When the request's task is over, however that came about (told to the end, left before the first byte, left in the
    middle of a stream that nobody had begun to read), an answer that is still being written is stopped: its owner
    pays for what was written, and no reader is left behind.
    """

    def __init__(self, begun: B, live: LiveAnswer, reading: AsyncExitStack) -> None:
        self.begun = begun
        self._live, self._reading = live, reading
        self._version, self._told, self._thoughts_told = -1, 0, 0
        self._end: AnswerView | None = None
        # The first news, while it is waited for.
        self._first: asyncio.Future[News | AnswerView] | None = None

    @classmethod
    async def begin(cls, begin: Callable[[], B]) -> Self:
        """Have a generation begun in a thread. Raises what `begin` raises, and then nothing was begun."""
        starting = asyncio.ensure_future(act(begin))
        try:
            # Shielded: who leaves now has still begun one, which has to be stopped.
            begun = await asyncio.shield(starting)
        except asyncio.CancelledError:
            of_loop(_Leaving).do(_stop_once_begun(starting))
            raise
        reading, view = AsyncExitStack(), AnswerView(generation=begun.generation, text="")
        # It waits for nothing, so nobody can leave in between.
        live = await reading.enter_async_context(
            of_loop(LiveAnswers).reading(begun.user_id, view, with_thoughts=begun.with_thoughts)
        )
        call = cls(begun, live, reading)
        if (task := asyncio.current_task()) is not None:
            task.add_done_callback(lambda _: of_loop(_Leaving).do(call._leave()))
        return call

    async def begins_within(self, seconds: float) -> bool:
        """Whether there are news by then; whoever asks for the news gets them, now or later."""
        self._first = asyncio.ensure_future(self._next())
        await asyncio.wait({self._first}, timeout=seconds)
        return self._first.done()

    async def news(self) -> News | AnswerView:
        """What there is of it beyond what was told here, as soon as there is any; then how it ended."""
        first, self._first = self._first, None
        return await (self._next() if first is None else first)

    async def _next(self) -> News | AnswerView:
        while True:
            if self._end is not None:
                return self._rest(self._end.reasoning, self._end.text) or self._end
            self._version = await self._live.changed(self._version)
            if news := self._rest(self._live.thoughts, self._live.text):
                return news
            self._end = await self._live.end()

    async def end(self) -> AnswerView:
        """How it ended."""
        while not isinstance(news := await self.news(), AnswerView):
            pass
        return news

    def _rest(self, thoughts: str, text: str) -> News | None:
        news = News(thought=thoughts[self._thoughts_told :], text=text[self._told :])
        self._told = max(self._told, len(text))
        self._thoughts_told = max(self._thoughts_told, len(thoughts))
        return news if news.thought or news.text else None

    async def _leave(self) -> None:
        if self._first is not None:
            self._first.cancel()
        await self._reading.aclose()
        if self._end is None:
            await _stop(self.begun)


class _Leaving:
    """What is still to be done for callers who are gone; a loop keeps no task that nobody holds."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def do(self, work: Awaitable[None]) -> None:
        """Let it be done in its own time."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("an answer that nobody reads could not be stopped", exc_info=error)


async def _stop_once_begun(starting: Awaitable[Begun]) -> None:
    try:
        begun = await starting
    except (DomainError, Error):
        return  # it was refused
    await _stop(begun)


async def _stop(begun: Begun) -> None:
    await act(services.stop_generation, user_id=begun.user_id, generation_id=begun.generation.id, now=clock.now())
