"""How often something is done: windows that slide, counted in Redis, so that all processes count as one.

Where Redis does not answer nothing is counted and nobody is held back: what must hold then stands in the database.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import Any

import redis

from apps.kernel.redis import tell_redis

_PREFIX = "often:"
_INSTEAD = "how often it is done is not counted, and nobody is held back"
# In one step of Redis, and one command: a third of what a transaction of four costs this side.
_ENTER = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[5], '+inf')
local found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3])
for place = 6, #ARGV do redis.call('ZADD', KEYS[1], ARGV[2], ARGV[place]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local times = {}
for place = 2, #found, 2 do times[#times + 1] = found[place] end
return table.concat(times, ' ')
"""
_ENTER_SHA = sha1(_ENTER.encode(), usedforsecurity=False).hexdigest()


def enter(key: str, *, act: str, window: timedelta, now: datetime, times: int = 1) -> tuple[datetime, ...] | None:
    """Note an act under its own name, in one call; when the others within the window were done, oldest first.

    None where Redis did not answer. The n-th to enter sees n - 1 others, however many enter at once. An act that is
    done several `times` at once counts as so many, all of which are taken back together.
    """
    answers: list[Any] = []
    ends, at = _milliseconds(now - window), _milliseconds(now)
    # What another host did in a future so far off has its clock to blame: nobody waits until then.
    future = _milliseconds(now + window)
    length = int(window.total_seconds() * 1000)
    said: tuple[Any, ...] = (1, _PREFIX + key, ends, at, act, length, future, *_repeats(act, times))

    def note(client: redis.Redis) -> None:
        try:
            answers.append(client.evalsha(_ENTER_SHA, *said))
        except redis.exceptions.NoScriptError:  # Redis is new, or was emptied
            answers.append(client.eval(_ENTER, *said))

    tell_redis(note, instead=_INSTEAD)
    if not answers:
        return None
    return tuple(datetime.fromtimestamp(float(score) / 1000, UTC) for score in answers[0].split())


def leave(key: str, *, act: str, times: int = 1) -> None:
    """Take a noted act back: it was not done after all."""
    names = (act, *_repeats(act, times))
    tell_redis(lambda client: client.zrem(_PREFIX + key, *names), instead="it counts until its window ends")


def _repeats(act: str, times: int) -> list[str]:
    return [f"{act}:{number}" for number in range(1, times)]


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
