"""A channel that fails again and again is left alone, tried by one question, and asked as usual when it answers."""

import logging
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import BreakerState
from apps.chat.models import Channel, ChannelHealth
from apps.chat.rules import breaker
from apps.chat.services import routing
from apps.chat.services.channels import rest_key
from apps.chat.services.health import has_failed
from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import all_invariants, find
from tests.integration.chat.conftest import EngineThread, generation, give_quota, send, settled, wait_for, whole_attempt
from tests.integration.chat.test_failover import second
from tests.integration.chat.upstream import Drop, Upstream, answer, piece, running_upstream

__all__ = ["second"]

pytestmark = pytest.mark.django_db(transaction=True)

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


@pytest.fixture
def rich(rich_alice: Member) -> Member:
    give_quota(rich_alice.id, 50_000)
    return rich_alice


def ask(member: Member) -> str:
    """The answer's text, or what went wrong."""
    done, text = settled(member.id, send(member.id).generation.id)
    return text or done.error_code


def health() -> ChannelHealth:
    return ChannelHealth.objects.get(channel__code="test")


def may_be_tried() -> None:
    """The pause is over. An attempt is heeded just after its answer is settled."""
    wait_for(lambda: ChannelHealth.objects.filter(state=OPEN).exists(), what="the channel to be left alone")
    ChannelHealth.objects.update(retry_at=clock.now() - timedelta(seconds=1))
    routing.forget()


def test_a_dead_channel_costs_a_few_attempts_and_then_none(
    rich: Member, upstream: Upstream, second: Upstream, engine: EngineThread, caplog: pytest.LogCaptureFixture
) -> None:
    with running_upstream() as first:
        services.save_channel(code="test", base_url=first.url, api_key="sk-test-secret", now=clock.now())
        first.scripts["up-base"] = [*answer("from the first"), Drop()]
        assert ask(rich) == "from the first"
    # It is gone; nobody listens there any more.
    with caplog.at_level(logging.ERROR):
        assert [ask(rich) for _ in range(breaker.FAILURES + 3)] == ["from the second"] * (breaker.FAILURES + 3)

    assert (health().state, health().code) == (OPEN, "upstream_unreachable")
    assert len([record for record in caplog.records if "is left alone until" in record.getMessage()]) == 1
    with running_upstream() as first:
        services.save_channel(code="test", base_url=first.url, api_key="sk-test-secret", now=clock.now())
        first.scripts["up-base"] = answer("back again")
        assert ask(rich) == "from the second"
        may_be_tried()
        assert ask(rich) == "back again"
        assert ask(rich) == "back again"
        wait_for(lambda: health().facts.is_well, what="its failures to be forgotten")


def test_one_question_tries_while_the_others_go_elsewhere(
    rich: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    upstream.refusals["up-base"] = (500, {})
    for _ in range(breaker.FAILURES):
        assert ask(rich) == "from the second"
    asked = len(upstream.requests)
    del upstream.refusals["up-base"]
    begun, more = threading.Event(), threading.Event()
    upstream.scripts["up-base"] = [begun, piece("Hello"), more, *answer(" again")]

    may_be_tried()
    trying = send(rich.id).generation.id
    wait_for(lambda: len(upstream.requests) == asked + 1, what="the probe")
    assert (health().state, health().probe_of) == (HALF_OPEN, trying)
    assert [ask(rich) for _ in range(3)] == ["from the second"] * 3
    assert len(upstream.requests) == asked + 1

    begun.set()
    wait_for(lambda: health().state == CLOSED, what="the first word")
    more.set()
    assert settled(rich.id, trying)[1] == "Hello again"
    wait_for(lambda: health().facts.is_well, what="a whole answer")


def test_a_probe_that_fails_leaves_the_channel_alone_for_longer(
    rich: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    upstream.refusals["up-base"] = (500, {})
    for _ in range(breaker.FAILURES):
        ask(rich)
    may_be_tried()

    assert ask(rich) == "from the second"
    wait_for(lambda: health().state == OPEN, what="the end of the probe")

    row = health()
    assert (row.state, row.openings, row.probe_of) == (OPEN, 2, None)
    assert row.retry_at is not None
    assert row.failed_at is not None
    assert row.retry_at - row.failed_at == 2 * breaker.FIRST_PAUSE


@pytest.mark.parametrize("refusal", [(400, {}), (401, {}), (429, {}), (404, {})])
def test_what_is_no_fault_of_the_channel_does_not_count(
    rich: Member, upstream: Upstream, engine: EngineThread, refusal: tuple[int, object]
) -> None:
    upstream.refusals["up-base"] = refusal
    for number in range(breaker.FAILURES + 1):
        services.save_channel_key(channel_code="test", name=f"key-{number}", api_key="sk-another", now=clock.now())

    for _ in range(breaker.FAILURES + 1):
        ask(rich)

    assert not ChannelHealth.objects.exists()


def test_without_another_channel_nothing_is_asked_while_it_is_left_alone(
    rich: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.refusals["up-base"] = (500, {})
    for _ in range(breaker.FAILURES):
        assert ask(rich) == "upstream_failed"
    wait_for(lambda: health().state == OPEN, what="the channel to be left alone")

    assert [ask(rich), ask(rich)] == ["channel_unavailable"] * 2
    assert len(upstream.requests) == breaker.FAILURES

    # Forced on by an operator, it is asked whatever its failures.
    services.save_channel(code="test", base_url=upstream.url, api_key=None, is_forced=True, now=clock.now())
    assert ask(rich) == "upstream_failed"
    assert services.quota_of(user_id=rich.id, now=clock.now()).balance_milli == 55_000


def test_a_probe_that_is_stopped_before_a_word_is_made_again_by_the_next(
    rich: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.refusals["up-base"] = (500, {})
    for _ in range(breaker.FAILURES):
        ask(rich)
    del upstream.refusals["up-base"]
    upstream.scripts["up-base"] = [threading.Event()]
    may_be_tried()
    trying = send(rich.id).generation.id
    wait_for(lambda: health().state == HALF_OPEN and len(upstream.requests) > breaker.FAILURES, what="the probe")

    services.stop_generation(user_id=rich.id, generation_id=trying, now=clock.now())
    settled(rich.id, trying)
    wait_for(lambda: health().state == OPEN, what="the end of the probe")

    upstream.scripts["up-base"] = answer("well")
    assert ask(rich) == "well"


def test_a_probe_whose_engine_died_is_followed_by_another(rich: Member, upstream: Upstream) -> None:
    upstream.scripts["up-base"] = answer("well")
    now = clock.now()
    asked = send(rich.id).generation.id
    [job] = services.claim_jobs(limit=1, now=now)
    [target] = job.targets
    for _ in range(breaker.FAILURES):
        has_failed(target=target, generation_id=asked, code="upstream_failed", now=now)
    later = now + breaker.FIRST_PAUSE
    assert services.begin_probe(channel="test", generation_id=asked, now=later)
    assert not services.begin_probe(channel="test", generation_id=asked, now=later + timedelta(seconds=1))

    assert services.begin_probe(channel="test", generation_id=asked, now=later + breaker.PROBE)
    # Once it has begun to answer, whoever wanted to try it may ask.
    services.has_begun(target=target, generation_id=asked)
    assert services.begin_probe(channel="test", generation_id=new_id(), now=later + breaker.PROBE)


def test_a_channel_that_is_left_alone_for_long_is_no_breach(upstream: Upstream) -> None:
    now, channel = clock.now(), Channel.objects.get(code="test")
    health = ChannelHealth.objects.create(channel=channel, state=OPEN, retry_at=now + breaker.LONGEST_PAUSE)
    ahead = [item for item in all_invariants() if item.number == "I-52"]

    assert [find(item, now=now).breaches for item in ahead] == [()]

    ChannelHealth.objects.update(retry_at=now + 2 * breaker.LONGEST_PAUSE)
    assert [breach.subject for breach in find(ahead[0], now=now).breaches] == [f"chat_channelhealth {health.pk}"]


def test_a_channel_that_is_well_costs_no_statement(rich: Member, upstream: Upstream) -> None:
    """The routes are read once a second, its health among them; nothing is written while nothing fails."""
    upstream.scripts["up-base"] = answer("well")
    send(rich.id)
    with CaptureQueriesContext(connection) as captured:
        assert len(services.claim_jobs(limit=1, now=clock.now())) == 1
    own = [query["sql"] for query in captured if "chat_channel" in query["sql"]]
    assert len(own) == 2, own

    send(rich.id)
    routing.targets_of(
        model_id=generation(send(rich.id).generation.id).model_id, generation_id=rich.id, now=clock.now()
    )
    with CaptureQueriesContext(connection) as captured:
        assert len(services.claim_jobs(limit=2, now=clock.now())) == 2
    assert not [query["sql"] for query in captured if "UPDATE" in query["sql"] and "chat_channel" in query["sql"]]
    assert not ChannelHealth.objects.exists()


def test_an_attempt_at_a_channel_that_is_well_asks_nothing_of_its_health(rich: Member, upstream: Upstream) -> None:
    send(rich.id)
    [job] = services.claim_jobs(limit=1, now=clock.now())
    note = whole_attempt(job)

    with CaptureQueriesContext(connection) as captured:
        services.record_attempt(attempt=note, now=clock.now())

    assert not [query["sql"] for query in captured if "chat_channel" in query["sql"]]


def test_no_more_of_a_channel_run_at_once_than_it_may(rich: Member, upstream: Upstream, second: Upstream) -> None:
    services.save_channel(code="test", base_url=upstream.url, api_key=None, limits={"max_running": 1}, now=clock.now())
    for _ in range(3):
        send(rich.id)

    jobs = services.claim_jobs(limit=10, per_channel=80, running={}, now=clock.now())

    assert [[target.channel for target in job.targets] for job in jobs] == [["test", "second"], ["second"], ["second"]]


def test_each_phase_has_its_time(rich: Member, upstream: Upstream, engine: EngineThread) -> None:
    def within(**limits: int) -> tuple[str, str]:
        services.save_channel(
            code="test", base_url=upstream.url, api_key=None, is_forced=True, limits=limits, now=clock.now()
        )
        done, text = settled(rich.id, send(rich.id).generation.id)
        return done.error_code, text

    upstream.scripts["up-base"] = [threading.Event(), *answer("late")]
    assert within(first_word_ms=300) == ("upstream_timeout", "")
    upstream.scripts["up-base"] = [piece("so far"), threading.Event()]
    assert within(total_ms=500) == ("upstream_timeout", "so far")


def test_operators_see_the_health_of_all_channels_on_one_page(
    rich: Member, upstream: Upstream, second: Upstream, operator_browser: Client
) -> None:
    asked = send(rich.id).generation.id
    [job] = services.claim_jobs(limit=1, now=clock.now())
    for _ in range(breaker.FAILURES):
        has_failed(target=job.targets[0], generation_id=asked, code="upstream_tls", now=clock.now())
    rest_key(key_id=job.targets[1].key_id, reason="upstream_arrears", now=clock.now())

    page = operator_browser.get("/admin/chat/channel/").content.decode()

    assert "连续失败 5 次，最近一次 upstream_tls" in page
    assert "upstream_arrears" in page
