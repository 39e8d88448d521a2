"""Live text and wake-ups through Redis. Everything here may be lost at any time: the database is asked as well.

Pieces of an answer's text and thoughts, each with the offsets (in characters) at which they end, and a last word once
it is settled, are published to those who follow it now and kept in a stream of its own for those who come later.
Offsets, unlike stream ids, mean the same in the saved text. Thoughts are saved with the end only: what Redis loses of
them comes then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from apps.kernel.event_loops import cancellable
from apps.kernel.redis import tell_redis

_WAKE = "chat:wake"
_STOP = "chat:stop"
# On which the end of every answer is told, for those who want no more of it than that.
ENDS = "chat:ends"
_STREAM_SECONDS = 900
_ENDED_STREAM_SECONDS = 60
_LISTEN_SECONDS = 5.0
_PATIENCE_SECONDS = 2.0
_PAGE = 100
_END = b"end"
# Begins what is published with thoughts, or behind them.
_WITH_THOUGHTS = b"+"
_INSTEAD = "the database is polled instead"


@dataclass(frozen=True)
class Piece:
    """Some text of an answer, and some of the thoughts; `end` and `thought_end` are the offsets behind them."""

    text: str
    end: int
    thought: str = ""
    thought_end: int = 0

    @property
    def start(self) -> int:
        """The offset of its first character."""
        return self.end - len(self.text)

    @property
    def thought_start(self) -> int:
        """The offset of its first character among the thoughts."""
        return self.thought_end - len(self.thought)

    def then(self, later: "Piece") -> "Piece":
        """The two as one; `later` continues this."""
        return Piece(self.text + later.text, later.end, self.thought + later.thought, later.thought_end)

    def fields(self) -> dict[Any, Any]:
        """As it is kept."""
        text = {"text": self.text, "end_offset": self.end}
        return text | {"thought": self.thought, "thought_end": self.thought_end} if self.thought_end else text

    def written(self) -> bytes:
        """As it is published."""
        if not self.thought_end:
            return f"{self.end} {self.text}".encode()
        head = f"{self.end} {self.thought_end} {len(self.thought)} "
        return _WITH_THOUGHTS + f"{head}{self.thought}{self.text}".encode()


class End:
    """The answer is settled: the database has the rest."""


def wake_engine(generation_id: UUID) -> None:
    """Tell an engine that a generation is queued. If this fails, its sweep finds it a second later."""

    def push(client: redis.Redis) -> None:
        pipe = client.pipeline(transaction=False)
        pipe.lpush(_WAKE, str(generation_id))
        pipe.expire(_WAKE, 60)
        pipe.execute()

    tell_redis(push, instead=_INSTEAD)


def announce_stop(generation_id: UUID) -> None:
    """Tell the engines that a generation shall stop. If this fails, its engine reads the row a second later."""
    tell_redis(lambda client: client.publish(_STOP, str(generation_id)), instead=_INSTEAD)


def announce_end(generation_id: UUID) -> None:
    """Tell readers that a generation is settled. If this fails, they read the row a little later."""

    def end(client: redis.Redis) -> None:
        pipe = client.pipeline(transaction=False)
        pipe.xadd(channel(generation_id), {"end": 1})
        pipe.expire(channel(generation_id), _ENDED_STREAM_SECONDS)
        pipe.publish(channel(generation_id), _END)
        pipe.publish(ENDS, str(generation_id))
        pipe.execute()

    tell_redis(end, instead=_INSTEAD)


async def wait_for_wake(client: Redis, *, seconds: int) -> None:
    """Return when a generation was queued, at the latest after `seconds` or, when nobody answers, twice as many.

    Raises redis.RedisError, TimeoutError.
    """
    async with asyncio.timeout(2 * seconds):
        await cancellable(client.blpop([_WAKE], timeout=seconds))
        await cancellable(client.delete(_WAKE))


async def stops(client: Redis) -> AsyncIterator[UUID]:
    """The ids of generations that shall stop, as they are announced. Raises redis.RedisError."""
    async with client.pubsub() as told:
        await told.subscribe(_STOP)
        while True:
            listening = told.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_SECONDS)
            if message := await cancellable(listening):
                with suppress(ValueError):
                    yield UUID(message["data"].decode())


class Feeder:
    """Hands out the pieces of all answers on one connection: while it is busy they gather, and go together then."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._pieces: dict[UUID, Piece] = {}
        self._news = asyncio.Event()

    def put(self, generation_id: UUID, piece: Piece) -> None:
        """Hand out a piece, which continues the last one, as soon as can be."""
        waiting = self._pieces.get(generation_id)
        self._pieces[generation_id] = piece if waiting is None else waiting.then(piece)
        self._news.set()

    async def work(self) -> None:
        """Hand out all pieces as they come, until cancelled."""
        while True:
            await self._news.wait()
            await self.flush()

    async def flush(self) -> None:
        """Hand out what waits; what Redis does not take within seconds, readers find in the saved text."""
        self._news.clear()
        pieces, self._pieces = self._pieces, {}
        with suppress(redis.RedisError, OSError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await cancellable(self._append(pieces).execute())

    def _append(self, pieces: dict[UUID, Piece]) -> Pipeline:
        pipe = self._client.pipeline(transaction=False)
        for generation_id, piece in pieces.items():
            name = channel(generation_id)
            pipe.xadd(name, piece.fields())
            pipe.expire(name, _STREAM_SECONDS)
            pipe.publish(name, piece.written())
        return pipe


def read(message: bytes) -> Piece | End:
    """What was said on an answer's channel."""
    if message == _END:
        return End()
    if not message.startswith(_WITH_THOUGHTS):
        end, _, text = message.partition(b" ")
        return Piece(text.decode(), int(end))
    end, thought_end, length, said = message.removeprefix(_WITH_THOUGHTS).split(b" ", 3)
    both = said.decode()
    return Piece(both[int(length) :], int(end), both[: int(length)], int(thought_end))


async def kept(
    client: Redis, generation_id: UUID, *, after: int, after_thought: int | None = None
) -> list[Piece | End]:
    """What an answer's stream holds behind this offset of its text, in its order; and behind this one of its thoughts,
    if somebody wants those. Raises redis.RedisError.
    """
    found: list[Piece | End] = []
    last = "+"
    while True:
        page: Any = await cancellable(client.xrevrange(channel(generation_id), max=last, count=_PAGE))
        for entry_id, fields in page:
            last = f"({entry_id.decode()}"
            piece = End() if b"end" in fields else _kept(fields)
            found.insert(0, piece)
            if (
                isinstance(piece, Piece)
                and piece.start <= after
                and (after_thought is None or piece.thought_start <= after_thought)
            ):
                return found
        if len(page) < _PAGE:
            return found


def _kept(fields: dict[bytes, bytes]) -> Piece:
    thought, thought_end = fields.get(b"thought", b""), fields.get(b"thought_end", b"0")
    return Piece(fields[b"text"].decode(), int(fields[b"end_offset"]), thought.decode(), int(thought_end))


def channel(generation_id: UUID) -> str:
    """The name of an answer's stream, and of the channel on which its pieces are published."""
    return f"chat:generation:{generation_id}"
