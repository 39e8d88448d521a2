"""Free messages are a person's, whichever account of theirs asks."""

import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import GenerationState, Outcome
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from tests.cast import member
from tests.integration.chat.conftest import make_model, send, set_limits

pytestmark = pytest.mark.django_db


def delivered(account: Member) -> None:
    """One answer that arrives."""
    asked = send(account.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    outcome = Outcome(state=GenerationState.FINISHED, text="answer", finish_reason="stop")
    assert job.generation_id == asked.generation.id
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=outcome, now=clock.now())


def test_the_free_messages_of_a_day_do_not_begin_again(alice: Member) -> None:
    make_model()
    set_limits(free_per_day=2)
    delivered(alice)
    accounts.close_account(user_id=alice.id, confirm=alice.nickname, now=clock.now())
    returned = member("alice")

    assert services.quota_of(user_id=returned.id, now=clock.now()).free_left == 1
    assert services.models_for(user_id=returned.id, now=clock.now())[0].affordable
    delivered(returned)
    with pytest.raises(errors.QuotaExhausted):
        send(returned.id)
    assert not services.models_for(user_id=returned.id, now=clock.now())[0].affordable
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


def test_a_free_message_that_was_stopped_in_time_comes_back_to_the_person(alice: Member) -> None:
    make_model()
    set_limits(free_per_day=1)
    asked = send(alice.id)

    services.stop_generation(user_id=alice.id, generation_id=asked.generation.id, now=clock.now())

    assert services.quota_of(user_id=alice.id, now=clock.now()).free_left == 1
