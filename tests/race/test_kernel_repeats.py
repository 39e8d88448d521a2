"""What may come fifty times at once has one effect."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from apps.kernel import clock, idempotency, limits, outbox
from apps.kernel.errors import RateLimited, RequestInFlight
from apps.kernel.models import OutboxDelivery, OutboxEvent, RateWindow, Switch
from tests.integration.kernel.test_outbox import light, on_lamp_lit
from tests.race.concurrency import run_concurrently
from tests.race.guards import Rewritten, dropped, guarded_by, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@guarded_by(
    taken_as_read("INSERT INTO kernel_idempotencykey", r"NOT EXISTS \(.*?\)"),
    dropped("kernel_idempotencykey_once_per_scope"),
    seen="None, None",
)
def test_one_of_fifty_twins_gets_the_key() -> None:
    key = uuid4().hex

    outcomes = run_concurrently(
        lambda: idempotency.claim(scope="user:1", key=key, fingerprint="a", now=clock.now()), workers=50
    )

    assert [claim.answer for claim in outcomes.results] == [None]
    assert outcomes.kinds == {RequestInFlight}


@guarded_by(taken_as_read('UPDATE "kernel_outboxdelivery" SET "lease_token"', r"(?<=WHERE ).+"), seen="1 == 8")
def test_fifty_workers_deliver_one_event_once() -> None:
    light("desk")
    pk = OutboxDelivery.objects.get().pk

    outcomes = run_concurrently(lambda: outbox.deliver(delivery_id=pk, now=clock.now()), workers=50)

    assert outcomes.errors == []
    assert sorted(outcomes.results)[-2:] == [False, True]
    assert Switch.objects.count() == OutboxDelivery.objects.get().attempts == 1


@guarded_by(
    Rewritten("SELECT", r" FOR NO KEY UPDATE OF \S+ SKIP LOCKED", ""), meet='UPDATE "kernel_outbox', seen="80 == 10"
)
def test_workers_who_claim_at_once_share_no_delivery() -> None:
    for number in range(10):
        light(f"lamp {number}")
    now = clock.now()

    outcomes = run_concurrently(lambda: outbox._claim_next("default", uuid4(), now), workers=8)

    assert outcomes.errors == []
    claimed = [row.pk for rows in outcomes.results for row in rows]
    assert len(claimed) == len(set(claimed)) == 10


@guarded_by(taken_as_read('UPDATE "kernel_ratewindow"', r'"kernel_ratewindow"\."hits" <= %s'), seen="8 == 7")
def test_a_limit_admits_exactly_its_number_under_load() -> None:
    noon = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)

    outcomes = run_concurrently(lambda: limits.hit("door", limit=7, window=timedelta(minutes=1), now=noon), workers=50)

    assert len(outcomes.results) == 7
    assert outcomes.kinds == {RateLimited}
    assert RateWindow.objects.get().hits == 7


def test_the_handler_under_test_is_the_one_that_is_registered() -> None:
    """Guards the tests above: an import that registered nothing would leave no delivery to race for."""
    light("hall")

    assert (
        OutboxEvent.objects.count()
        == OutboxDelivery.objects.filter(handler=f"{on_lamp_lit.__module__}.{on_lamp_lit.__name__}").count()
    )
