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
from apps.kernel.models import AuditEntry, DeliveryState, OutboxDelivery, OutboxEvent, Switch
from apps.kernel.own_invariants import outbox_is_moving

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, kw_only=True)
class LampLit(Event):
    """A fact of this test."""

    topic: ClassVar[str] = "tests.lamp_lit"
    lamp: str
    by: UserId
    spare: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class BellRang(Event):
    """A fact whose handler has another queue."""

    topic: ClassVar[str] = "tests.outbox_bell_rang"


class Room:
    """What the handler does: a row per lamp, or a failure as often as asked."""

    failures_left = 0
    seen: ClassVar[list[LampLit]] = []
    broken: ClassVar[set[str]] = set()
    came_meanwhile: ClassVar[list[int]] = []


@outbox.subscriber(LampLit, queue="default")
def on_lamp_lit(event: LampLit) -> None:
    Switch.objects.create(name=event.lamp, is_on=True, updated_at=event.occurred_at)
    Room.seen.append(event)
    if event.lamp in Room.broken:
        raise ValueError(event.lamp)
    if event.lamp == "bell":  # while it is handled, another wake-up arrives
        Room.came_meanwhile.append(outbox.work(queue="default"))
    if Room.failures_left:
        Room.failures_left -= 1
        raise ValueError("a fuse blew")


@outbox.subscriber(BellRang, queue="chat")
def on_bell_rang(event: BellRang) -> None:
    Switch.objects.create(name="bell", is_on=True, updated_at=event.occurred_at)


@pytest.fixture(autouse=True)
def quiet_room() -> None:
    Room.failures_left, Room.seen, Room.broken, Room.came_meanwhile = 0, [], set(), []


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
    light("hall")
    hall = OutboxDelivery.objects.exclude(pk=pk)
    hall.update(state=DeliveryState.DEAD)

    assert outbox.replay(delivery_id=pk, actor="staff:1", reason="the fuse was replaced", now=clock.now())
    assert OutboxDelivery.objects.get(pk=pk).attempts == 0  # all of its tries, not the last one again
    assert outbox.deliver(delivery_id=pk, now=clock.now())

    assert Switch.objects.count() == 1
    assert hall.get().state == DeliveryState.DEAD
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


def test_a_worker_works_all_that_is_due_in_its_queue_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "TURN", 600.0)  # seconds: on a busy machine a batch may take more than a turn
    for number in range(outbox.BATCH + 5):
        light(f"lamp {number:02}")
    with transaction.atomic():
        outbox.publish(BellRang(occurred_at=clock.now()))

    assert outbox.work(queue="default") == outbox.BATCH + 5

    # In the order in which they were published, each in one attempt.
    assert [event.lamp for event in Room.seen] == [f"lamp {number:02}" for number in range(outbox.BATCH + 5)]
    assert set(OutboxDelivery.objects.filter(queue="default").values_list("state", "attempts")) == {("done", 1)}
    assert OutboxDelivery.objects.get(queue="chat").attempts == 0
    assert outbox.work(queue="default") == 0


def test_a_turn_is_one_batch_at_least_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "TURN", 1e-9)
    for number in range(outbox.BATCH + 1):
        light(f"lamp {number}")

    assert [outbox.work(queue="default") for _ in range(3)] == [outbox.BATCH, 1, 0]


def test_one_that_fails_takes_no_other_with_it() -> None:
    Room.broken = {"hall"}
    for lamp in ("desk", "hall", "door"):
        light(lamp)

    assert outbox.work(queue="default") == 2

    assert set(Switch.objects.values_list("name", flat=True)) == {"desk", "door"}
    failed = OutboxDelivery.objects.get(state=DeliveryState.PENDING)
    assert (failed.attempts, failed.last_error, failed.lease_token) == (1, "ValueError", None)


def test_what_a_killed_worker_held_is_tried_one_by_one() -> None:
    """One of them may be what killed it: in company it would use up the others' tries."""
    for lamp in ("desk", "hall", "door"):
        light(lamp)
    now = clock.now()
    assert len(outbox._claim_next("default", uuid4(), now)) == 3  # a worker took them and died
    assert outbox._claim_next("default", uuid4(), now + outbox.LEASE - timedelta(seconds=1)) == []
    light("new")

    later = now + outbox.LEASE
    alone = [[row.event.payload["lamp"] for row in outbox._claim_next("default", uuid4(), later)] for _ in range(4)]

    # By the time when each was due: the new one was published before the leases ended.
    assert alone[0] == ["new"]
    assert sorted(alone[1:]) == [["desk"], ["door"], ["hall"]]


def test_a_queue_has_one_thread_of_a_process_at_a_time() -> None:
    light("bell")

    assert outbox.work(queue="default") == 1

    assert Room.came_meanwhile == [0]
    assert outbox.work(queue="default") == 0  # and it has left


def test_the_sweep_finds_only_what_is_due() -> None:
    light("desk")
    light("hall")
    done, waiting = OutboxDelivery.objects.order_by("pk")
    outbox.deliver(delivery_id=done.pk, now=clock.now())

    assert outbox.sweep(now=clock.now()) == 1
    assert outbox._claim(waiting.pk, uuid4(), clock.now())
    assert outbox.sweep(now=clock.now()) == 0


@pytest.mark.parametrize("attempts", [0, 3])
def test_a_clock_that_was_ahead_for_a_moment_strands_nothing(attempts: int) -> None:
    light()
    OutboxDelivery.objects.update(attempts=attempts, available_at=clock.now() + timedelta(days=9))
    assert len(list(outbox_is_moving(clock.now()))) == 1

    assert outbox.sweep(now=clock.now()) == 1
    assert outbox.deliver(delivery_id=the_delivery().pk, now=clock.now())

    assert Switch.objects.count() == 1


def test_what_nobody_tried_is_due_although_the_clock_stepped_back() -> None:
    light()
    OutboxDelivery.objects.update(available_at=clock.now() + timedelta(minutes=5))

    assert outbox.sweep(now=clock.now()) == 1
    assert outbox.deliver(delivery_id=the_delivery().pk, now=clock.now())


def test_a_back_off_is_waited_for_as_long_as_it_can_be() -> None:
    light()
    OutboxDelivery.objects.update(attempts=11, available_at=clock.now() + timedelta(seconds=1024))

    assert outbox.sweep(now=clock.now()) == 0


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
