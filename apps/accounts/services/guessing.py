"""Wrong codes and passwords: who guesses is refused for a while, and nobody else, however many guess at once."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.kernel import limits
from apps.kernel.errors import RateLimited


@dataclass(frozen=True, kw_only=True)
class Guesses:
    """One counter of a network and one of everybody.

    When everybody's is used up, a network may be wrong `in_flood` times instead of `limit` times. It never refuses a
    network that has not been wrong, or a crowd of strangers could shut out whoever knows the answer.
    """

    network: str
    everybody: str
    limit: int
    limit_of_everybody: int
    in_flood: int
    window: timedelta

    def check(self, *, now: datetime) -> None:
        """Count nothing, but refuse a network that has guessed enough. Raises RateLimited."""
        is_flood = limits.is_used_up(self.everybody, limit=self.limit_of_everybody, window=self.window, now=now)
        limits.check(self.network, limit=self.in_flood if is_flood else self.limit, window=self.window, now=now)

    def count(self, *, now: datetime) -> None:
        """Count one that was wrong, outside the transaction that found it wrong."""
        for key, limit in ((self.network, self.limit), (self.everybody, self.limit_of_everybody)):
            with suppress(RateLimited):  # full already
                limits.hit(key, limit=limit, window=self.window, now=now)
