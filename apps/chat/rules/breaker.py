"""When a channel is left alone, and when it is asked again."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from apps.chat.contracts import BreakerState

# So many failures in a row, none longer after the one before than the window, open the breaker.
FAILURES = 5
WINDOW = timedelta(minutes=1)
# How long a channel is then left alone: twice as long after each probe that fails.
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=10)
# A probe of which nothing is heard for so long died with its engine: another may begin.
PROBE = timedelta(minutes=3)


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a channel does; `retry_at` is when it may be tried, while it is not closed."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    # How often it opened since it last gave a whole answer.
    openings: int = 0
    failed_at: datetime | None = None
    retry_at: datetime | None = None

    @property
    def is_well(self) -> bool:
        """Whether a success would change nothing."""
        return self == Health(failed_at=self.failed_at)


def after_failure(health: Health, *, now: datetime, is_probe: bool) -> Health:
    """What a failure makes of a channel's health. One that was asked before the channel was left alone adds nothing."""
    if health.state is BreakerState.CLOSED:
        is_in_row = health.failed_at is not None and now - health.failed_at <= WINDOW
        failures = health.failures + 1 if is_in_row or health.openings else 1
        if failures < FAILURES:
            return replace(health, failures=failures, failed_at=now)
        return _opened(replace(health, failures=failures), now)
    return _opened(health, now) if is_probe and health.state is BreakerState.HALF_OPEN else health


def after_first_word(health: Health, *, is_probe: bool) -> Health:
    """What the first word of a probe makes of it: asked as usual, on probation; one more failure opens again."""
    if not is_probe or health.state is not BreakerState.HALF_OPEN:
        return health
    return replace(health, state=BreakerState.CLOSED, failures=FAILURES - 1, retry_at=None)


def after_answer(health: Health) -> Health:
    """What a whole answer makes of it: all is forgotten, unless it is left alone since; a late answer says little."""
    return Health(failed_at=health.failed_at) if health.state is BreakerState.CLOSED else health


def after_nothing(health: Health, *, now: datetime, is_probe: bool) -> Health:
    """A probe that nobody waited for shows nothing: the next may begin at once."""
    if not is_probe or health.state is not BreakerState.HALF_OPEN:
        return health
    return replace(health, state=BreakerState.OPEN, retry_at=now)


def _opened(health: Health, now: datetime) -> Health:
    pause = min(FIRST_PAUSE * 2 ** min(health.openings, 10), LONGEST_PAUSE)
    return replace(health, state=BreakerState.OPEN, openings=health.openings + 1, failed_at=now, retry_at=now + pause)
