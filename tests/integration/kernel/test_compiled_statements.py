"""A statement whose text is made once does what the ORM's own would do, with the values of each run."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Model
from django.test.utils import CaptureQueriesContext

from apps.kernel.db import CompiledRead, CompiledUpdate, Given, given_ids, insert, insert_once, numbered, together
from apps.kernel.models import DeliveryState, OutboxDelivery, OutboxEvent

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
BY_EVENT = CompiledRead(
    lambda: (
        OutboxDelivery.objects.select_related("event")
        .filter(event=Given("event_id"), handler__in=(Given("handler"), "any"), available_at__lte=Given("now"))
        .annotate(tries=F("attempts") + 1)
    )
)
UP_TO = CompiledRead(lambda: OutboxDelivery.objects.select_related("event").filter(available_at__lte=Given("now")))
TRIED = CompiledUpdate(
    lambda: OutboxDelivery.objects.filter(pk=Given("pk"), event__topic=Given("topic"), attempts__lt=3),
    attempts=F("attempts") + Given("number"),
    available_at=Given("now"),
    lease_token=Given("token"),
    state=DeliveryState.PENDING,
)
PLACES: CompiledRead[Any] = CompiledRead(
    lambda: (
        OutboxDelivery.objects.filter(event=Given("event_id"))
        .order_by("handler")
        .values_list("handler", "event__payload")
    )
)
SOME = CompiledRead(lambda: OutboxEvent.objects.filter(pk__in=given_ids(4)).exclude(topic="50% off'\\").order_by("pk"))
LOCKED = CompiledRead(lambda: OutboxEvent.objects.select_for_update().filter(pk=Given("pk")))


@dataclass(frozen=True)
class Rows:
    """An event and its delivery."""

    event: OutboxEvent
    delivery: OutboxDelivery


def rows(handler: str) -> Rows:
    event = OutboxEvent(topic="lamps.lit", payload={"place": handler, "at": [1, None]}, created_at=NOON)
    delivery = OutboxDelivery(event=event, handler=handler, queue="default", available_at=NOON, created_at=NOON)
    return Rows(event, delivery)


def written_together(*made: Model) -> Iterator[Model]:
    """Rows, each as soon as it was sent."""
    with transaction.atomic(), together():
        for row in made:
            insert([row])
            yield row


def values(row: Model) -> dict[str, Any]:
    """What the database holds of a row, without its key."""
    found = type(row)._default_manager.filter(pk=row.pk).values().get()
    return {name: value for name, value in found.items() if name not in ("id", "event_id")}


@pytest.fixture
def desk() -> Rows:
    """What is at the desk, written by the ORM."""
    made = rows("desk")
    made.event.save(force_insert=True)
    made.delivery.save(force_insert=True)
    return made


@pytest.fixture
def hall() -> Rows:
    """What is in the hall, likewise."""
    made = rows("hall")
    made.event.save(force_insert=True)
    made.delivery.save(force_insert=True)
    return made


def test_each_run_reads_by_its_own_values_what_the_orm_would_read(desk: Rows, hall: Rows) -> None:
    for there in (desk, hall):
        found = BY_EVENT.one(event_id=there.event.pk, handler=there.delivery.handler, now=NOON)

        assert found == OutboxDelivery.objects.get(event=there.event)
        assert found is not None
        assert vars(found).keys() - {"_state", "tries"} == vars(there.delivery).keys() - {"_state"}
        assert found.tries == 1  # type: ignore[attr-defined]  # annotated
        assert found.available_at == NOON
        assert found.event.payload == there.event.payload  # read with it
    assert BY_EVENT.one(event_id=desk.event.pk, handler="hall", now=NOON) is None
    assert BY_EVENT.one(event_id=desk.event.pk, handler="desk", now=NOON - timedelta(microseconds=1)) is None


def test_all_rows_come_in_one_statement(desk: Rows, hall: Rows) -> None:
    with CaptureQueriesContext(connection) as captured:
        found = UP_TO.all(now=NOON)
        assert [row.event.topic for row in found] == ["lamps.lit", "lamps.lit"]

    assert {row.pk for row in found} == {desk.delivery.pk, hall.delivery.pk}
    assert len(captured) == 1
    assert UP_TO.all(now=NOON - timedelta(microseconds=1)) == []


def test_columns_come_as_the_orm_would_read_them(desk: Rows, hall: Rows) -> None:
    for there in (desk, hall):
        found = PLACES.tuples(event_id=there.event.pk)

        assert found == [(there.delivery.handler, there.event.payload)]
    assert PLACES.tuples(event_id=uuid4()) == []


def test_ids_of_any_number_are_found_by_few_texts(desk: Rows, hall: Rows) -> None:
    ids = [desk.event.pk, uuid4(), hall.event.pk]

    assert list(numbered(ids).values()) == [*ids, hall.event.pk]
    assert [len(numbered(ids[:number])) for number in (1, 2, 3)] == [1, 2, 4]
    assert SOME.all(**numbered(ids)) == list(OutboxEvent.objects.filter(pk__in=ids).order_by("pk"))


@pytest.mark.services
def test_postgresql_plans_a_statement_once_with_what_no_run_changes(desk: Rows) -> None:
    for _ in range(3):
        SOME.all(**numbered([desk.event.pk, uuid4(), uuid4()]))

    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        prepared = [statement for (statement,) in cursor.fetchall() if "50% off" in statement]
    assert len(prepared) == 1


def test_a_row_that_was_read_can_be_changed_and_saved(desk: Rows) -> None:
    found = BY_EVENT.one(event_id=desk.event.pk, handler="desk", now=NOON)
    assert found is not None

    found.last_error = "Lamp"
    found.save(update_fields=["last_error"])

    assert OutboxDelivery.objects.get(pk=found.pk).last_error == "Lamp"


def test_a_row_comes_in_one_statement(desk: Rows) -> None:
    with CaptureQueriesContext(connection) as captured:
        found = BY_EVENT.one(event_id=desk.event.pk, handler="desk", now=NOON)
        assert found is not None
        assert found.event.topic == "lamps.lit"

    assert len(captured) == 1


def test_each_run_changes_by_its_own_values_what_the_orm_would_change(desk: Rows, hall: Rows) -> None:
    for there, later, number in ((desk, NOON + timedelta(seconds=1), 2), (hall, NOON + timedelta(hours=1), 1)):
        token = uuid4()

        assert TRIED.run(pk=there.delivery.pk, topic="lamps.lit", number=number, now=later, token=token) == 1

        row = OutboxDelivery.objects.get(pk=there.delivery.pk)
        assert (row.attempts, row.available_at, row.lease_token) == (number, later, token)
    again = {"pk": desk.delivery.pk, "number": 1, "now": NOON, "token": uuid4()}
    assert TRIED.run(**again, topic="lamps.out") == 0
    assert TRIED.run(**again, topic="lamps.lit") == 1
    assert TRIED.run(**again, topic="lamps.lit") == 0  # three times by now


def test_a_value_that_is_missing_is_no_value_of_an_earlier_run(desk: Rows) -> None:
    assert BY_EVENT.one(event_id=desk.event.pk, handler="desk", now=NOON)

    with pytest.raises(KeyError):
        BY_EVENT.one(event_id=desk.event.pk, handler="desk")
    with pytest.raises(KeyError):
        TRIED.run(pk=desk.delivery.pk, topic="lamps.lit", number=1, token=uuid4())


@pytest.mark.django_db(transaction=True)
def test_a_read_that_locks_belongs_to_a_transaction() -> None:
    with transaction.atomic():
        assert LOCKED.one(pk=uuid4()) is None

    with pytest.raises(RuntimeError):
        LOCKED.one(pk=uuid4())


def test_rows_are_inserted_as_the_orm_inserts_them(desk: Rows) -> None:
    twin, other = rows("desk"), rows("hall")
    with CaptureQueriesContext(connection) as captured:
        insert([twin.event, other.event])
        insert([twin.delivery])
        insert([other.delivery])

    assert len(captured) == 3
    assert values(twin.event) == values(desk.event)
    assert values(twin.delivery) == values(desk.delivery)
    assert OutboxDelivery.objects.get(pk=other.delivery.pk).event.payload["place"] == "hall"


def test_a_row_that_is_there_already_is_refused_or_skipped(desk: Rows) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([desk.event])

    assert not insert_once(desk.event)
    assert insert_once(rows("hall").event)
    assert OutboxEvent.objects.count() == 2


def test_what_makes_a_row_a_repeat_may_be_other_columns(desk: Rows) -> None:
    twin = OutboxDelivery(event=desk.event, handler="desk", queue="other", available_at=NOON, created_at=NOON)

    assert not insert_once(twin, unless_same=("event_id", "handler"))
    twin.handler = "porter"
    assert insert_once(twin, unless_same=("event_id", "handler"))


def test_what_is_sent_together_is_written_as_if_it_came_one_by_one() -> None:
    twin, other = rows("desk"), rows("hall")

    with transaction.atomic(), together():
        insert([twin.event, other.event])
        twin.delivery.save(force_insert=True)
        OutboxDelivery.objects.bulk_create([other.delivery])

    assert OutboxDelivery.objects.filter(event__in=[twin.event, other.event]).count() == 2


def test_what_is_refused_among_others_is_the_orms_own_error_and_nothing_is_written(desk: Rows) -> None:
    hall = rows("hall")

    with pytest.raises(IntegrityError, match="kernel_outboxevent"):
        list(written_together(hall.event, desk.event, hall.delivery))  # the second is there

    assert not OutboxEvent.objects.filter(pk=hall.event.pk).exists()
    list(written_together(hall.event))  # the connection is whole
    assert OutboxEvent.objects.filter(pk=hall.event.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_what_is_sent_together_belongs_to_a_transaction() -> None:
    with pytest.raises(RuntimeError):
        together().__enter__()


@pytest.mark.services
def test_nobody_waits_for_what_is_sent_together(desk: Rows) -> None:
    sending = written_together(desk.event)  # it is there; that is said at the end

    assert next(sending) == desk.event
    with pytest.raises(IntegrityError):
        next(sending)
