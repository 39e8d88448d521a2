"""A request that asks, and the answers that it waits for: they end together, whichever ends first."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Generic, Self, TypeVar
from uuid import UUID

from django.db import Error
from django.http import HttpRequest

from apps.chat import services
from apps.chat.api.compatible import lanes
from apps.chat.api.live import LiveAnswer, LiveAnswers
from apps.chat.contracts import AnswerView, GenerationDetail
from apps.kernel import clock
from apps.kernel.errors import DomainError
from apps.kernel.event_loops import act, of_loop
from apps.kernel.ids import UserId
from apps.kernel.insisting import insist

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Begun:
    """Generations that were begun together, whose they are, and whether they are followed, thoughts and all, or only
    their ends are waited for.
    """

    user_id: UserId
    generations: tuple[GenerationDetail, ...]
    is_followed: bool


@dataclass(frozen=True, kw_only=True)
class News:
    """What there is beyond what was told, of the thoughts and of the text."""

    thought: str
    text: str


B = TypeVar("B", bound=Begun)
# Which answer of a call it is about, and what there is of it; at last how that ended.
Heard = tuple[int, News | AnswerView]


class _Answer:
    """One answer of a call, as far as it was told."""

    def __init__(self, live: LiveAnswer) -> None:
        self._live = live
        self._version, self._told, self._thoughts_told = -1, 0, 0
        self._end: AnswerView | None = None

    @property
    def has_ended(self) -> bool:
        return self._end is not None

    async def next(self) -> News | AnswerView:
        while True:
            if self._end is not None:
                return self._rest(self._end.reasoning, self._end.text) or self._end
            self._version = await self._live.changed(self._version)
            if news := self._rest(self._live.thoughts, self._live.text):
                return news
            self._end = await self._live.end(with_balance=False)

    def _rest(self, thoughts: str, text: str) -> News | None:
        news = News(thought=thoughts[self._thoughts_told :], text=text[self._told :])
        self._told = max(self._told, len(text))
        self._thoughts_told = max(self._thoughts_told, len(thoughts))
        return news if news.thought or news.text else None


class Call(Generic[B]):
    """One call of a program, whose answers have begun.

    When the request's task is over, however that came about (told to the end, left before the first byte, left in the
    middle of a stream that nobody had begun to read), the answers that are still being written are stopped: their
    owner pays for what was written, and no reader is left behind.
    """

    def __init__(self, begun: B, answers: Sequence[LiveAnswer], reading: AsyncExitStack) -> None:
        self.begun = begun
        self._answers = [_Answer(live) for live in answers]
        self._reading = reading
        # Of which it was told how they ended: handed out by news(), not only found out.
        self._told: set[int] = set()
        # The first news, while it is waited for; and of several answers those of each.
        self._first: asyncio.Future[Heard] | None = None
        self._waiting: dict[int, asyncio.Future[News | AnswerView]] = {}

    @classmethod
    async def begin(cls, request: HttpRequest, begin: Callable[[], B]) -> Self:
        """Have generations begun in a thread. Raises what `begin` raises, and then nothing was begun."""
        starting = asyncio.ensure_future(lanes.begun(request, begin))
        try:
            # Shielded: who leaves now has still begun some, which have to be stopped.
            begun = await asyncio.shield(starting)
        except asyncio.CancelledError:
            of_loop(_Leaving).do(_stop_once_begun(starting))
            raise
        reading, live = AsyncExitStack(), of_loop(LiveAnswers)
        # It waits for nothing, so nobody can leave in between.
        answers = [
            await reading.enter_async_context(
                live.reading(
                    begun.user_id,
                    AnswerView(generation=each, text=""),
                    with_thoughts=begun.is_followed,
                    is_followed=begun.is_followed,
                )
            )
            for each in begun.generations
        ]
        call = cls(begun, answers, reading)
        if (task := asyncio.current_task()) is not None:
            task.add_done_callback(lambda _: of_loop(_Leaving).do(call._leave()))
        return call

    @property
    def is_over(self) -> bool:
        """Whether it was told how each answer ended."""
        return len(self._told) == len(self._answers)

    async def begins_by(self, moment: float) -> bool:
        """Whether there are news by then, a time of the loop; whoever asks for the news gets them, now or later."""
        if self._first is None:
            self._first = asyncio.ensure_future(self._next())
        await asyncio.wait({self._first}, timeout=moment - asyncio.get_running_loop().time())
        return self._first.done()

    async def news(self) -> Heard:
        """What there is beyond what was told here, of whichever answer, as soon as it comes; once how each ended."""
        first, self._first = self._first, None
        number, news = await (self._next() if first is None else first)
        if isinstance(news, AnswerView):
            self._told.add(number)
        return number, news

    async def ends(self) -> list[AnswerView]:
        """How they ended."""
        ends: dict[int, AnswerView] = {}
        while not self.is_over:
            number, news = await self.news()
            if isinstance(news, AnswerView):
                ends[number] = news
        return [ends[number] for number in sorted(ends)]

    async def _next(self) -> Heard:
        if len(self._answers) == 1:
            return 0, await self._answers[0].next()
        for number, answer in enumerate(self._answers):
            if number not in self._waiting and number not in self._told:
                self._waiting[number] = asyncio.ensure_future(answer.next())
        await asyncio.wait(self._waiting.values(), return_when=asyncio.FIRST_COMPLETED)
        # Whoever was told of goes to the end of the line.
        number = next(number for number, news in self._waiting.items() if news.done())
        return number, self._waiting.pop(number).result()

    async def _leave(self) -> None:
        for waiting in (self._first, *self._waiting.values()):
            if waiting is not None:
                waiting.cancel()
        await self._reading.aclose()
        begun = zip(self.begun.generations, self._answers, strict=True)
        await _stop(self.begun.user_id, [each.id for each, answer in begun if not answer.has_ended])


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
    await _stop(begun.user_id, [each.id for each in begun.generations])


async def _stop(user_id: UserId, generation_ids: Sequence[UUID]) -> None:
    for generation_id in generation_ids:
        await insist(
            partial(act, services.stop_generation, user_id=user_id, generation_id=generation_id, now=clock.now())
        )
