"""Celery's part of the outbox: ids in, one call."""

from uuid import UUID

from celery import shared_task

from apps.kernel import clock, idempotency, limits, outbox


@shared_task
def deliver(*, delivery_id: str, **_newer_arguments: object) -> None:
    """Work one delivery; coming twice or late is harmless."""
    outbox.deliver(delivery_id=UUID(delivery_id), now=clock.now())


@shared_task
def sweep_outbox(**_newer_arguments: object) -> None:
    """Wake what was not woken."""
    outbox.sweep(now=clock.now())


@shared_task
def forget_old_rows(**_newer_arguments: object) -> None:
    """Prune what has served its time: rate windows and replayable answers."""
    now = clock.now()
    limits.forget_old(now=now)
    idempotency.forget_old(now=now)
