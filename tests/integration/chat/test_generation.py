"""From a question to a settled answer, through the real engine and a provider over real HTTP."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from apps.accounts.contracts import Member
from apps.chat import selectors, services
from apps.chat.contracts import QUOTA, AnswerView, GenerationState, PaidBy
from apps.chat.engine import feed
from apps.chat.models import Generation
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.kernel.redis import sync_redis
from apps.ledger import services as ledger
from tests.integration.chat.conftest import (
    EngineThread,
    be_impatient,
    generation,
    give_quota,
    make_model,
    send,
    set_limits,
    settled,
    wait_for,
)
from tests.integration.chat.upstream import DONE, Drop, Silence, Upstream, answer, failure, piece, reason, usage

pytestmark = pytest.mark.django_db(transaction=True)


def balance(member: Member) -> tuple[int, int]:
    amounts = ledger.balance(account=ledger.user_account(member.id, QUOTA))
    return amounts.total, amounts.held


def assert_audit_is_clean() -> None:
    breaches = [breach for check in all_invariants() for breach in check.check(clock.now())]
    assert breaches == []


def test_an_answer_is_streamed_saved_and_charged_once(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("Hello, ", "世界", "!")

    asked = send(rich_alice.id, "hi there")

    done, text = settled(rich_alice.id, asked.generation.id)
    assert text == "Hello, 世界!"
    assert (done.state, done.finish_reason, done.error_code) == (GenerationState.FINISHED, "stop", "")
    assert (done.paid_by, done.charged_milli) == (PaidBy.QUOTA, 1000)
    assert (done.prompt_tokens, done.completion_tokens) == (7, 5)
    assert balance(rich_alice) == (4000, 0)
    assert_audit_is_clean()


def test_what_a_reader_is_told_is_what_the_row_says(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("Hello")
    asked = send(rich_alice.id, "hi there")
    settled(rich_alice.id, asked.generation.id)

    told = selectors.answer_of(user_id=rich_alice.id, generation_id=asked.generation.id)

    row = selectors.generation_of(user_id=rich_alice.id, generation_id=asked.generation.id)
    assert told == AnswerView(generation=selectors.generation_detail(row), text=row.text)


def test_upstream_gets_the_branch_with_its_roles_and_our_limits(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("first answer")
    first = send(rich_alice.id, "first question")
    settled(rich_alice.id, first.generation.id)
    conversation_id = first.generation.conversation_id

    second = send(rich_alice.id, "second question", conversation_id=conversation_id)
    settled(rich_alice.id, second.generation.id)

    request = upstream.requests[-1]
    assert [(turn["role"], turn["content"]) for turn in request["messages"]] == [
        ("user", "first question"),
        ("assistant", "first answer"),
        ("user", "second question"),
    ]
    assert request["max_tokens"] == 2000
    assert request["stream_options"] == {"include_usage": True}
    assert upstream.keys[-1] == "Bearer sk-test-secret"


def test_questions_around_an_answer_that_came_to_nothing_go_upstream_as_one(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer()
    first = send(rich_alice.id, "a long text")
    settled(rich_alice.id, first.generation.id)
    upstream.scripts["up-base"] = answer("in short")

    second = send(rich_alice.id, "sum it up", conversation_id=first.generation.conversation_id)
    settled(rich_alice.id, second.generation.id)

    assert upstream.requests[-1]["messages"] == [{"role": "user", "content": "a long text\n\nsum it up"}]


def test_a_free_use_pays_first_and_is_kept(alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    set_limits(free_per_day=2)
    upstream.scripts["up-base"] = answer("free")

    asked = send(alice.id)

    done, _ = settled(alice.id, asked.generation.id)
    assert (done.paid_by, done.charged_milli) == (PaidBy.FREE, 0)
    assert services.quota_of(user_id=alice.id, now=clock.now()).free_left == 1
    assert_audit_is_clean()


FAILURES: dict[str, tuple[list[Any], GenerationState, str, str]] = {
    "break-after": ([piece("Half "), Drop()], GenerationState.INTERRUPTED, "upstream_unreachable", "Half "),
    "break-before": ([Drop()], GenerationState.FAILED, "upstream_unreachable", ""),
    "eof-after": ([piece("Half")], GenerationState.INTERRUPTED, "upstream_cut", "Half"),
    "eof-before": ([], GenerationState.FAILED, "upstream_cut", ""),
    "done-without-reason": ([piece("Half"), DONE], GenerationState.INTERRUPTED, "upstream_cut", "Half"),
    "error-after": ([piece("Half"), failure("1113")], GenerationState.INTERRUPTED, "upstream_arrears", "Half"),
    "error-before": ([failure("x")], GenerationState.FAILED, "upstream_failed", ""),
    "garbage": ([piece("Half"), b"data: {no\n\n"], GenerationState.INTERRUPTED, "upstream_garbled", "Half"),
    "their-break": ([reason("network_error", "Half")], GenerationState.INTERRUPTED, "upstream_cut", "Half"),
    "empty": ([reason("stop"), DONE], GenerationState.FAILED, "empty_answer", ""),
    "filtered": ([reason("content_filter"), DONE], GenerationState.FAILED, "content_refused", ""),
}


def test_a_broken_answer_keeps_its_text_and_costs_only_if_there_is_any(
    alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    set_limits(max_running=50)
    give_quota(alice.id, 100_000)
    for case, (script, *_) in FAILURES.items():
        # Each on a channel of its own, which nothing is held against.
        make_model(case, url=upstream.url, channel=case)
        upstream.scripts[f"up-{case}"] = script

    asked = {case: send(alice.id, model=case) for case in FAILURES}

    for case, (_, state, error_code, text) in FAILURES.items():
        done, shown = settled(alice.id, asked[case].generation.id)
        assert (done.state, done.error_code, shown) == (state, error_code, text), case
        assert done.charged_milli == (1000 if text else 0), case
    delivered = sum(bool(text) for *_, text in FAILURES.values())
    assert balance(alice) == (100_000 - 1000 * delivered, 0)
    assert_audit_is_clean()


REFUSALS: dict[str, tuple[int, Any, str]] = {
    "bad-key": (401, {"error": {"code": "invalid_api_key"}}, "upstream_key_refused"),
    "no-balance": (402, {"error": {"message": "pay"}}, "upstream_arrears"),
    "their-quota": (429, {"error": {"type": "insufficient_quota", "code": "insufficient_quota"}}, "upstream_arrears"),
    "zhipu-arrears": (429, {"error": {"code": "1113", "message": "x"}}, "upstream_arrears"),
    "busy": (429, {"error": {"code": "rate_limit_exceeded"}}, "upstream_busy"),
    "too-long": (400, {"error": {"code": "context_length_exceeded"}}, "context_too_long"),
    "sensitive": (400, {"error": {"code": "1301"}}, "content_refused"),
    "html": (502, b"<html>bad gateway</html>", "upstream_failed"),
}


def test_a_refusal_upstream_costs_nothing_and_is_not_repeated(
    alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    set_limits(max_running=50)
    give_quota(alice.id, 100_000)
    for case, (status, document, _) in REFUSALS.items():
        # Each on a channel of its own, which nothing is held against.
        make_model(case, url=upstream.url, channel=case)
        upstream.refusals[f"up-{case}"] = (status, document)

    asked = {case: send(alice.id, model=case) for case in REFUSALS}

    for case, (_, _, error_code) in REFUSALS.items():
        done, _ = settled(alice.id, asked[case].generation.id)
        assert (done.state, done.error_code) == (GenerationState.FAILED, error_code), case
    assert balance(alice) == (100_000, 0)
    assert len(upstream.requests) == len(REFUSALS)


def test_a_failed_answer_gives_the_free_use_back(alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    set_limits(free_per_day=1)
    upstream.refusals["up-base"] = (500, {"error": {}})

    asked = send(alice.id)

    settled(alice.id, asked.generation.id)
    assert services.quota_of(user_id=alice.id, now=clock.now()).free_left == 1
    assert_audit_is_clean()


@pytest.mark.parametrize("counts", [(-1, -5), (10**9, 10**9)])
def test_impossible_usage_is_replaced_by_our_estimate(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, counts: tuple[int, int]
) -> None:
    upstream.scripts["up-base"] = [piece("六个汉字在此", finish_reason="stop"), usage(*counts), DONE]

    done, _ = settled(rich_alice.id, send(rich_alice.id, "abc").generation.id)

    # One for the three letters, four around them.
    assert (done.prompt_tokens, done.completion_tokens, done.charged_milli) == (5, 6, 1000)


def test_a_provider_that_falls_silent_is_left(
    rich_alice: Member, upstream: Upstream, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, silence_seconds=0.3)
    upstream.scripts["up-base"] = [piece("so far"), Silence()]
    engine = EngineThread()
    engine.start()

    done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)
    engine.end()

    assert (done.state, done.error_code, text) == (GenerationState.INTERRUPTED, "upstream_timeout", "so far")


def test_stop_keeps_the_text_hangs_up_and_charges_the_flat_price(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("so far"), threading.Event(), *answer("never")]
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "so far", what="saved text")

    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())

    done, text = settled(rich_alice.id, asked.generation.id)
    assert (done.state, text, done.charged_milli) == (GenerationState.STOPPED, "so far", 1000)
    wait_for(upstream.hung_up.is_set, what="the provider to notice")
    assert_audit_is_clean()


def test_stop_works_when_redis_does_not_carry_it(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = [piece("so far"), threading.Event()]
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "so far", what="saved text")

    # What stop() writes, without what it announces.
    Generation.objects.filter(pk=asked.generation.id).update(stop_requested_at=clock.now())

    done, _ = settled(rich_alice.id, asked.generation.id)
    assert done.state == GenerationState.STOPPED


def test_ending_the_engine_interrupts_what_runs_and_settles_it(
    rich_alice: Member, upstream: Upstream, transactional_db: None
) -> None:
    upstream.scripts["up-base"] = [piece("so far"), threading.Event()]
    engine = EngineThread()
    engine.start()
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "so far", what="saved text")

    engine.end()

    row = generation(asked.generation.id)
    assert (row.state, row.error_code, row.text) == (GenerationState.INTERRUPTED, "engine_lost", "so far")
    # We broke it off, so nobody pays.
    assert (row.charged_milli, balance(rich_alice)) == (0, (5000, 0))


def test_an_engine_that_lost_its_lease_settles_nothing_and_saves_what_was_shown(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("early"), gate, *answer(" late")]
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "early", what="saved text")

    # The sweeper of another process, whose clock is ahead of the lease.
    assert services.settle_abandoned(now=clock.now() + timedelta(minutes=1)) == 1
    gate.set()

    # The engine notices at its next save or at the end, and is free for the next question.
    wait_for(lambda: generation(asked.generation.id).text == "early late", what="the text that was shown")
    upstream.scripts["up-base"] = answer("next")
    settled(rich_alice.id, send(rich_alice.id).generation.id)
    row = generation(asked.generation.id)
    assert (row.state, row.charged_milli) == (GenerationState.INTERRUPTED, 0)
    assert row.text == "early late"
    assert balance(rich_alice) == (4000, 0)
    assert_audit_is_clean()


def test_a_database_that_is_locked_for_longer_than_the_lease_loses_nothing_that_was_shown(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate, rest = threading.Event(), threading.Event()
    upstream.scripts["up-base"] = [piece("saved"), gate, piece(" and shown"), rest, *answer(" never")]
    asked = send(rich_alice.id)
    wait_for(lambda: generation(asked.generation.id).text == "saved", what="saved text")

    with transaction.atomic():
        # Nobody else can write this row any more; meanwhile readers see more.
        Generation.objects.select_for_update().get(pk=asked.generation.id)
        Generation.objects.filter(pk=asked.generation.id).update(lease_until=clock.now() - timedelta(seconds=1))
        gate.set()
        wait_for(lambda: "saved and shown" in shown(asked.generation.id), what="the text in the live stream")
        # And as soon as it can be written, the sweeper is the first.
        assert services.settle_abandoned(now=clock.now()) == 1

    wait_for(lambda: generation(asked.generation.id).text == "saved and shown", what="the text that was shown")
    rest.set()
    row = generation(asked.generation.id)
    assert (row.state, row.error_code, row.charged_milli) == (GenerationState.INTERRUPTED, "engine_lost", 0)


def shown(generation_id: UUID) -> str:
    """What readers of the live stream have been given."""
    entries: Any = sync_redis().xrange(f"chat:generation:{generation_id}")
    return b"".join(fields.get(b"text", b"") for _, fields in entries).decode()


def test_a_switched_off_channel_fails_what_is_queued_without_a_charge(
    rich_alice: Member, upstream: Upstream, transactional_db: None
) -> None:
    asked = send(rich_alice.id)
    services.save_channel(code="test", base_url=upstream.url, api_key=None, is_enabled=False, now=clock.now())

    assert services.claim_jobs(limit=5, now=clock.now()) == []

    row = generation(asked.generation.id)
    assert (row.state, row.error_code) == (GenerationState.FAILED, "channel_unavailable")
    assert balance(rich_alice) == (5000, 0)


@pytest.mark.parametrize("refused", ['UPDATE "chat_generation"', 'SELECT "chat_message"."id" AS "pk"'])
def test_one_row_that_the_database_refuses_costs_the_others_nothing(
    rich_alice: Member, model: str, refused: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = [send(rich_alice.id).generation for _ in range(3)]
    first, second, third = (generation.id for generation in asked)
    about_the_second = {second.hex, asked[1].conversation_id.hex}  # type: ignore[union-attr]  # it has one

    def refuse_the_second(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        names = {str(value).replace("-", "") for value in params or ()}
        if sql.startswith(refused) and names & about_the_second:
            raise OperationalError("canceling statement due to lock timeout")
        return execute(sql, params, *rest)

    with connection.execute_wrapper(refuse_the_second):
        jobs = services.claim_jobs(limit=3, now=clock.now())

    assert [job.generation_id for job in jobs] == [first, third]
    assert str(second) in caplog.text
    # Nothing of it is half done: whoever claims next has it.
    assert [job.generation_id for job in services.claim_jobs(limit=3, now=clock.now())] == [second]


def test_a_lost_wake_up_is_made_good_by_looking(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.scripts["up-base"] = answer("found")
    monkeypatch.setattr(feed, "_WAKE", "chat:nobody-listens")

    done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert (done.state, text) == (GenerationState.FINISHED, "found")
