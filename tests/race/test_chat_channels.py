"""Real threads: engines that find a channel failing at the same moment, or well enough to be tried."""

from uuid import UUID

import pytest

from apps.chat import services
from apps.chat.contracts import BreakerState, Target
from apps.chat.models import ChannelHealth
from apps.chat.rules import breaker
from apps.chat.services import routing
from apps.chat.services.health import has_failed
from apps.kernel import clock
from apps.kernel.ids import new_id
from tests.integration.chat.conftest import make_model
from tests.race.concurrency import run_concurrently
from tests.race.guards import guarded_by, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 16
TRIED = 'UPDATE "chat_channelhealth" SET "state"'


@pytest.fixture
def target(transactional_db: None) -> Target:
    """A channel that nobody answers for."""
    make_model()
    (model_id,) = routing._routes.get()
    return routing.targets_of(model_id=model_id, generation_id=new_id(), now=clock.now())[0]


def fail(target: Target, generation_id: UUID) -> None:
    has_failed(target=target, generation_id=generation_id, code="upstream_failed", now=clock.now())


@guarded_by(taken_as_read(TRIED, r'"chat_channelhealth"."retry_at" <= %s'), meet=TRIED, seen="== 1")
def test_of_all_who_would_try_a_channel_one_does(target: Target) -> None:
    for _ in range(breaker.FAILURES):
        fail(target, new_id())
    later = clock.now() + breaker.FIRST_PAUSE

    outcomes = run_concurrently(
        lambda: services.begin_probe(channel=target.channel, generation_id=new_id(), now=later), THREADS
    )

    assert outcomes.errors == []
    assert outcomes.results.count(True) == 1
    row = ChannelHealth.objects.get()
    assert (row.state, row.retry_at) == (BreakerState.HALF_OPEN, later + breaker.PROBE)


@guarded_by(taken_as_read(TRIED, r'"chat_channelhealth"."version" = %s'), meet=TRIED, seen="==", crowd=5)
def test_failures_at_the_same_moment_all_count_and_open_once(target: Target) -> None:
    outcomes = run_concurrently(lambda: fail(target, new_id()), breaker.FAILURES)

    assert outcomes.errors == []
    row = ChannelHealth.objects.get()
    assert (row.state, row.failures, row.openings) == (BreakerState.OPEN, breaker.FAILURES, 1)
