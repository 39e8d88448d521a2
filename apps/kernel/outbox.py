"""The outbox: the row is the truth, Celery is the messenger.

`publish()` writes the fact and one delivery row per handler in the caller's transaction. After the
commit a worker of the row's queue is woken, once for many; a sweep makes up for wake-ups that were
lost. Deliveries are claimed several at a time by a lease with a fresh token; each is worked in one
transaction together with its own completion, and finished only by the holder of the token: killed,
repeated or overtaken, a handler has its effect once.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from threading import Lock
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q

from apps.kernel import audit, clock
from apps.kernel.db import CompiledUpdate, Given, insert, require_transaction
from apps.kernel.events import Event
from apps.kernel.models import DeliveryState, OutboxDelivery, OutboxEvent
from apps.kernel.wakes import wake

logger = logging.getLogger(__name__)

# Far above any handler's work; after it a killed worker's delivery is somebody else's.
LEASE = timedelta(seconds=20)
MAX_ATTEMPTS = 12
MAX_BACKOFF = timedelta(hours=1)
# Nothing is ever put off further than this, by a lease or by the back-off before the last attempt. What lies further
# ahead was written by a clock that was ahead.
LONGEST_WAIT = max(LEASE, min(timedelta(seconds=2 ** (MAX_ATTEMPTS - 2)), MAX_BACKOFF))
# How many are claimed at once, and for how many seconds a worker stays at one queue before others have their turn.
BATCH = 20
TURN = 1.0

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
# The queues that a thread of this process is at, and whether another came meanwhile.
_at_work: dict[str, bool] = {}
_turns = Lock()


def subscriber(event_class: type[E], *, queue: str = "default") -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Register a function of handlers.py for an event. Its dotted name is its identity: renaming it strands rows."""

    def register(handle: Callable[[E], None]) -> Callable[[E], None]:
        name = f"{handle.__module__}.{handle.__name__}"
        if name not in _by_name:
            _by_topic[event_class.topic].append(name)
        _by_name[name] = Subscription(event_class, handle, queue)
        return handle

    return register


def subscriptions() -> list[tuple[str, str]]:
    """Every topic with the name of each of its handlers."""
    return [(topic, name) for topic, names in _by_topic.items() for name in names]


def publish(event: Event) -> None:
    """Record a fact in the current transaction; every handler sees it after the commit, with one effect.

    Costs two statements, one if nobody listens.
    """
    require_transaction("outbox.publish()")
    now = clock.now()
    row = OutboxEvent(topic=event.topic, payload=event.as_json(), created_at=now)
    insert([row])
    deliveries = [
        OutboxDelivery(event=row, handler=name, queue=_by_name[name].queue, available_at=now, created_at=now)
        for name in _by_topic[event.topic]
    ]
    if deliveries:
        insert(deliveries)
        transaction.on_commit(partial(wake, {row.queue for row in deliveries}))


def work(*, queue: str) -> int:
    """Work what is due in a queue, for about one TURN at most; returns how many effects were committed.

    In each process one call at a time is at a queue, so that no queue takes all of its threads; any other returns 0 at
    once, and the first one looks again.
    """
    with _turns:
        if queue in _at_work:
            _at_work[queue] = True
            return 0
        _at_work[queue] = False
    is_more = True
    try:
        done, is_more = _work_for_a_turn(queue)
    finally:
        with _turns:
            is_more |= _at_work.pop(queue)
        if is_more:
            wake([queue])
    return done


def deliver(*, delivery_id: UUID, now: datetime) -> bool:
    """Work one delivery if it is due and nobody else holds it; returns whether the handler's effect was committed."""
    token = uuid4()
    if not _claim(delivery_id, token, now):
        return False
    return _work(OutboxDelivery.objects.select_related("event").get(pk=delivery_id), token)


def sweep(*, now: datetime) -> int:
    """Wake the queues in which something is due: its wake-up was lost, or its worker died. Returns how many."""
    due = OutboxDelivery.objects.filter(_is_due(now), state=DeliveryState.PENDING)
    # What kills its worker never gets to say that it failed: parked after as many tries as any other.
    killers = due.filter(attempts__gte=MAX_ATTEMPTS)
    killers.update(state=DeliveryState.DEAD, lease_token=None, last_error="WorkerLost")
    queues = set(due.values_list("queue", flat=True).distinct())
    wake(queues)
    return len(queues)


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


def _work_for_a_turn(queue: str) -> tuple[int, bool]:
    """How many effects were committed, and whether there is more."""
    done, until = 0, monotonic() + TURN
    while True:
        _at_work[queue] = False  # whoever comes from here on may have seen what the next claim does not
        token = uuid4()
        rows = _claim_next(queue, token, clock.now())
        if not rows:
            return done, False
        done += sum(_work(row, token) for row in rows)
        if monotonic() >= until:
            return done, True


def _claim_next(queue: str, token: UUID, now: datetime) -> list[OutboxDelivery]:
    """Take the lease of up to BATCH deliveries, in the order in which they are due.

    One that was tried before is taken alone: if it is what ends its worker, it ends no others' tries with it.
    """
    due = OutboxDelivery.objects.filter(_is_due(now), queue=queue, state=DeliveryState.PENDING)
    with transaction.atomic():
        found = list(
            due.select_related("event")
            .select_for_update(of=("self",), skip_locked=True, no_key=True)
            .order_by("available_at")[:BATCH]
        )
        rows = list(takewhile(lambda row: not row.attempts, found)) or found[:1]
        if rows:
            due.filter(pk__in=[row.pk for row in rows]).update(**_lease(token, now))
    for row in rows:
        row.attempts += 1
    return rows


def _claim(delivery_id: UUID, token: UUID, now: datetime) -> bool:
    """Take the lease: `available_at` moves past it, so the row is simply not due while somebody works on it."""
    return bool(
        OutboxDelivery.objects.filter(_is_due(now), pk=delivery_id, state=DeliveryState.PENDING).update(
            **_lease(token, now)
        )
    )


def _lease(token: UUID, now: datetime) -> dict[str, Any]:
    return {"lease_token": token, "available_at": now + LEASE, "attempts": F("attempts") + 1}


def _is_due(now: datetime) -> Q:
    """What nobody has tried is due at once; so is what a clock that was ahead has put off further than we ever do."""
    return Q(available_at__lte=now) | Q(attempts=0) | Q(available_at__gt=now + LONGEST_WAIT)


def _work(row: OutboxDelivery, token: UUID) -> bool:
    try:
        return _handle(row, token)
    except Exception as failure:  # noqa: BLE001  # the process boundary: whatever a handler raises is retried, then parked
        _postpone(row, token, failure)
        return False


_FINISH = CompiledUpdate(
    lambda: OutboxDelivery.objects.filter(pk=Given("pk"), state=DeliveryState.PENDING, lease_token=Given("token")),
    state=DeliveryState.DONE,
    finished_at=Given("now"),
    last_error="",
)


def _handle(row: OutboxDelivery, token: UUID) -> bool:
    subscription = _by_name[row.handler]
    with transaction.atomic():
        # Finish first: this locks the row, so a worker that came when our lease ran out waits, then sees it done.
        if not _FINISH.run(pk=row.pk, token=token, now=clock.now()):
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
