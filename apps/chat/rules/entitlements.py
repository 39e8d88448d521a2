"""How long the right to a model lasts."""

from datetime import datetime, timedelta


def lengthened(*, ends_at: datetime | None, days: int | None, now: datetime) -> datetime | None:
    """When a right that ends at `ends_at` will end, given for some days more; None is never, and stays it.

    The days follow those that are left, or begin now. Who has no right has one that ends now.
    """
    if ends_at is None or days is None:
        return None
    return max(ends_at, now) + timedelta(days=days)
