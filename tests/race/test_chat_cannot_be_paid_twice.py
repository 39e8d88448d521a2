"""Real threads against PostgreSQL: one credit pays one answer, one answer is settled once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import QUOTA, GenerationState, Outcome
from apps.chat.models import FreeUse, Generation, Message
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.ledger import services as ledger
from tests.integration.chat.conftest import generation, give_quota, make_model, send, set_limits
from tests.race.concurrency import run_concurrently, run_together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

WORKERS = 50


@pytest.fixture(autouse=True)
def _a_model(transactional_db: None) -> None:
    make_model()


def conversations(member: Member, count: int) -> list[UUID]:
    return [services.create_conversation(user_id=member.id, now=clock.now()).id for _ in range(count)]


def asking(member: Member, conversation_id: UUID) -> Callable[[], object]:
    return partial(send, member.id, conversation_id=conversation_id)


def balance(member: Member) -> tuple[int, int]:
    amounts = ledger.balance(account=ledger.user_account(member.id, QUOTA))
    return amounts.total, amounts.held


def assert_audit_is_clean() -> None:
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


def test_quota_for_one_message_admits_exactly_one_of_fifty(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=WORKERS)
    give_quota(alice.id, 1999)

    outcomes = run_together([asking(alice, conversation_id) for conversation_id in conversations(alice, WORKERS)])

    assert len(outcomes.results) == 1
    assert {type(error) for error in outcomes.errors} == {errors.QuotaExhausted}
    assert balance(alice) == (1999, 1000)
    assert (Generation.objects.count(), Message.objects.count()) == (1, 2)
    assert_audit_is_clean()


def test_fifty_messages_in_one_conversation_admit_one(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=WORKERS)
    give_quota(alice.id, 100_000)
    (conversation_id,) = conversations(alice, 1)

    outcomes = run_concurrently(lambda: send(alice.id, conversation_id=conversation_id), workers=WORKERS)

    assert len(outcomes.results) == 1
    assert {type(error) for error in outcomes.errors} == {errors.ConversationBusy}
    assert balance(alice) == (100_000, 1000)


def test_three_free_uses_admit_exactly_three_of_fifty(alice: Member) -> None:
    set_limits(free_per_day=3, max_running=WORKERS)

    outcomes = run_together([asking(alice, conversation_id) for conversation_id in conversations(alice, WORKERS)])

    assert len(outcomes.results) == 3
    assert {type(error) for error in outcomes.errors} == {errors.QuotaExhausted}
    assert FreeUse.objects.get().used == 3
    assert_audit_is_clean()


def test_the_limit_of_running_answers_holds_under_load(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=5)
    give_quota(alice.id, 100_000)

    outcomes = run_together([asking(alice, conversation_id) for conversation_id in conversations(alice, WORKERS)])

    assert len(outcomes.results) == 5
    assert {type(error) for error in outcomes.errors} == {errors.TooManyRunning}
    assert balance(alice) == (100_000, 5000)


def test_free_uses_and_quota_share_the_limit_of_running_answers(alice: Member) -> None:
    make_model("extra", is_in_free_allowance=False)
    set_limits(free_per_day=WORKERS, max_running=5)
    give_quota(alice.id, 100_000)
    ids = conversations(alice, WORKERS)

    outcomes = run_together(
        [
            partial(send, alice.id, conversation_id=conversation_id, model=model)
            for conversation_id, model in zip(ids, ["base", "extra"] * (WORKERS // 2), strict=True)
        ]
    )

    assert len(outcomes.results) == 5
    assert {type(error) for error in outcomes.errors} == {errors.TooManyRunning}
    assert_audit_is_clean()


def test_the_same_client_id_fifty_times_is_one_generation(alice: Member) -> None:
    set_limits(free_per_day=0)
    give_quota(alice.id, 5000)
    (conversation_id,) = conversations(alice, 1)

    outcomes = run_concurrently(
        lambda: send(alice.id, conversation_id=conversation_id, client_id="client-0001"), workers=WORKERS
    )

    assert outcomes.errors == []
    assert len({asked.generation.id for asked in outcomes.results}) == 1
    assert (Generation.objects.count(), balance(alice)) == (1, (5000, 1000))


def test_fifty_engines_claim_one_generation_once(alice: Member) -> None:
    send(alice.id)

    outcomes = run_concurrently(lambda: services.claim(limit=5, now=clock.now()), workers=WORKERS)

    assert outcomes.errors == []
    assert sum(len(jobs) for jobs in outcomes.results) == 1


@pytest.mark.parametrize("attempt", range(5))
def test_engine_sweeper_and_stop_settle_once(alice: Member, attempt: int) -> None:
    set_limits(free_per_day=0)
    give_quota(alice.id, 5000)
    asked = send(alice.id)
    (job,) = services.claim(limit=1, now=clock.now())
    names = {"generation_id": job.generation_id, "lease_token": job.lease_token}
    services.keep(**names, text="early", now=clock.now())
    late = clock.now() + timedelta(minutes=5)
    outcome = Outcome(state=GenerationState.FINISHED, text="early and late", finish_reason="stop")

    outcomes = run_together(
        [
            *[lambda: services.finish(**names, outcome=outcome, now=clock.now())] * 8,
            *[lambda: bool(services.settle_abandoned(now=late))] * 8,
            *[lambda: services.keep(**names, text="zombie", now=clock.now())] * 4,
            *[lambda: services.stop(user_id=alice.id, generation_id=asked.generation.id, now=clock.now()).state == "-"]
            * 4,
        ]
    )

    assert outcomes.errors == []
    row = generation(asked.generation.id)
    texts = {GenerationState.FINISHED: {"early and late"}}.get(GenerationState(row.state), {"early", "zombie"})
    assert row.message.text in texts
    assert (row.charged_milli, balance(alice)) == (1000, (4000, 0))
    assert_audit_is_clean()


def test_a_refund_and_a_new_question_share_the_last_free_use(alice: Member) -> None:
    set_limits(free_per_day=1, max_running=WORKERS)
    first = send(alice.id)
    ids = conversations(alice, 20)

    outcomes = run_together(
        [
            lambda: services.stop(user_id=alice.id, generation_id=first.generation.id, now=clock.now()),
            *[asking(alice, conversation_id) for conversation_id in ids],
        ]
    )

    assert {type(error) for error in outcomes.errors} <= {errors.QuotaExhausted}
    assert FreeUse.objects.get().used <= 1
    assert_audit_is_clean()
