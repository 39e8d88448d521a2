"""The outbox: the row is the truth, Celery is the messenger.

`publish()` writes the fact and one delivery row per handler in the caller's transaction. After the
commit a Celery message wakes each delivery; a sweep finds those whose message was lost. A delivery
is claimed by a lease with a fresh token, worked in one transaction together with its own
completion, and finished only by the holder of the token: killed, repeated or overtaken, a handler
has its effect once.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

from celery import current_app
from django.db import transaction
from django.db.models import F, Q

from apps.kernel import audit, clock
from apps.kernel.db import require_transaction
from apps.kernel.events import Event
from apps.kernel.models import DeliveryState, OutboxDelivery, OutboxEvent

logger = logging.getLogger(__name__)

# Far above any handler's work; after it a killed worker's delivery is somebody else's.
LEASE = timedelta(seconds=20)
MAX_ATTEMPTS = 12
MAX_BACKOFF = timedelta(hours=1)
DELIVER_TASK = "apps.kernel.tasks.deliver"

E = TypeVar("E", bound=Event)
Handler = Callable[[Any], None]


@dataclass(frozen=True)
class Subscription:
    """One handler of one event class, and the queue that its work goes to."""

    event_class: type[Event]
    handle: Handler
    queue: str


_by_topic: dict[str, list[str]] = defaultdict(list)
_by_name: dict[str, Subscription] = {}


def subscriber(event_class: type[E], *, queue: str = "default") -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Register a function of handlers.py for an event. Its dotted name is its identity: renaming it strands rows."""

    def register(handle: Callable[[E], None]) -> Callable[[E], None]:
        name = f"{handle.__module__}.{handle.__name__}"
        if name not in _by_name:
            _by_topic[event_class.topic].append(name)
        _by_name[name] = Subscription(event_class, handle, queue)
        return handle

    return register


def publish(event: Event) -> None:
    """Record a fact in the current transaction; every handler sees it after the commit, with one effect.

    Costs two statements, one if nobody listens.
    """
    require_transaction("outbox.publish()")
    now = clock.now()
    row = OutboxEvent.objects.create(topic=event.topic, payload=event.as_json(), created_at=now)
    deliveries = [
        OutboxDelivery(event=row, handler=name, queue=_by_name[name].queue, available_at=now, created_at=now)
        for name in _by_topic[event.topic]
    ]
    if deliveries:
        OutboxDelivery.objects.bulk_create(deliveries)
        transaction.on_commit(partial(_wake, [(row.id, row.queue) for row in deliveries]))


def deliver(*, delivery_id: UUID, now: datetime) -> bool:
    """Work one delivery if it is due and nobody else holds it; returns whether the handler's effect was committed."""
    token = uuid4()
    if not _claim(delivery_id, token, now):
        return False
    row = OutboxDelivery.objects.select_related("event").get(pk=delivery_id)
    try:
        return _handle(row, token)
    except Exception as failure:  # the process boundary: whatever a handler raises is retried, then parked
        _postpone(row, token, failure)
        return False


def sweep(*, now: datetime, limit: int = 200) -> int:
    """Wake deliveries whose message was lost or whose worker died; returns how many. Safe to run in parallel."""
    due = OutboxDelivery.objects.filter(state=DeliveryState.PENDING, available_at__lte=now)
    # What kills its worker never gets to say that it failed: parked after as many tries as any other.
    killers = due.filter(attempts__gte=MAX_ATTEMPTS)
    killers.update(state=DeliveryState.DEAD, lease_token=None, last_error="WorkerLost")
    rows = list(due.order_by("available_at").values_list("pk", "queue")[:limit])
    _wake(rows)
    return len(rows)


def replay(*, delivery_id: UUID, actor: str, reason: str, now: datetime) -> bool:
    """Give a dead delivery a new start; returns False if it was not dead."""
    with transaction.atomic():
        revived = OutboxDelivery.objects.filter(pk=delivery_id, state=DeliveryState.DEAD).update(
            state=DeliveryState.PENDING, attempts=0, available_at=now, lease_token=None
        )
        if revived:
            audit.record(
                actor=actor,
                action="kernel.replay_delivery",
                target=("outbox_delivery", str(delivery_id)),
                reason=reason,
                now=now,
            )
    return bool(revived)


def _claim(delivery_id: UUID, token: UUID, now: datetime) -> bool:
    """Take the lease: `available_at` moves past it, so the row is simply not due while somebody works on it."""
    return bool(
        OutboxDelivery.objects.filter(Q(pk=delivery_id, state=DeliveryState.PENDING), available_at__lte=now).update(
            lease_token=token, available_at=now + LEASE, attempts=F("attempts") + 1
        )
    )


def _handle(row: OutboxDelivery, token: UUID) -> bool:
    subscription = _by_name[row.handler]
    with transaction.atomic():
        # Finish first: this locks the row, so a worker that came when our lease ran out waits, then sees it done.
        finished = OutboxDelivery.objects.filter(pk=row.pk, state=DeliveryState.PENDING, lease_token=token).update(
            state=DeliveryState.DONE, finished_at=clock.now(), last_error=""
        )
        if not finished:
            return False
        subscription.handle(subscription.event_class.from_json(row.event.payload))
    return True


def _postpone(row: OutboxDelivery, token: UUID, failure: Exception) -> None:
    dead = row.attempts >= MAX_ATTEMPTS
    delay = backoff(row.attempts)
    logger.error("outbox handler %s failed on %s, attempt %d", row.handler, row.pk, row.attempts, exc_info=failure)
    OutboxDelivery.objects.filter(pk=row.pk, lease_token=token, state=DeliveryState.PENDING).update(
        state=DeliveryState.DEAD if dead else DeliveryState.PENDING,
        available_at=clock.now() + delay,
        lease_token=None,
        # The class name only: a message may quote what must not be kept.
        last_error=type(failure).__name__[:200],
    )


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts: 1, 2, 4 … seconds up to an hour, less up to a half by chance."""
    seconds = min(2.0 ** (attempts - 1), MAX_BACKOFF.total_seconds())
    return timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # noqa: S311  # jitter


def _wake(deliveries: list[tuple[UUID, str]]) -> None:
    """Send the wake-ups. The rows are safe already, so a dead broker is only a delay: the sweep comes round."""
    try:
        for delivery_id, queue in deliveries:
            current_app.send_task(DELIVER_TASK, kwargs={"delivery_id": str(delivery_id)}, queue=queue)
    except Exception:  # every broker client raises classes of its own
        logger.warning("the broker did not take a wake-up; the sweep will", exc_info=True)
