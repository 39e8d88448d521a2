"""Who draws pictures at the same moment, or waits for it: a bounded number, so that threads are left for all else."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from apps.chat import errors
from apps.kernel.errors import Busy
from apps.kernel.ids import UserId

_BUSY_SECONDS = 2
# As long as a usual picture takes, several times.
_WAIT_SECONDS = 2.0


class Places:
    """Places in this process: `number` of them, of which one member has `each` at most.

    `waiting` threads may wait a moment until their own member has given one back; nobody waits for another member.
    """

    def __init__(self, number: int, *, each: int, waiting: int) -> None:
        self._number, self._each, self._waiting = number, each, waiting
        self._changed = Condition()
        self._taken: Counter[UserId] = Counter()

    @contextmanager
    def of(self, user_id: UserId) -> Iterator[None]:
        """One for this member. Raises PicturesTakeTurns where theirs are taken, Busy where all are."""
        with self._changed:
            if not (self._has_turn(user_id) or self._comes_to_turn(user_id)):
                raise errors.PicturesTakeTurns(retry_after=_BUSY_SECONDS)
            if self._taken.total() >= self._number:
                raise Busy(retry_after=_BUSY_SECONDS)
            self._taken[user_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= Counter({user_id: 1})  # so that nobody is left in it with none
                self._changed.notify_all()

    def _has_turn(self, user_id: UserId) -> bool:
        return self._taken[user_id] < self._each

    def _comes_to_turn(self, user_id: UserId) -> bool:
        if not self._waiting:
            return False
        self._waiting -= 1
        try:
            return self._changed.wait_for(lambda: self._has_turn(user_id), _WAIT_SECONDS)
        finally:
            self._waiting += 1
