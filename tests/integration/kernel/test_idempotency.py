"""The same key and body have one effect and one answer."""

from datetime import timedelta

import pytest

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


def test_a_released_key_can_be_tried_again() -> None:
    idempotency.release(row_id=take().row_id)

    assert take("another body").answer is None


def test_a_kept_answer_is_never_overwritten_or_released() -> None:
    row_id = take().row_id
    idempotency.settle(row_id=row_id, status=201, body=1)
    idempotency.settle(row_id=row_id, status=500, body=2)
    idempotency.release(row_id=row_id)

    assert take().answer == (201, 1)


def test_keys_of_different_people_do_not_meet() -> None:
    take("a")

    other = idempotency.claim(scope="user:2", key=KEY, fingerprint="b", now=clock.now())

    assert other.answer is None


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
