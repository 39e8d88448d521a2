"""How often something may be tried: fixed windows counted in the database, shared by all processes."""

from datetime import UTC, datetime, timedelta

from django.db.models import F

from apps.kernel.errors import RateLimited
from apps.kernel.models import RateWindow


def hit(key: str, *, limit: int, window: timedelta, now: datetime) -> None:
    """Count one try under `key`; the window begins at a multiple of its length since the epoch.

    A burst across two windows can see up to twice the limit, which is enough for what we protect.
    Call it outside the transaction of the act itself, so that a refused act still counts.

    Raises RateLimited with `retry_after` seconds when `limit` tries are used up.
    """
    seconds = int(window.total_seconds())
    start = int(now.timestamp()) // seconds * seconds
    window_start = datetime.fromtimestamp(start, UTC)
    free = RateWindow.objects.filter(key=key, window_start=window_start, hits__lt=limit)
    if free.update(hits=F("hits") + 1):
        return
    # Used up, or not opened yet. Opening it twice at once is harmless: the loser inserts nothing.
    RateWindow.objects.bulk_create([RateWindow(key=key, window_start=window_start, hits=0)], ignore_conflicts=True)
    if not free.update(hits=F("hits") + 1):
        raise RateLimited(retry_after=max(1, start + seconds - int(now.timestamp())))


def check(key: str, *, limit: int, window: timedelta, now: datetime) -> None:
    """Count nothing, but refuse once `hit` has counted `limit` tries: for acts of which only failures count.

    Raises RateLimited with `retry_after` seconds.
    """
    seconds = int(window.total_seconds())
    start = int(now.timestamp()) // seconds * seconds
    window_start = datetime.fromtimestamp(start, UTC)
    if RateWindow.objects.filter(key=key, window_start=window_start, hits__gte=limit).exists():
        raise RateLimited(retry_after=max(1, start + seconds - int(now.timestamp())))


def forget_old(*, now: datetime) -> int:
    """Delete windows that ended more than two days ago; returns how many."""
    deleted, _ = RateWindow.objects.filter(window_start__lt=now - timedelta(days=2)).delete()
    return deleted
