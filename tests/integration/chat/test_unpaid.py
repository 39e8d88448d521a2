"""Answers that cost us something and their owner nothing: counted and limited, whoever broke them off."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.models import FreeUse, Generation
from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import all_invariants
from tests.cast import member
from tests.integration.chat.conftest import EngineThread, make_model, send, set_limits, settled, wait_for
from tests.integration.chat.upstream import DONE, Drop, Silence, Upstream, answer, failure, piece, reason

pytestmark = pytest.mark.django_db

# 23:59 of 20 November in Shanghai.
BEFORE_MIDNIGHT = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)


def end(member: Member, outcome: Outcome, *, now: datetime | None = None) -> None:
    """Ask, claim, and end like this."""
    now = now or clock.now()
    send(member.id, now=now)
    (job,) = services.claim_jobs(limit=1, now=now)
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=outcome, now=now)


def stopped(text: str = "") -> Outcome:
    """As an engine ends an answer that its owner stopped."""
    return Outcome(state=GenerationState.STOPPED, text=text, was_taken=True)


def unpaid() -> int:
    """The count, checked against the answers."""
    breaches = [breach for check in all_invariants() for breach in check.check(clock.now())]
    assert breaches == []
    return sum(FreeUse.objects.values_list("unpaid", flat=True))


def test_stopping_before_the_first_word_is_free_so_often_a_day(rich_alice: Member, model: str) -> None:
    set_limits(max_unpaid_per_day=2)
    for _ in range(2):
        end(rich_alice, stopped(), now=BEFORE_MIDNIGHT)

    with pytest.raises(errors.TooManyUnpaid) as refused:
        send(rich_alice.id, now=BEFORE_MIDNIGHT)

    assert refused.value.context == {"limit": 2, "retry_after": 60}
    assert Generation.objects.count() == 2
    assert services.quota_of(user_id=rich_alice.id, now=BEFORE_MIDNIGHT).balance_milli == 5000
    # A new day begins.
    end(rich_alice, stopped(), now=BEFORE_MIDNIGHT + timedelta(minutes=1))
    assert unpaid() == 3


def test_what_runs_may_still_come_to_nothing(rich_alice: Member, model: str) -> None:
    set_limits(max_unpaid_per_day=2)
    end(rich_alice, stopped())
    send(rich_alice.id)

    with pytest.raises(errors.TooManyRunning) as refused:
        send(rich_alice.id)

    assert refused.value.context["limit"] == 1


def test_what_others_ask_and_what_it_comes_to_takes_no_room(rich_alice: Member, bob: Member, model: str) -> None:
    set_limits(free_per_day=2, max_running=1, max_unpaid_per_day=1)
    end(bob, stopped())
    with pytest.raises(errors.TooManyUnpaid):
        send(bob.id)
    send(rich_alice.id)

    with pytest.raises(errors.TooManyRunning):
        send(rich_alice.id)
    send(member("charlie").id)


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (stopped(), 1),
        (stopped("a word"), 0),
        (Outcome(state=GenerationState.FAILED, text="", error_code="empty_answer", was_taken=True), 1),
        (Outcome(state=GenerationState.INTERRUPTED, text=" ", error_code="upstream_cut", was_taken=True), 1),
        (Outcome(state=GenerationState.FAILED, text="", error_code="upstream_busy"), 0),
        (Outcome(state=GenerationState.INTERRUPTED, text="", error_code="engine_lost", was_taken=True), 1),
        (Outcome(state=GenerationState.INTERRUPTED, text="so far", error_code="engine_lost", was_taken=True), 1),
        (Outcome(state=GenerationState.INTERRUPTED, text="so far", error_code="internal", was_taken=True), 1),
        (Outcome(state=GenerationState.INTERRUPTED, text="", error_code="engine_lost"), 0),
        (Outcome(state=GenerationState.FINISHED, text="answer", finish_reason="stop", was_taken=True), 0),
    ],
)
def test_what_counts_is_what_cost_us_something_and_nobody_paid_for(
    rich_alice: Member, model: str, outcome: Outcome, counts: int
) -> None:
    end(rich_alice, outcome)

    assert unpaid() == counts


def test_a_question_that_no_engine_took_up_does_not_count(rich_alice: Member, model: str) -> None:
    earlier = clock.now() - timedelta(minutes=5)
    asked = send(rich_alice.id, now=earlier)
    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=earlier)
    send(rich_alice.id, now=earlier)
    assert len(services.claim_jobs(limit=1, now=earlier)) == 1
    send(rich_alice.id, now=earlier)

    # One whose engine is gone, one that none took up.
    assert services.settle_abandoned(now=clock.now()) == 2

    assert unpaid() == 0


def test_an_answer_whose_engine_is_gone_counts_if_it_had_begun(rich_alice: Member, model: str) -> None:
    earlier = clock.now() - timedelta(minutes=5)
    send(rich_alice.id, now=earlier)
    (job,) = services.claim_jobs(limit=1, now=earlier)
    services.keep_text(generation_id=job.generation_id, lease_token=job.lease_token, text="so far", now=earlier)

    assert services.settle_abandoned(now=clock.now()) == 1

    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).balance_milli == 5000
    assert unpaid() == 1


def test_a_lost_count_is_a_breach(rich_alice: Member, model: str) -> None:
    end(rich_alice, stopped())
    FreeUse.objects.update(unpaid=0)

    (breach,) = [breach for check in all_invariants() for breach in check.check(clock.now())]

    assert breach.subject.startswith("unpaid answers of ")


def test_the_refusal_says_when_to_come_back(rich_alice: Member, alice_browser: Client, model: str) -> None:
    set_limits(max_unpaid_per_day=1)
    end(rich_alice, stopped())
    conversation = services.create_conversation(user_id=rich_alice.id, now=clock.now())
    body = {"content": "hello", "model": "base", "client_id": str(new_id())}

    refused = alice_browser.post(
        f"/api/v1/chat/conversations/{conversation.id}/messages", body, content_type="application/json"
    )

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_unpaid")
    assert 0 < int(refused["Retry-After"]) <= 86_400


@pytest.mark.django_db(transaction=True)
def test_the_engine_tells_what_was_taken(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    scripts: dict[str, list[Any]] = {
        "stopped": [Silence()],
        "empty": [reason("stop"), DONE],
        "filtered": [piece(""), reason("content_filter"), DONE],
        "cut": [piece(""), Drop()],
        "refused": [failure("1113")],
        "good": answer("Hello"),
    }
    for case, script in scripts.items():
        make_model(case, url=upstream.url)
        upstream.scripts[f"up-{case}"] = script
    make_model("away", url=upstream.url)
    upstream.refusals["up-away"] = (503, {})
    set_limits(max_running=10)

    asked = {case: send(rich_alice.id, model=case).generation.id for case in ("stopped", "empty", "filtered", "cut")}
    wait_for(lambda: len(upstream.requests) == len(asked), what="the provider to be asked")
    services.stop_generation(user_id=rich_alice.id, generation_id=asked["stopped"], now=clock.now())
    for generation_id in asked.values():
        settled(rich_alice.id, generation_id)
    assert unpaid() == 4
    for case in ("refused", "good", "away"):
        settled(rich_alice.id, send(rich_alice.id, model=case).generation.id)

    assert unpaid() == 4


def test_an_unpaid_answer_counts_for_the_day_that_asked(rich_alice: Member, model: str) -> None:
    asked, ended = (
        datetime(2026, 11, 20, 15, 59, tzinfo=UTC),
        datetime(2026, 11, 20, 16, 1, tzinfo=UTC),
    )  # midnight here
    send(rich_alice.id, now=asked)
    (job,) = services.claim_jobs(limit=1, now=asked)
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=stopped(), now=ended)

    assert FreeUse.objects.get(unpaid=1).day == Generation.objects.get().unpaid_day == date(2026, 11, 20)
