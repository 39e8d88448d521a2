"""Celery entry points of accounts."""

from celery import shared_task

from apps.accounts import services
from apps.kernel import clock


@shared_task
def forget_old() -> None:
    """Delete what is over: attempts, codes, callback records, sessions, old login history, and who left long ago."""
    now = clock.now()
    services.forget_old_attempts(now=now)
    services.forget_old_messages(now=now)
    services.forget_old_access(now=now)
    services.forget_old_persons(now=now)
