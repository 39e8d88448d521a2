"""Celery's part of the outbox: ids in, one call."""

from uuid import UUID

from celery import shared_task

from apps.kernel import approvals, audit_chain, clock, idempotency, invariants, limits, outbox


@shared_task
def work_outbox(*, queue: str, **_newer_arguments: object) -> None:
    """Work what is due in a queue; coming twice, late or for nothing is harmless."""
    outbox.work(queue=queue)


@shared_task
def deliver(*, delivery_id: str, **_newer_arguments: object) -> None:
    """Work one delivery, by a message of the release that sent one for each; coming twice or late is harmless."""
    outbox.deliver(delivery_id=UUID(delivery_id), now=clock.now())


@shared_task
def sweep_outbox(**_newer_arguments: object) -> None:
    """Wake what was not woken."""
    outbox.sweep(now=clock.now())


@shared_task
def forget_old_rows(**_newer_arguments: object) -> None:
    """Prune what has served its time: rate windows, replayable answers, proposals that nobody decided."""
    now = clock.now()
    limits.forget_old(now=now)
    idempotency.forget_old(now=now)
    approvals.expire_old(now=now)


@shared_task
def audit_recent(**_newer_arguments: object) -> None:
    """Check the invariants where rows came in since the last time."""
    invariants.audit_recent(now=clock.now())


@shared_task
def audit_everything(**_newer_arguments: object) -> None:
    """Check the invariants over every row."""
    invariants.audit_everything(now=clock.now())


@shared_task
def sweep_audit_chain(**_newer_arguments: object) -> None:
    """Put on the trail's chain what was not."""
    audit_chain.sweep(now=clock.now())


@shared_task
def tell_audit_head(**_newer_arguments: object) -> None:
    """Write to the log where the trail's chain ends."""
    audit_chain.tell_head(now=clock.now())
