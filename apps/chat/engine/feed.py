"""Live text and wake-ups through Redis. Everything here may be lost at any time: the database is asked as well.

An answer's stream holds pieces of its text, each with the offset (in characters) at which it ends, and a last
entry once the answer is settled. Offsets, unlike stream ids, mean the same in the saved text.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from redis.asyncio import Redis

from apps.kernel.streams import cancellable, sync_redis

logger = logging.getLogger(__name__)

_WAKE = "chat:wake"
_STOP = "chat:stop"
_STREAM_SECONDS = 900
_ENDED_STREAM_SECONDS = 60
_LISTEN_SECONDS = 5.0


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

    _try(push)


def announce_stop(generation_id: UUID) -> None:
    """Tell the engines that a generation shall stop. If this fails, its engine reads the row a second later."""
    _try(lambda client: client.publish(_STOP, str(generation_id)))


def announce_end(generation_id: UUID) -> None:
    """Tell readers that a generation is settled. If this fails, they read the row a little later."""

    def end(client: redis.Redis) -> None:
        pipe = client.pipeline(transaction=False)
        pipe.xadd(_stream(generation_id), {"end": 1})
        pipe.expire(_stream(generation_id), _ENDED_STREAM_SECONDS)
        pipe.execute()

    _try(end)


async def wait_for_wake(client: Redis, *, seconds: int) -> None:
    """Return when a generation was queued, at the latest after `seconds`. Raises redis.RedisError."""
    await cancellable(client.blpop([_WAKE], timeout=seconds))
    await client.delete(_WAKE)


async def stops(client: Redis) -> AsyncIterator[UUID]:
    """The ids of generations that shall stop, as they are announced. Raises redis.RedisError."""
    async with client.pubsub() as channel:
        await channel.subscribe(_STOP)
        while True:
            heard = channel.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_SECONDS)
            if message := await cancellable(heard):
                with suppress(ValueError):
                    yield UUID(message["data"].decode())


async def append(client: Redis, generation_id: UUID, piece: Piece) -> None:
    """Add a piece to an answer's stream. Raises redis.RedisError."""
    pipe = client.pipeline(transaction=False)
    pipe.xadd(_stream(generation_id), {"text": piece.text, "end_offset": piece.end})
    pipe.expire(_stream(generation_id), _STREAM_SECONDS)
    await cancellable(pipe.execute())


async def read(client: Redis, generation_id: UUID, *, after: str, wait_ms: int) -> tuple[str, list[Piece | End]]:
    """What was added to an answer's stream after the entry `after` ("0" is the beginning), and the new `after`.

    Waits up to `wait_ms` when there is nothing yet. Raises redis.RedisError.
    """
    answer: Any = await cancellable(client.xread({_stream(generation_id): after}, count=500, block=wait_ms))
    # RESP2 answers a list of streams, RESP3 a mapping.
    streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer or []]
    found: list[Piece | End] = []
    for entries in streams:
        for entry_id, fields in _flat(entries):
            after = entry_id.decode()
            if b"end" in fields:
                found.append(End())
            else:
                found.append(Piece(fields[b"text"].decode(), int(fields[b"end_offset"])))
    return after, found


def _flat(entries: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """RESP3 wraps the entries of a stream once more."""
    if entries and isinstance(entries[0], list):
        return [entry for group in entries for entry in group]
    return list(entries)


def _stream(generation_id: UUID) -> str:
    return f"chat:generation:{generation_id}"


def _try(act: Callable[[redis.Redis], object]) -> None:
    try:
        act(sync_redis())
    except redis.RedisError as error:
        logger.warning("redis is not reachable (%s); the database is polled instead", type(error).__name__)
