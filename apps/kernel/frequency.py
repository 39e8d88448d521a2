"""How often something is done: windows that slide, counted in Redis, so that all processes count as one.

Where Redis does not answer nothing is counted and nobody is held back: what must hold then stands in the database.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from apps.kernel.redis import tell_redis

_PREFIX = "often:"
_INSTEAD = "how often it is done is not counted, and nobody is held back"


def enter(key: str, *, act: str, window: timedelta, now: datetime) -> tuple[datetime, ...] | None:
    """Note an act under its own name, in one call; when the others within the window were done, oldest first.

    None where Redis did not answer. The n-th to enter sees n - 1 others, however many enter at once.
    """
    answers: list[Any] = []

    def note(client: redis.Redis) -> None:
        pipe = client.pipeline(transaction=True)
        pipe.zremrangebyscore(_PREFIX + key, "-inf", _milliseconds(now - window))
        pipe.zrange(_PREFIX + key, 0, -1, withscores=True)
        pipe.zadd(_PREFIX + key, {act: _milliseconds(now)})
        pipe.pexpire(_PREFIX + key, window)
        answers.extend(pipe.execute())

    tell_redis(note, instead=_INSTEAD)
    if not answers:
        return None
    return tuple(datetime.fromtimestamp(score / 1000, UTC) for _, score in answers[1])


def leave(key: str, *, act: str) -> None:
    """Take a noted act back: it was not done after all."""
    tell_redis(lambda client: client.zrem(_PREFIX + key, act), instead="it counts until its window ends")


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
