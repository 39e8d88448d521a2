"""Answers whose engine is gone, or could not write for longer than its lease: nobody pays, nothing shown is lost."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.models import Generation
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from tests.integration.chat.conftest import generation, send, set_limits

pytestmark = pytest.mark.django_db


def end(generation_id: UUID, *, text: str, lease_token: UUID) -> bool:
    """What an engine says that has come back."""
    outcome = Outcome(state=GenerationState.FINISHED, text=text, finish_reason="stop")
    return services.finish_run(generation_id=generation_id, lease_token=lease_token, outcome=outcome, now=clock.now())


def assert_audit_is_clean() -> None:
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


@pytest.mark.parametrize("text", ["saved so far", "", " \n"])
def test_an_abandoned_answer_is_settled_from_its_saved_text_and_costs_nothing(
    rich_alice: Member, model: str, text: str
) -> None:
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    names = {"generation_id": job.generation_id, "lease_token": job.lease_token}
    assert services.keep_text(**names, text=text, now=clock.now())
    assert services.settle_abandoned(now=clock.now()) == 0

    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=16)) == 1

    row = generation(asked.generation.id)
    assert (row.state, row.text, row.charged_milli) == (GenerationState.INTERRUPTED, text, 0)
    assert services.keep_text(**names, text="too late", now=clock.now()) is False
    assert generation(asked.generation.id).text == text


def test_an_answer_that_takes_long_is_not_abandoned_while_its_engine_lives(rich_alice: Member, model: str) -> None:
    now = clock.now()
    asked = send(rich_alice.id, now=now - timedelta(minutes=5))
    (job,) = services.claim_jobs(limit=1, now=now - timedelta(minutes=4))
    assert services.keep_text(generation_id=job.generation_id, lease_token=job.lease_token, text="so far", now=now)

    assert services.settle_abandoned(now=now) == 0

    assert generation(asked.generation.id).state == GenerationState.RUNNING


def test_an_engine_takes_what_it_asked_for_and_hears_of_no_other_stop(rich_alice: Member, model: str) -> None:
    first, second = (send(rich_alice.id).generation.id for _ in range(2))

    (job,) = services.claim_jobs(limit=1, now=clock.now())

    assert job.generation_id == first
    assert generation(second).state == GenerationState.QUEUED
    services.claim_jobs(limit=1, now=clock.now())
    services.stop_generation(user_id=rich_alice.id, generation_id=second, now=clock.now())
    heard = [services.find_stop_requests(generation_ids=[each]) for each in (first, second)]
    assert heard == [set(), {second}]


def test_stopping_an_answer_whose_engine_is_gone_costs_nothing(alice: Member, model: str) -> None:
    set_limits(free_per_day=1)
    asked = send(alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert services.keep_text(
        generation_id=job.generation_id, lease_token=job.lease_token, text="so far", now=clock.now()
    )

    # Nothing moves any more, so its owner gives up on it.
    services.stop_generation(user_id=alice.id, generation_id=asked.generation.id, now=clock.now())
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=16)) == 1

    row = generation(asked.generation.id)
    assert (row.state, row.text, row.error_code) == (GenerationState.STOPPED, "so far", "engine_lost")
    assert services.quota_of(user_id=alice.id, now=clock.now()).free_left == 1
    assert_audit_is_clean()


def test_what_was_shown_and_not_saved_is_added_once_its_engine_can_write_again(rich_alice: Member, model: str) -> None:
    """The database was locked for longer than the lease; then the sweeper was faster than the engine."""
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    lease = {"generation_id": job.generation_id, "lease_token": job.lease_token}
    assert services.keep_text(**lease, text="saved", now=clock.now())
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=16)) == 1

    end(asked.generation.id, text="saved and shown", lease_token=job.lease_token)

    row = generation(asked.generation.id)
    assert (row.state, row.text, row.charged_milli) == (GenerationState.INTERRUPTED, "saved and shown", 0)
    for other in ("shorter", "another text altogether", "saved"):
        end(asked.generation.id, text=other, lease_token=job.lease_token)
    end(asked.generation.id, text="saved and shown by somebody else", lease_token=uuid4())
    assert generation(asked.generation.id).text == "saved and shown"
    assert_audit_is_clean()


def test_the_same_for_an_answer_that_belongs_to_no_conversation(rich_alice: Member, model: str) -> None:
    request = [{"role": "user", "parts": [{"type": "text", "text": "hello"}]}]
    asked = services.start_generation(user_id=rich_alice.id, model="base", request=request, now=clock.now())
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=16)) == 1

    end(asked.id, text="shown", lease_token=job.lease_token)

    assert generation(asked.id).text == "shown"


def test_an_erased_text_does_not_come_back(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=16)) == 1
    assert asked.generation.conversation_id is not None
    services.delete_conversation(
        user_id=rich_alice.id, conversation_id=asked.generation.conversation_id, now=clock.now()
    )

    end(asked.generation.id, text="shown", lease_token=job.lease_token)

    assert generation(asked.generation.id).text == ""


def test_an_answer_that_its_engine_ended_gets_no_more_text(rich_alice: Member, model: str) -> None:
    send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    for text in ("a", "a and more"):
        end(job.generation_id, text=text, lease_token=job.lease_token)

    assert Generation.objects.get().text == "a"
