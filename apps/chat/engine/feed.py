"""Live text and wake-ups through Redis. Everything here may be lost at any time: the database is asked as well.

Pieces of an answer's text, each with the offset (in characters) at which it ends, and a last word once it is settled,
are published to those who follow it now and kept in a stream of its own for those who come later. Offsets, unlike
stream ids, mean the same in the saved text.
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
_STREAM_SECONDS = 900
_ENDED_STREAM_SECONDS = 60
_LISTEN_SECONDS = 5.0
_PATIENCE_SECONDS = 2.0
_PAGE = 100
_END = b"end"
_INSTEAD = "the database is polled instead"


@dataclass(frozen=True)
class Piece:
    """Some text of an answer; `end` is the offset after its last character."""

    text: str
    end: int

    @property
    def start(self) -> int:
        """The offset of its first character."""
        return self.end - len(self.text)


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
        self._pieces[generation_id] = piece if waiting is None else Piece(waiting.text + piece.text, piece.end)
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
            pipe.xadd(name, {"text": piece.text, "end_offset": piece.end})
            pipe.expire(name, _STREAM_SECONDS)
            pipe.publish(name, f"{piece.end} {piece.text}".encode())
        return pipe


def read(message: bytes) -> Piece | End:
    """What was said on an answer's channel."""
    end, _, text = message.partition(b" ")
    return End() if message == _END else Piece(text.decode(), int(end))


async def kept(client: Redis, generation_id: UUID, *, after: int) -> list[Piece | End]:
    """What an answer's stream holds behind this offset of its text, in its order. Raises redis.RedisError."""
    found: list[Piece | End] = []
    last = "+"
    while True:
        page: Any = await cancellable(client.xrevrange(channel(generation_id), max=last, count=_PAGE))
        for entry_id, fields in page:
            last = f"({entry_id.decode()}"
            piece = End() if b"end" in fields else Piece(fields[b"text"].decode(), int(fields[b"end_offset"]))
            found.insert(0, piece)
            if isinstance(piece, Piece) and piece.start <= after:
                return found
        if len(page) < _PAGE:
            return found


def channel(generation_id: UUID) -> str:
    """The name of an answer's stream, and of the channel on which its pieces are published."""
    return f"chat:generation:{generation_id}"
