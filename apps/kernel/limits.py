"""How often something may be tried: windows counted in the database, shared by all processes."""

from datetime import datetime, timedelta
from math import ceil

from django.db.models import Case, F, Q, QuerySet, When

from apps.kernel.errors import RateLimited
from apps.kernel.models import RateWindow


def hit(key: str, *, limit: int, window: timedelta, now: datetime, times: int = 1) -> None:
    """Count one try under `key`, or one that is as much as several. The first try opens a window; the first after its
    end opens the next.

    Who waits for an end can try up to twice the limit within one length, which is enough for what we protect.
    Call it outside the transaction of the act itself, so that a refused act still counts.

    Raises RateLimited with `retry_after` seconds when `limit` tries (1 or more) are used up.
    """
    is_open = _is_open(window=window, now=now)
    free = RateWindow.objects.filter(~is_open | Q(hits__lte=limit - times), key=key)
    counted = {
        "hits": Case(When(is_open, then=F("hits") + times), default=times),
        "window_start": Case(When(is_open, then=F("window_start")), default=now),
    }
    if free.update(**counted):
        return
    # Used up, or the first try ever. Whoever comes second at opening it changes nothing.
    RateWindow.objects.bulk_create([RateWindow(key=key, window_start=now, hits=0)], ignore_conflicts=True)
    if not free.update(**counted):
        raise _refusal(RateWindow.objects.filter(key=key), window=window, now=now)


def check(key: str, *, limit: int, window: timedelta, now: datetime) -> None:
    """Count nothing, but refuse once `hit` has counted `limit` tries: for acts of which only failures count.

    What is under way meanwhile is not counted yet (give_back). Raises RateLimited with `retry_after` seconds.
    """
    used_up = _used_up(key, limit=limit, window=window, now=now)
    if used_up.exists():
        raise _refusal(used_up, window=window, now=now)


def give_back(key: str) -> None:
    """Take back one try that `hit` counted before it was known to be none: for acts whose failures may pass no limit
    even if many are under way at once, which `check` before and `hit` after would let through.
    """
    RateWindow.objects.filter(key=key, hits__gt=0).update(hits=F("hits") - 1)


def is_used_up(key: str, *, limit: int, window: timedelta, now: datetime) -> bool:
    """Whether `hit` has counted `limit` tries in the present window."""
    return _used_up(key, limit=limit, window=window, now=now).exists()


def forget_old(*, now: datetime) -> int:
    """Delete windows that were opened more than two days ago; returns how many."""
    deleted, _ = RateWindow.objects.filter(window_start__lt=now - timedelta(days=2)).delete()
    return deleted


def _is_open(*, window: timedelta, now: datetime) -> Q:
    # Clocks of two processes differ a little, so a window may begin after `now`; one that begins by more than its
    # length later was opened by a clock that was ahead, and holds nobody.
    return Q(window_start__gt=now - window, window_start__lt=now + window)


def _used_up(key: str, *, limit: int, window: timedelta, now: datetime) -> QuerySet[RateWindow]:
    return RateWindow.objects.filter(_is_open(window=window, now=now), key=key, hits__gte=limit)


def _refusal(windows: QuerySet[RateWindow], *, window: timedelta, now: datetime) -> RateLimited:
    """Say when the window ends; 1 second when it was forgotten meanwhile."""
    start = windows.values_list("window_start", flat=True).first()
    return RateLimited(retry_after=max(1, ceil((start + window - now).total_seconds())) if start else 1)
