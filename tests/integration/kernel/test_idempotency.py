"""The same key and body have one effect and one answer."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.kernel import clock, idempotency
from apps.kernel.errors import IdempotencyKeyReused, RequestInFlight
from apps.kernel.models import IdempotencyKey

pytestmark = pytest.mark.django_db

SCOPE, KEY = "user:1", "key-00000001"


def take(fingerprint: str = "a", *, later: timedelta = timedelta()) -> idempotency.Claim:
    return idempotency.claim(scope=SCOPE, key=KEY, fingerprint=fingerprint, now=clock.now() + later)


def test_the_first_answer_is_replayed() -> None:
    first = take()
    idempotency.settle(row_id=first.row_id, status=201, body={"id": "x"})

    assert take().answer == (201, {"id": "x"})


def test_a_first_answer_costs_two_statements() -> None:
    with CaptureQueriesContext(connection) as captured:
        row_id = take().row_id
        idempotency.settle(row_id=row_id, status=201, body={"id": "x"})

    assert len(captured) == 2, [query["sql"] for query in captured]


@pytest.mark.parametrize("body", [None, [], {"a": ["€", 1.5, None]}, "text", 0])
def test_an_answer_is_kept_as_it_was(body: object) -> None:
    idempotency.settle(row_id=take().row_id, status=202, body=body)

    assert take().answer == (202, body)


def test_another_body_under_the_same_key_is_refused() -> None:
    take("a")

    with pytest.raises(IdempotencyKeyReused):
        take("b")


def test_a_twin_in_flight_is_told_to_wait() -> None:
    take()

    with pytest.raises(RequestInFlight) as refusal:
        take()

    assert refusal.value.context == {"retry_after": 1}


def test_a_dead_workers_key_is_taken_over_once() -> None:
    take()
    after = idempotency.LEASE + timedelta(seconds=1)

    assert take(later=after).answer is None
    with pytest.raises(RequestInFlight):
        take(later=after)


def test_a_clock_that_was_ahead_locks_no_key_until_then() -> None:
    take(later=timedelta(days=1))

    assert take().answer is None
    with pytest.raises(RequestInFlight):
        take()


def test_a_key_of_a_host_whose_clock_is_a_little_ahead_is_not_taken_over() -> None:
    take(later=idempotency.LEASE)

    with pytest.raises(RequestInFlight):
        take()


def test_a_released_key_can_be_tried_again() -> None:
    idempotency.release(row_id=take().row_id)

    assert take("another body").answer is None


def test_a_kept_answer_is_never_overwritten_or_released() -> None:
    row_id = take().row_id
    idempotency.settle(row_id=row_id, status=201, body=1)
    idempotency.settle(row_id=row_id, status=500, body=2)
    idempotency.release(row_id=row_id)

    assert take().answer == (201, 1)


def test_two_requests_of_one_person_are_answered_apart() -> None:
    first = take()
    second, third = (
        idempotency.claim(scope=SCOPE, key=f"key-0000000{number}", fingerprint="a", now=clock.now())
        for number in (2, 3)
    )

    idempotency.settle(row_id=second.row_id, status=201, body=2)
    idempotency.release(row_id=third.row_id)

    with pytest.raises(RequestInFlight):
        take()
    idempotency.settle(row_id=first.row_id, status=201, body=1)
    assert take().answer == (201, 1)


def test_keys_of_different_people_do_not_meet() -> None:
    take("a")

    other = idempotency.claim(scope="user:2", key=KEY, fingerprint="b", now=clock.now())

    assert other.answer is None


def test_who_leaves_takes_only_their_own_answers_away() -> None:
    row_id = take().row_id
    idempotency.settle(row_id=row_id, status=201, body=1)

    idempotency.forget(scope="user:2")
    assert take().answer == (201, 1)
    idempotency.forget(scope=SCOPE)

    assert take("another body").answer is None


def test_old_answers_are_pruned() -> None:
    take()

    assert idempotency.forget_old(now=clock.now() + idempotency.KEEP - timedelta(minutes=1)) == 0
    assert idempotency.forget_old(now=clock.now() + idempotency.KEEP + timedelta(minutes=1)) == 1
    assert not IdempotencyKey.objects.exists()


def test_the_fingerprint_ignores_key_order_only() -> None:
    here = idempotency.fingerprint("POST", "/x", {"a": 1, "b": 2})

    assert here == idempotency.fingerprint("POST", "/x", {"b": 2, "a": 1})
    assert here != idempotency.fingerprint("POST", "/y", {"a": 1, "b": 2})
    assert here != idempotency.fingerprint("POST", "/x", {"a": 1, "b": "2"})
