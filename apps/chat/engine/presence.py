"""How many answers each channel is writing, as the engines tell it once a second, for operators. May be lost at any
time: nothing is decided by it.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import redis
from redis.asyncio import Redis

from apps.kernel.redis import sync_redis

_ENGINES = "chat:engines"
# Who has said nothing for so long is gone.
_HEARD_SECONDS = 10


async def tell(client: Redis, *, engine: UUID, running: Mapping[str, int]) -> None:
    """Say what this engine is writing, by channel. Raises RedisError."""
    pipe = client.pipeline(transaction=False)
    pipe.set(_of(engine), json.dumps(running), ex=_HEARD_SECONDS)
    pipe.zadd(_ENGINES, {str(engine): time.time()})
    pipe.expire(_ENGINES, _HEARD_SECONDS)
    await pipe.execute()


def running_by_channel() -> dict[str, int] | None:
    """How many answers are being written at each channel; None where nobody can know."""
    try:
        client = sync_redis()
        client.zremrangebyscore(_ENGINES, 0, time.time() - _HEARD_SECONDS)
        engines: list[Any] = list(client.zrange(_ENGINES, 0, -1))
        told = client.mget([_of(engine.decode()) for engine in engines]) if engines else []
    except redis.RedisError:
        return None
    running: Counter[str] = Counter()
    for said in told:
        running.update(json.loads(said) if said else {})
    return dict(running)


def _of(engine: UUID | str) -> str:
    return f"chat:engine:{engine}"
