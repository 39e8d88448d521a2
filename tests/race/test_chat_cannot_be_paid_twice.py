"""Real threads against PostgreSQL: one credit pays one answer, one answer is settled once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import QUOTA, GenerationState, Outcome, PerTokens
from apps.chat.models import AnswerUsage, Entitlement, FreeUse, Generation, Message
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from tests.integration.chat.conftest import generation, give_quota, make_model, send, set_limits
from tests.integration.chat.test_without_conversation import start
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import TURNS, UNCHECKED_BALANCE, crowd, dropped, guarded_by, nothing, replaced, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

WORKERS = 50
BY_TOKEN = PerTokens(input_milli=1000, cached_milli=1000, output_milli=1000)
FREE_FOR_ALL = taken_as_read("INSERT INTO chat_freeuse", r"chat_freeuse\.used < %s")
ALWAYS_ROOM = taken_as_read('UPDATE "chat_conversation"', r"(?<=WHERE ).+")
SETTLED_AGAIN = taken_as_read('UPDATE "chat_generation" SET "state"', r"(?<=WHERE ).+")


@pytest.fixture(autouse=True)
def _a_model(transactional_db: None) -> None:
    make_model()


def conversations(member: Member, count: int) -> list[UUID]:
    return [services.create_conversation(user_id=member.id, now=clock.now()).id for _ in range(count)]


def asking(member: Member, conversation_id: UUID) -> Callable[[], object]:
    return partial(send, member.id, conversation_id=conversation_id)


def start_several(member: Member, answers: int) -> object:
    said = [{"role": "user", "parts": [{"type": "text", "text": "hello"}]}]
    return services.start_for_program(
        user_id=member.id, model="base", requests=[said], answers=answers, now=clock.now()
    )


def balance(member: Member) -> tuple[int, int]:
    amounts = ledger.balance(account=ledger.user_account(member.id, QUOTA))
    return amounts.total, amounts.held


def assert_audit_is_clean() -> None:
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


@guarded_by(*UNCHECKED_BALANCE, seen="8 == 3")
def test_quota_for_ten_answers_admits_three_of_fifty_requests_for_three_each(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=3 * WORKERS, max_per_minute=3 * WORKERS)
    give_quota(alice.id, 10_999)

    outcomes = run_together([partial(start_several, alice, 3)] * crowd(WORKERS))

    assert len(outcomes.results) == 3
    assert outcomes.kinds == {errors.QuotaExhausted}
    assert balance(alice) == (10_999, 9000)
    assert Generation.objects.count() == 9
    assert_audit_is_clean()


@guarded_by(replaced("apps.chat.services.paying.check_room", nothing), seen="8 == 2")
def test_room_for_five_answers_admits_two_of_fifty_requests_for_two_each(alice: Member) -> None:
    set_limits(free_per_day=1, max_running=5, max_per_minute=3 * WORKERS)
    give_quota(alice.id, 100_000)

    outcomes = run_together([partial(start_several, alice, 2)] * crowd(WORKERS))

    assert len(outcomes.results) == 2
    assert outcomes.kinds == {errors.TooManyRunning}
    assert (Generation.objects.count(), FreeUse.objects.get().used) == (4, 1)
    assert_audit_is_clean()


@guarded_by(
    taken_as_read("UPDATE ledger_account", "balance - held >= %s"),
    dropped("ledger_account_available_not_negative"),
    seen="8 == 1",
)
def test_quota_for_one_message_admits_exactly_one_of_fifty(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=WORKERS)
    give_quota(alice.id, 1999)

    outcomes = run_together([asking(alice, conversation_id) for conversation_id in conversations(alice, WORKERS)])

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {errors.QuotaExhausted}
    assert balance(alice) == (1999, 1000)
    assert (Generation.objects.count(), Message.objects.count()) == (1, 2)
    assert_audit_is_clean()


@guarded_by(*UNCHECKED_BALANCE, seen="8 == 3")
def test_quota_for_three_answers_by_the_token_admits_exactly_three_of_fifty(alice: Member) -> None:
    make_model("exact", price=BY_TOKEN, max_output_tokens=1000, is_in_free_allowance=False)
    set_limits(free_per_day=0, max_running=WORKERS)
    # Six tokens of the question and a thousand of the answer; what is left pays for less than the least answer.
    give_quota(alice.id, 3 * 1006 + 105)
    ids = conversations(alice, WORKERS)

    outcomes = run_together([partial(send, alice.id, conversation_id=each, model="exact") for each in ids])

    assert len(outcomes.results) == 3
    assert outcomes.kinds == {errors.QuotaExhausted}
    assert balance(alice) == (3 * 1006 + 105, 3 * 1006)
    assert_audit_is_clean()


@guarded_by(*UNCHECKED_BALANCE, seen="8 == 2")
def test_what_one_answer_by_the_token_leaves_shortens_one_other_and_no_third(alice: Member) -> None:
    make_model("exact", price=BY_TOKEN, max_output_tokens=1000, is_in_free_allowance=False)
    set_limits(free_per_day=0, max_running=WORKERS)
    give_quota(alice.id, 1500)
    ids = conversations(alice, WORKERS)

    outcomes = run_together([partial(send, alice.id, conversation_id=each, model="exact") for each in ids])

    assert len(outcomes.results) == 2
    lengths = sorted(asked.generation.max_output_tokens for asked in outcomes.results)
    assert lengths == [1500 - 1006 - 6, 1000]
    assert outcomes.kinds == {errors.QuotaExhausted}
    assert balance(alice) == (1500, 1500)
    assert_audit_is_clean()


@guarded_by(taken_as_read('UPDATE "chat_conversation"', r"(?<=WHERE ).+"), seen="8 == 1")
def test_fifty_messages_in_one_conversation_admit_one(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=WORKERS)
    give_quota(alice.id, 100_000)
    (conversation_id,) = conversations(alice, 1)

    outcomes = run_concurrently(lambda: send(alice.id, conversation_id=conversation_id), workers=WORKERS)

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {errors.ConversationBusy}
    assert balance(alice) == (100_000, 1000)


@guarded_by(FREE_FOR_ALL, seen="8 == 3")
def test_three_free_uses_admit_exactly_three_of_fifty(alice: Member) -> None:
    set_limits(free_per_day=3, max_running=WORKERS)

    outcomes = run_together([asking(alice, conversation_id) for conversation_id in conversations(alice, WORKERS)])

    assert len(outcomes.results) == 3
    assert outcomes.kinds == {errors.QuotaExhausted}
    assert FreeUse.objects.get().used == 3
    assert_audit_is_clean()


@guarded_by(ALWAYS_ROOM, seen="8 == 5")
def test_the_limit_of_running_answers_holds_under_load(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=5)
    give_quota(alice.id, 100_000)

    outcomes = run_together([asking(alice, conversation_id) for conversation_id in conversations(alice, WORKERS)])

    assert len(outcomes.results) == 5
    assert outcomes.kinds == {errors.TooManyRunning}
    assert balance(alice) == (100_000, 5000)


@guarded_by(ALWAYS_ROOM, replaced("apps.chat.services.paying.check_room", nothing), seen="8 == 5")
def test_the_limit_holds_for_what_no_conversation_asks(alice: Member) -> None:
    set_limits(free_per_day=3, max_running=5)
    give_quota(alice.id, 100_000)
    (conversation_id,) = conversations(alice, 1)

    outcomes = run_together([partial(start, alice)] * (WORKERS - 1) + [asking(alice, conversation_id)])

    assert len(outcomes.results) == 5
    assert outcomes.kinds == {errors.TooManyRunning}
    assert Generation.objects.count() == 5
    assert_audit_is_clean()


@guarded_by(ALWAYS_ROOM, seen="8 == 5")
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
    assert outcomes.kinds == {errors.TooManyRunning}
    assert_audit_is_clean()


@guarded_by(dropped("chat_message_client_id_once"), seen="ConversationBusy")
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


@guarded_by(taken_as_read('UPDATE "chat_generation"', r"(?<=WHERE ).+"), meet='UPDATE "chat_generation"', seen="8 == 1")
def test_fifty_engines_claim_one_generation_once(alice: Member) -> None:
    send(alice.id)

    outcomes = run_concurrently(lambda: services.claim_jobs(limit=5, now=clock.now()), workers=WORKERS)

    assert outcomes.errors == []
    assert sum(len(jobs) for jobs in outcomes.results) == 1


@guarded_by(taken_as_read('UPDATE "chat_generation"', r"(?<=WHERE ).+"), meet='UPDATE "chat_generation"', seen="==")
def test_engines_share_a_batch_and_nothing_is_claimed_twice(alice: Member) -> None:
    set_limits(free_per_day=100, max_running=100)
    asked = [send(alice.id).generation.id for _ in range(16)]

    outcomes = run_concurrently(lambda: services.claim_jobs(limit=16, now=clock.now()), workers=4)

    assert outcomes.errors == []
    assert sorted(job.generation_id for jobs in outcomes.results for job in jobs) == asked


@pytest.mark.parametrize("attempt", range(5))
@guarded_by(SETTLED_AGAIN, meet='UPDATE "chat_generation" SET "state"', seen="==")
def test_engine_sweeper_and_stop_settle_once(alice: Member, attempt: int) -> None:
    set_limits(free_per_day=0)
    give_quota(alice.id, 5000)
    earlier, late = clock.now() - timedelta(minutes=1), clock.now()
    asked = send(alice.id, now=earlier)
    (job,) = services.claim_jobs(limit=1, now=earlier)
    names: dict[str, Any] = {"generation_id": job.generation_id, "lease_token": job.lease_token}
    services.keep_text(**names, text="early", now=earlier)
    outcome = Outcome(state=GenerationState.FINISHED, text="early and late", finish_reason="stop")

    outcomes = run_together(
        [
            *[lambda: services.finish_run(**names, outcome=outcome, now=clock.now())] * 8,
            *[lambda: bool(services.settle_abandoned(now=late))] * 8,
            *[lambda: services.keep_text(**names, text="zombie", now=clock.now())] * 4,
            *[
                lambda: (
                    services.stop_generation(user_id=alice.id, generation_id=asked.generation.id, now=clock.now()).state
                    == "-"
                )
            ]
            * 4,
        ]
    )

    assert outcomes.errors == []
    row = generation(asked.generation.id)
    # What the sweeper settled nobody pays for; the engine may still add what it had shown.
    is_lost = row.error_code == "engine_lost"
    assert row.text in ({"early", "zombie", "early and late"} if is_lost else {"early and late"})
    charge = 0 if is_lost else 1000
    assert (row.charged_milli, balance(alice)) == (charge, (5000 - charge, 0))
    assert AnswerUsage.objects.get().charged_milli == charge
    assert_audit_is_clean()


@guarded_by(FREE_FOR_ALL, seen="TooManyRunning")
def test_a_refund_and_a_new_question_share_the_last_free_use(alice: Member) -> None:
    set_limits(free_per_day=1, max_running=WORKERS)
    first = send(alice.id)
    ids = conversations(alice, 20)

    outcomes = run_together(
        [
            lambda: services.stop_generation(user_id=alice.id, generation_id=first.generation.id, now=clock.now()),
            *[asking(alice, conversation_id) for conversation_id in ids],
        ]
    )

    assert outcomes.kinds <= {errors.QuotaExhausted}
    assert FreeUse.objects.get().used <= 1
    assert_audit_is_clean()


@guarded_by(ALWAYS_ROOM, seen="8 == 3")
def test_of_fifty_questions_no_more_run_than_may_come_to_nothing_today(alice: Member) -> None:
    set_limits(free_per_day=0, max_running=WORKERS, max_unpaid_per_day=3)
    give_quota(alice.id, 100_000)

    outcomes = run_together([asking(alice, conversation_id) for conversation_id in conversations(alice, WORKERS)])

    assert len(outcomes.results) == 3
    assert outcomes.kinds == {errors.TooManyRunning}
    jobs = services.claim_jobs(limit=WORKERS, now=clock.now())
    stopped = Outcome(state=GenerationState.STOPPED, text="", was_taken=True)
    ends = [
        partial(
            services.finish_run,
            generation_id=job.generation_id,
            lease_token=job.lease_token,
            outcome=stopped,
            now=clock.now(),
        )
        for job in jobs
    ]
    # Settling and asking lock the same rows; in the same order, or they would wait for each other.
    more = [asking(alice, conversation_id) for conversation_id in conversations(alice, WORKERS // 2)]
    outcomes = run_together([*ends, *more])

    assert len(outcomes.results) == 3
    assert outcomes.kinds <= {errors.TooManyRunning, errors.TooManyUnpaid}
    assert FreeUse.objects.get().unpaid == 3
    assert balance(alice) == (100_000, 0)
    assert_audit_is_clean()


@guarded_by(TURNS, meet='INSERT INTO "chat_entitlement"', seen="IntegrityError")
def test_twenty_grants_of_a_right_at_once_all_lengthen_it(alice: Member) -> None:
    now = clock.now()

    def grant(number: int) -> None:
        with transaction.atomic():
            services.grant_entitlement(
                user_id=alice.id, model_id="base", cause=Cause("test", str(number)), days=3, now=now
            )

    outcomes = run_together([partial(grant, number) for number in range(20)])

    assert outcomes.errors == []
    ends = Entitlement.objects.order_by("number").values_list("number", "ends_at")
    assert list(ends) == [(number, now + timedelta(days=3 * number)) for number in range(1, 21)]
