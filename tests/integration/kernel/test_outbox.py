"""The outbox delivers every fact to every handler with one effect, whatever fails in between."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from apps.kernel import clock, outbox
from apps.kernel.events import Event
from apps.kernel.ids import UserId
from apps.kernel.invariants import outbox_is_moving
from apps.kernel.models import AuditEntry, DeliveryState, OutboxDelivery, OutboxEvent, Switch

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, kw_only=True)
class LampLit(Event):
    """A fact of this test."""

    topic: ClassVar[str] = "tests.lamp_lit"
    lamp: str
    by: UserId
    spare: UUID | None = None


class Room:
    """What the handler does: a row per lamp, or a failure as often as asked."""

    failures_left = 0
    seen: ClassVar[list[LampLit]] = []


@outbox.subscriber(LampLit, queue="default")
def on_lamp_lit(event: LampLit) -> None:
    Switch.objects.create(name=event.lamp, is_on=True, updated_at=event.occurred_at)
    Room.seen.append(event)
    if Room.failures_left:
        Room.failures_left -= 1
        raise ValueError("a fuse blew")


@pytest.fixture(autouse=True)
def quiet_room() -> None:
    Room.failures_left, Room.seen = 0, []


def light(lamp: str = "desk") -> LampLit:
    event = LampLit(occurred_at=datetime(2026, 11, 1, 12, 0, tzinfo=UTC), lamp=lamp, by=UserId(uuid4()))
    with transaction.atomic():
        outbox.publish(event)
    return event


def the_delivery() -> OutboxDelivery:
    return OutboxDelivery.objects.get()


def test_an_event_reaches_its_handler_as_it_was_published() -> None:
    event = light()

    assert outbox.deliver(delivery_id=the_delivery().pk, now=clock.now())

    assert Room.seen == [event]
    assert the_delivery().state == DeliveryState.DONE


def test_a_second_delivery_changes_nothing() -> None:
    light()
    row = the_delivery()
    outbox.deliver(delivery_id=row.pk, now=clock.now())

    again = outbox.deliver(delivery_id=row.pk, now=clock.now() + timedelta(hours=1))

    assert not again
    assert Switch.objects.count() == 1


def test_publishing_outside_a_transaction_is_a_bug(transactional_db: None) -> None:
    event = LampLit(occurred_at=clock.now(), lamp="desk", by=UserId(uuid4()))

    with pytest.raises(RuntimeError, match="inside the transaction"):
        outbox.publish(event)

    assert not OutboxEvent.objects.exists()


def test_a_rolled_back_fact_was_never_published() -> None:
    def light_and_fail() -> None:
        outbox.publish(LampLit(occurred_at=clock.now(), lamp="desk", by=UserId(uuid4())))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        light_and_fail()

    assert not OutboxEvent.objects.exists()
    assert not OutboxDelivery.objects.exists()


def test_a_failing_handler_leaves_no_half_effect_and_is_tried_again_later() -> None:
    Room.failures_left = 1
    light()

    assert not outbox.deliver(delivery_id=the_delivery().pk, now=clock.now())
    row = the_delivery()
    assert not Switch.objects.exists()
    assert (row.state, row.attempts, row.last_error) == (DeliveryState.PENDING, 1, "ValueError")
    assert not outbox.deliver(delivery_id=row.pk, now=row.available_at - timedelta(milliseconds=1))

    assert outbox.deliver(delivery_id=row.pk, now=row.available_at)
    assert Switch.objects.count() == 1


def test_a_hopeless_delivery_is_parked_and_an_operator_can_replay_it() -> None:
    Room.failures_left = outbox.MAX_ATTEMPTS
    light()
    pk = the_delivery().pk
    for _ in range(outbox.MAX_ATTEMPTS):
        outbox.deliver(delivery_id=pk, now=the_delivery().available_at)
    assert the_delivery().state == DeliveryState.DEAD

    assert outbox.replay(delivery_id=pk, actor="staff:1", reason="the fuse was replaced", now=clock.now())
    assert outbox.deliver(delivery_id=pk, now=clock.now())

    assert Switch.objects.count() == 1
    assert AuditEntry.objects.get().reason == "the fuse was replaced"
    assert not outbox.replay(delivery_id=pk, actor="staff:1", reason="once more", now=clock.now())


def test_a_killed_workers_delivery_is_found_after_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    light()
    row, now = the_delivery(), clock.now()
    assert outbox._claim(row.pk, uuid4(), now)  # a worker took it and died

    assert not outbox.deliver(delivery_id=row.pk, now=now + outbox.LEASE - timedelta(seconds=1))
    assert outbox.deliver(delivery_id=row.pk, now=now + outbox.LEASE)

    assert Switch.objects.count() == 1


def test_a_delivery_that_kills_every_worker_is_parked_and_named() -> None:
    light()
    for _ in range(outbox.MAX_ATTEMPTS):
        assert outbox._claim(the_delivery().pk, uuid4(), the_delivery().available_at)
    alive = the_delivery().available_at - timedelta(milliseconds=1)
    outbox.sweep(now=alive)
    assert the_delivery().state == DeliveryState.PENDING  # the last one may still be at work

    outbox.sweep(now=the_delivery().available_at)

    assert (the_delivery().state, the_delivery().last_error) == (DeliveryState.DEAD, "WorkerLost")
    assert len(list(outbox_is_moving(clock.now()))) == 1


def test_a_worker_that_lost_its_lease_can_no_longer_finish() -> None:
    light()
    row, now, late = the_delivery(), clock.now(), uuid4()
    outbox._claim(row.pk, late, now)
    outbox._claim(row.pk, uuid4(), now + outbox.LEASE)  # another worker holds it now

    assert not outbox._handle(OutboxDelivery.objects.select_related("event").get(), late)

    assert not Switch.objects.exists()


def test_the_sweep_finds_only_what_is_due() -> None:
    light("desk")
    light("hall")
    done, waiting = OutboxDelivery.objects.order_by("pk")
    outbox.deliver(delivery_id=done.pk, now=clock.now())

    assert outbox.sweep(now=clock.now()) == 1
    assert outbox.sweep(now=waiting.available_at - timedelta(seconds=1)) == 0


def test_published_facts_cannot_be_changed_or_deleted() -> None:
    light()

    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        OutboxEvent.objects.update(topic="tests.lamp_broken")
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        OutboxEvent.objects.filter(topic="tests.lamp_lit")._raw_delete(using="default")

    assert OutboxEvent.objects.get().topic == "tests.lamp_lit"


def test_back_off_grows_to_an_hour_and_never_reaches_zero() -> None:
    assert timedelta(seconds=0.5) <= outbox.backoff(1) <= timedelta(seconds=1)
    assert timedelta(seconds=4) <= outbox.backoff(4) <= timedelta(seconds=8)
    assert timedelta(minutes=30) <= outbox.backoff(40) <= outbox.MAX_BACKOFF
