"""Answers that are being written, as all their readers in this process share them: one text, one look at the row."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from uuid import UUID

import redis
from django.db import Error

from apps.chat import services
from apps.chat.contracts import AnswerView, GenerationState, Progress
from apps.chat.engine import feed
from apps.kernel.event_loops import look, of_loop
from apps.kernel.ids import UserId
from apps.kernel.insisting import insist
from apps.kernel.redis import Channels, async_redis

logger = logging.getLogger(__name__)

# How often the row of an answer is read while nothing comes: rarely when Redis would tell, each second when it cannot.
_LOOK_SECONDS, _LOOK_WITHOUT_REDIS_SECONDS = 3.0, 1.0
# Of the last ends, for who begins to wait behind one: some seconds of all answers of the site.
_ENDS_KEPT = 1000


class LiveAnswer:
    """The text so far, and how the answer stands; it knows what continues the text, and what does not fit.

    So it is with thoughts, once somebody follows them. What of them is lost on the way is in the row at the end.
    """

    def __init__(self, user_id: UserId, view: AnswerView, *, miss: Callable[["LiveAnswer"], None]) -> None:
        self._user_id = user_id
        self._miss = miss
        self.generation_id = view.generation.id
        self.text, self.state = view.text, view.generation.state
        self.thoughts = view.reasoning
        # Whether its channel is listened to; else its end is all that anybody waits for.
        self.is_followed = self.follows_thoughts = False
        self.is_over = self.has_missed = self.has_missed_thoughts = False
        self.readers = 0
        self.fresh_at = asyncio.get_running_loop().time()
        self._version, self._changed = 0, asyncio.Event()
        self._end: AnswerView | None = None
        self._ending = asyncio.Lock()

    async def changed(self, version: int) -> int:
        """Wait for another version than this one of what is known; its number."""
        while self._version == version:
            await self._changed.wait()
        return self._version

    def hear(self, message: bytes | None) -> None:
        """Take what is said on the answer's channel; None when something may have been missed there."""
        if message is None:
            self.has_missed = True
        else:
            self.add(feed.read(message))
        if self.has_missed or self.has_missed_thoughts:
            self._miss(self)

    def add(self, entry: feed.Piece | feed.End) -> None:
        """Take what Redis tells."""
        if isinstance(entry, feed.End):
            self._tell(is_over=True)
            return
        end, thought_end = len(self.text), len(self.thoughts)
        more = thought = ""
        if entry.start > end:
            self.has_missed = True
        elif entry.end > end:
            more = entry.text[end - entry.start :]
        if self.follows_thoughts and entry.thought_start > thought_end:
            self.has_missed_thoughts = True
        elif self.follows_thoughts and entry.thought_end > thought_end:
            thought = entry.thought[thought_end - entry.thought_start :]
        if more or thought:
            self.thoughts += thought
            self._tell(state=GenerationState.RUNNING, text=self.text + more)

    def take(self, progress: Progress) -> None:
        """Take what the row says; words may have come since it was read."""
        self.fresh_at = asyncio.get_running_loop().time()
        is_later = self.state is GenerationState.QUEUED and progress.state is GenerationState.RUNNING
        if progress.is_settled or is_later or len(progress.text) > len(self.text):
            state = GenerationState.RUNNING if is_later else self.state
            self._tell(state=state, text=progress.text, is_over=progress.is_settled)

    async def end(self, *, with_balance: bool = True) -> AnswerView | None:
        """How it ended, read once for all readers; None if it has not, whoever said so. Raises GenerationNotFound."""
        async with self._ending:
            is_known = self._end is not None and not (with_balance and self._end.balance_milli is None)
            if self.is_over and not is_known:
                view = await insist(partial(self._read, with_balance=with_balance))
                self.is_over = view.generation.is_settled
                self._end = view if self.is_over else None
        return self._end

    async def _read(self, *, with_balance: bool) -> AnswerView:
        return await look(
            services.read_answer, user_id=self._user_id, generation_id=self.generation_id, with_balance=with_balance
        )

    def _tell(self, *, state: GenerationState | None = None, text: str = "", is_over: bool = False) -> None:
        self.state = state or self.state
        self.text = max(self.text, text, key=len)
        self.is_over = self.is_over or is_over
        self.fresh_at = asyncio.get_running_loop().time()
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()


class _Ends:
    """Which answers have ended lately, of all that this event loop hears of, and who waits to be told."""

    def __init__(self) -> None:
        self._lately: dict[bytes, None] = {}
        self._waiting: dict[bytes, LiveAnswer] = {}

    def wait(self, answer: LiveAnswer) -> None:
        """Tell this answer that it is over; at once, if that was heard before anybody waited."""
        name = str(answer.generation_id).encode()
        self._waiting[name] = answer
        if name in self._lately:
            answer.add(feed.End())

    def leave(self, answer: LiveAnswer) -> None:
        """Tell it no more."""
        self._waiting.pop(str(answer.generation_id).encode(), None)

    def hear(self, message: bytes | None) -> None:
        """Take what is said on the channel of ends; None when something may have been missed there."""
        if message is None:
            for answer in self._waiting.values():
                answer.hear(None)
            return
        self._lately[message] = None
        if len(self._lately) > _ENDS_KEPT:
            del self._lately[next(iter(self._lately))]
        if message in self._waiting:
            self._waiting[message].add(feed.End())


class LiveAnswers:
    """All of one event loop."""

    def __init__(self) -> None:
        self._channels = of_loop(Channels)
        self._ends = _Ends()
        # From here on: an answer may end before who asked for it waits for that.
        self._channels.listen(feed.ENDS, self._ends.hear)
        # One connection, on which they take turns.
        self._redis = async_redis(single_connection_client=True)
        self._answers: dict[UUID, LiveAnswer] = {}
        self._catching_up: dict[LiveAnswer, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reading(
        self, user_id: UserId, view: AnswerView, *, with_thoughts: bool = False, is_followed: bool = True
    ) -> AsyncIterator[LiveAnswer]:
        """The answer, for one more of its owner's readers, who has just read its row, or written it.

        Who does not follow it is told of its end alone, on a channel that is listened to anyway.
        """
        answer = self._joined(user_id, view, is_followed=is_followed)
        if with_thoughts and not answer.follows_thoughts:
            # Whoever is the first reader is told of all that came before, once the channel is heard.
            answer.follows_thoughts = True
            answer.has_missed_thoughts = answer.readers > 1
            if answer.has_missed_thoughts:
                self._catch_up(answer)
        try:
            yield answer
        finally:
            answer.readers -= 1
            if not answer.readers:
                del self._answers[answer.generation_id]
                self._ends.leave(answer)
                if answer.is_followed:
                    self._channels.leave(feed.channel(answer.generation_id), answer.hear)

    def _joined(self, user_id: UserId, view: AnswerView, *, is_followed: bool) -> LiveAnswer:
        answer = self._answers.get(view.generation.id)
        if answer is None:
            answer = self._answers[view.generation.id] = LiveAnswer(user_id, view, miss=self._catch_up)
        else:
            answer.take(Progress(state=view.generation.state, text=view.text))
        if not is_followed:
            self._ends.wait(answer)
        elif not answer.is_followed:
            answer.is_followed = True
            self._channels.listen(feed.channel(answer.generation_id), answer.hear)
        answer.readers += 1
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return answer

    def _catch_up(self, answer: LiveAnswer) -> None:
        """Have what an answer missed read; once, however often it misses something meanwhile."""
        if answer not in self._catching_up:
            self._catching_up[answer] = asyncio.create_task(self._read_missed(answer))

    async def _read_missed(self, answer: LiveAnswer) -> None:
        """From Redis; and while that has lost it, from what is saved meanwhile."""
        try:
            while (answer.has_missed or answer.has_missed_thoughts) and answer.readers:
                length, thoughts = len(answer.text), len(answer.thoughts)
                answer.has_missed = answer.has_missed_thoughts = False
                after_thought = thoughts if answer.follows_thoughts else None
                with suppress(redis.RedisError, OSError):
                    for entry in await feed.kept(
                        self._redis, answer.generation_id, after=length, after_thought=after_thought
                    ):
                        answer.add(entry)
                if answer.has_missed_thoughts and len(answer.thoughts) == thoughts:
                    # They are gone. The row has them at the end.
                    answer.follows_thoughts = answer.has_missed_thoughts = False
                if answer.has_missed:
                    await self._look_at([answer])
                if answer.has_missed and len(answer.text) == length:
                    await asyncio.sleep(_LOOK_WITHOUT_REDIS_SECONDS)
        finally:
            del self._catching_up[answer]

    async def _watch(self) -> None:
        """Look at the rows of the answers of which nothing is heard, all in one statement."""
        try:
            while True:
                await asyncio.sleep(_LOOK_WITHOUT_REDIS_SECONDS)
                now = asyncio.get_running_loop().time()
                await self._look_at([answer for answer in self._answers.values() if now >= self._due_at(answer)])
        finally:
            with suppress(redis.RedisError, OSError):
                await self._redis.aclose()

    def _due_at(self, answer: LiveAnswer) -> float:
        is_heard = self._channels.is_heard(feed.channel(answer.generation_id) if answer.is_followed else feed.ENDS)
        return answer.fresh_at + (_LOOK_SECONDS if is_heard else _LOOK_WITHOUT_REDIS_SECONDS)

    async def _look_at(self, answers: list[LiveAnswer]) -> None:
        if not answers:
            return
        try:
            found = await look(services.read_progress, generation_ids=[answer.generation_id for answer in answers])
        except Error as error:
            logger.warning("the database refused (%s); will look again", type(error).__name__)
            return
        for answer in answers:
            answer.take(found.get(answer.generation_id, Progress(state=GenerationState.INTERRUPTED, text="")))
