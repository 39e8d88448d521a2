"""Every time that a channel is asked is a row; only the one that answered is paid for."""

import asyncio
import subprocess
import threading
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Job
from apps.chat.engine.attempts import Attempts
from apps.chat.engine.service_calls import ServiceCalls
from apps.chat.engine.upstream_errors import UpstreamError
from apps.chat.models import Attempt, ChannelHealth, Generation
from apps.chat.registries import CHANNELS, AttemptPhase
from apps.chat.rules import breaker
from apps.chat.services import routing
from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import all_invariants
from tests.integration.chat.conftest import EngineThread, ail, generation, send, settled, wait_for
from tests.integration.chat.test_failover import ask, second
from tests.integration.chat.test_killed_engine import engine_process
from tests.integration.chat.upstream import Drop, Upstream, answer, piece, usage

__all__ = ["engine_process", "second"]

pytestmark = pytest.mark.django_db(transaction=True)

CONNECT, FIRST_WORD, STREAM = AttemptPhase.CONNECT, AttemptPhase.FIRST_WORD, AttemptPhase.STREAM


def told(generation_id: UUID) -> list[tuple[int, str, str, str]]:
    """The attempts at an answer: number, channel, phase, outcome."""
    rows = Attempt.objects.filter(generation=generation_id).order_by("number")
    return list(rows.values_list("number", "route__channel__code", "phase", "code"))


def test_an_answer_that_came_at_once_has_one_attempt(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("whole")

    done, _ = ask(rich_alice)

    assert told(done.id) == [(1, "test", STREAM, "")]
    row = Attempt.objects.select_related("key").get()
    assert row.first_word_ms is not None
    assert 0 <= row.first_word_ms <= row.total_ms < 60_000
    assert row.key is not None
    assert row.key.name == "main"


def test_each_failure_before_the_answer_is_told_and_none_is_charged(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    services.save_channel(code="third", base_url="http://127.0.0.1:9/v1", api_key="sk-third", now=clock.now())
    services.save_route(model_code="base", channel_code="third", upstream_name="b", priority=0, now=clock.now())
    upstream.scripts["up-base"] = [usage(90_000, 90_000), Drop()]

    done, text = ask(rich_alice)

    assert text == "from the second"
    assert told(done.id) == [
        (1, "third", CONNECT, "upstream_unreachable"),
        (2, "test", FIRST_WORD, "upstream_unreachable"),
        (3, "second", STREAM, ""),
    ]
    assert (done.charged_milli, done.prompt_tokens, done.completion_tokens) == (1000, 7, 5)
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).balance_milli == 4000
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


def test_how_an_answer_ended_is_the_outcome_of_its_last_attempt(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("Hel"), Drop()]
    assert told(ask(rich_alice)[0].id) == [(1, "test", STREAM, "upstream_unreachable")]
    upstream.scripts["up-base"] = answer("")
    assert told(ask(rich_alice)[0].id) == [(1, "test", FIRST_WORD, "empty_answer")]

    upstream.scripts["up-base"] = [piece("Hello"), threading.Event()]
    asked = send(rich_alice.id).generation.id
    wait_for(lambda: generation(asked).text, what="a word")
    services.stop_generation(user_id=rich_alice.id, generation_id=asked, now=clock.now())
    settled(rich_alice.id, asked)
    assert told(asked) == [(1, "test", STREAM, "stopped")]


def test_an_engine_that_is_killed_between_two_attempts_leaves_the_first_and_no_charge(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine_process: "subprocess.Popen[bytes]"
) -> None:
    upstream.refusals["up-base"] = (500, {})
    second.scripts["up-base"] = [threading.Event()]
    asked = send(rich_alice.id).generation.id
    wait_for(lambda: second.requests, what="the second attempt")

    engine_process.kill()
    engine_process.wait()
    wait_for(
        lambda: services.settle_abandoned(now=clock.now()) or generation(asked).settled_at, what="the end of the lease"
    )

    row = generation(asked)
    assert (row.state, row.error_code, row.charged_milli) == (GenerationState.INTERRUPTED, "engine_lost", 0)
    assert told(asked) == [(1, "test", FIRST_WORD, "upstream_failed")]
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 0
    # Its provider was asked already: nobody takes it up again.
    assert services.claim_jobs(limit=10, now=clock.now()) == []
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


def test_a_channel_that_somebody_else_tries_was_not_asked(
    rich_alice: Member, upstream: Upstream, second: Upstream
) -> None:
    upstream.refusals["up-base"] = (500, {})
    ail("second", times=breaker.FAILURES)
    ChannelHealth.objects.update(retry_at=clock.now() - timedelta(seconds=1))
    routing.forget()
    asked = send(rich_alice.id).generation.id
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert services.begin_probe(channel="second", generation_id=new_id(), now=clock.now())

    last = asyncio.run(_attempt(job))

    assert last.asked is job.targets[0]
    assert last.note("channel_unavailable") is None
    assert told(asked) == [(1, "test", FIRST_WORD, "upstream_failed")]
    assert second.requests == []


async def _attempt(job: Job) -> Attempts:
    """Ask as an engine does, in vain."""
    async with AsyncExitStack() as opened:
        channels = {kind.code: await opened.enter_async_context(kind.connect()) for kind in CHANNELS}
        attempts = Attempts(job, channels=channels, services=ServiceCalls(services))
        with pytest.raises(UpstreamError, match="channel_unavailable"):
            async for _ in attempts.deltas():
                pass
        return attempts


def test_an_attempt_never_changes(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("whole")
    ask(rich_alice)

    with pytest.raises(IntegrityError), transaction.atomic():
        Attempt.objects.update(code="mine")
    with pytest.raises(IntegrityError), transaction.atomic():
        Attempt.objects.all()._raw_delete("default")
    assert Attempt.objects.get().phase == STREAM


def test_operators_read_the_attempts_beside_the_generation(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread, operator_browser: Client
) -> None:
    upstream.refusals["up-base"] = (503, {})
    ask(rich_alice)

    page = operator_browser.get(f"/admin/chat/generation/{Generation.objects.get().pk}/change/").content.decode()

    assert page.index("upstream_failed") < page.index(": second")
    assert "sk-second" not in page
