"""Asking: who may, what pays, and that a refusal changes nothing."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.errors import MemberFrozen
from apps.chat import errors, services
from apps.chat.contracts import QUOTA, GenerationState, Outcome, PaidBy
from apps.chat.models import Conversation, Entitlement, FreeUse, Generation, Message
from apps.kernel import clock, switches
from apps.kernel.errors import DomainError
from apps.kernel.ids import UserId, new_id
from apps.kernel.invariants import all_invariants
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause, Purse
from tests.integration.chat.conftest import generation, give_quota, make_model, send, set_limits
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

# 23:59 of 20 November in Shanghai.
BEFORE_MIDNIGHT = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Message, Generation, FreeUse))


def finish(generation_id: object, *, text: str = "answer", state: GenerationState = GenerationState.FINISHED) -> bool:
    """Claim and end one generation, as an engine would."""
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert job.generation_id == generation_id
    outcome = Outcome(state=state, text=text, finish_reason="stop")
    return services.finish_run(
        generation_id=job.generation_id, lease_token=job.lease_token, outcome=outcome, now=clock.now()
    )


def test_quota_is_reserved_when_asked_and_spent_when_settled(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id, "  hello  ")

    account = ledger.user_account(rich_alice.id, QUOTA)
    assert (ledger.balance(account=account).total, ledger.balance(account=account).held) == (5000, 1000)
    assert asked.message.text == "  hello  "
    assert asked.generation.state == GenerationState.QUEUED

    assert finish(asked.generation.id)
    assert (ledger.balance(account=account).total, ledger.balance(account=account).held) == (4000, 0)
    (entry,) = services.quota_entries(user_id=rich_alice.id, cursor=None, size=1).items
    assert (entry.amount_milli, entry.cause_type, entry.cause_id) == (
        -1000,
        "chat.generation",
        str(asked.generation.id),
    )


def test_settling_twice_changes_nothing(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    end = partial(services.finish_run, generation_id=job.generation_id, lease_token=job.lease_token, now=clock.now())
    first = Outcome(state=GenerationState.FINISHED, text="one")
    second = Outcome(state=GenerationState.FAILED, text="")

    assert end(outcome=first)
    assert not end(outcome=second)

    row = generation(asked.generation.id)
    assert (row.state, row.text, row.charged_milli) == (GenerationState.FINISHED, "one", 1000)


def test_the_price_is_the_one_when_asked(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)
    make_model(price_milli=4000)

    finish(asked.generation.id)

    assert generation(asked.generation.id).charged_milli == 1000


def test_free_uses_are_counted_by_the_local_day(alice: Member, model: str) -> None:
    set_limits(free_per_day=1)
    assert send(alice.id, now=BEFORE_MIDNIGHT).generation.paid_by == PaidBy.FREE
    with pytest.raises(errors.QuotaExhausted):
        send(alice.id, now=BEFORE_MIDNIGHT + timedelta(seconds=59))

    assert send(alice.id, now=BEFORE_MIDNIGHT + timedelta(minutes=1)).generation.paid_by == PaidBy.FREE
    assert services.quota_of(user_id=alice.id, now=BEFORE_MIDNIGHT + timedelta(days=3)).free_left == 1


def test_a_model_outside_the_free_allowance_is_paid_with_quota(rich_alice: Member) -> None:
    set_limits(free_per_day=5)
    make_model("deep", is_in_free_allowance=False, price_milli=3000)

    assert send(rich_alice.id, model="deep").generation.paid_by == PaidBy.QUOTA


REFUSALS: dict[str, type[DomainError]] = {
    "no quota": errors.QuotaExhausted,
    "blank": errors.MessageEmpty,
    "too long": errors.MessageTooLong,
    "unknown model": errors.ModelNotFound,
    "model off": errors.ModelNotFound,
    "channel off": errors.ModelNotFound,
    "not entitled": errors.ModelNotEntitled,
    "frozen": MemberFrozen,
    "somebody else's conversation": errors.ConversationNotFound,
    "unknown parent": errors.MessageNotFound,
    "switched off": errors.ChatSwitchedOff,
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_changes_nothing(case: str, alice: Member, bob: Member, olga: Member, model: str) -> None:
    set_limits(free_per_day=0, max_message_chars=20)
    text, conversation_id = "hello", services.create_conversation(user_id=alice.id, now=clock.now()).id
    parent_id = None
    if case != "no quota":
        give_quota(alice.id, 1000)
    match case:
        case "blank":
            text = " \n"
        case "too long":
            text = "x" * 21
        case "unknown model":
            model = "gpt-9"
        case "model off":
            make_model(is_enabled=False)
        case "channel off":
            services.save_channel(
                code="test", base_url="http://127.0.0.1:9/v1", api_key=None, is_enabled=False, now=clock.now()
            )
        case "not entitled":
            make_model(needs_entitlement=True)
        case "frozen":
            accounts.freeze(user_id=alice.id, actor=f"staff:{olga.id}", reason="test", now=clock.now())
        case "somebody else's conversation":
            conversation_id = services.create_conversation(user_id=bob.id, now=clock.now()).id
        case "unknown parent":
            parent_id = uuid4()
        case "switched off":
            switches.flip(name="chat.enabled", is_on=False, actor="staff:x", reason="test", now=clock.now())
    before = counts(), services.quota_of(user_id=alice.id, now=clock.now())

    try:
        with pytest.raises(REFUSALS[case]):
            send(alice.id, text, model=model, conversation_id=conversation_id, parent_id=parent_id)
    finally:
        switches.flip(name="chat.enabled", is_on=True, actor="staff:x", reason="test", now=clock.now())

    assert (counts(), services.quota_of(user_id=alice.id, now=clock.now())) == before
    assert Conversation.objects.filter(head__isnull=False).count() == 0


def test_an_entitlement_opens_a_model(rich_alice: Member) -> None:
    make_model("vip", needs_entitlement=True)
    with transaction.atomic():
        for _ in range(2):
            services.grant_entitlement(user_id=rich_alice.id, model_id="vip", cause=Cause("test", "1"), now=clock.now())

    assert send(rich_alice.id, model="vip").generation.model == "vip"
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).entitlements == ("vip",)
    assert Entitlement.objects.count() == 1


def test_a_grant_happens_once_per_cause(alice: Member) -> None:
    for _ in range(3):
        with transaction.atomic():
            services.grant_quota(
                user_id=alice.id,
                amount_milli=700,
                purse=Purse.PAID,
                kind="order",
                cause=Cause("order", "7"),
                now=clock.now(),
            )

    assert services.quota_of(user_id=alice.id, now=clock.now()).balance_milli == 700


def test_the_same_client_id_is_the_same_generation_even_after_everything_changed(
    rich_alice: Member, model: str
) -> None:
    first = send(rich_alice.id, "hello", client_id="client-0001")
    make_model(is_enabled=False)

    again = send(rich_alice.id, "hello", client_id="client-0001", conversation_id=first.generation.conversation_id)

    assert again.generation.id == first.generation.id
    assert Generation.objects.count() == 1
    with pytest.raises(errors.ClientIdReused):
        send(rich_alice.id, "other", client_id="client-0001", conversation_id=first.generation.conversation_id)


def test_only_so_many_answers_run_at_once(rich_alice: Member, model: str) -> None:
    set_limits(max_running=2)
    first = send(rich_alice.id)
    send(rich_alice.id)

    with pytest.raises(errors.TooManyRunning):
        send(rich_alice.id)

    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 2000
    services.stop_generation(user_id=rich_alice.id, generation_id=first.generation.id, now=clock.now())
    assert send(rich_alice.id).generation.state == GenerationState.QUEUED


def test_a_conversation_writes_one_answer_at_a_time(rich_alice: Member, model: str) -> None:
    first = send(rich_alice.id)

    with pytest.raises(errors.ConversationBusy):
        send(rich_alice.id, conversation_id=first.generation.conversation_id)

    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 1000


def test_stopping_what_is_queued_gives_everything_back(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)

    for _ in range(2):
        stopped = services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())

    assert (stopped.state, stopped.charged_milli) == (GenerationState.STOPPED, 0)
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 0
    assert services.claim_jobs(limit=1, now=clock.now()) == []


def test_stopping_what_runs_stops_that_one_and_no_other(rich_alice: Member, model: str) -> None:
    asked, other = send(rich_alice.id).generation.id, send(rich_alice.id).generation.id
    assert len(services.claim_jobs(limit=2, now=clock.now())) == 2

    services.stop_generation(user_id=rich_alice.id, generation_id=asked, now=clock.now())

    assert services.find_stop_requests(generation_ids={asked, other}) == {asked}
    asked, other = send(rich_alice.id).generation.id, send(rich_alice.id).generation.id
    services.stop_generation(user_id=rich_alice.id, generation_id=asked, now=clock.now())
    assert [job.generation_id for job in services.claim_jobs(limit=2, now=clock.now())] == [other]


def test_nobody_stops_or_follows_what_is_not_theirs(rich_alice: Member, bob: Member, model: str) -> None:
    asked = send(rich_alice.id)

    with pytest.raises(errors.GenerationNotFound):
        services.stop_generation(user_id=bob.id, generation_id=asked.generation.id, now=clock.now())
    with pytest.raises(errors.GenerationNotFound):
        services.read_answer(user_id=bob.id, generation_id=asked.generation.id)
    with pytest.raises(errors.MessageNotFound):
        services.regenerate_answer(
            user_id=bob.id, message_id=asked.answer.id, model=None, client_id="client-0002", now=clock.now()
        )


def test_what_nobody_takes_up_fails_with_a_refund(alice: Member, model: str) -> None:
    set_limits(free_per_day=1)
    asked = send(alice.id)

    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=60)) == 0
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=130)) == 1

    row = generation(asked.generation.id)
    assert (row.state, row.error_code) == (GenerationState.FAILED, "nobody_answered")
    assert services.quota_of(user_id=alice.id, now=clock.now()).free_left == 1


def test_regenerating_puts_another_answer_beside_the_old_one(rich_alice: Member, model: str) -> None:
    first = send(rich_alice.id)
    finish(first.generation.id, text="one")

    second = services.regenerate_answer(
        user_id=rich_alice.id, message_id=first.answer.id, model=None, client_id="client-0003", now=clock.now()
    )
    again = services.regenerate_answer(
        user_id=rich_alice.id, message_id=first.answer.id, model=None, client_id="client-0003", now=clock.now()
    )

    assert second.message.id == first.message.id
    assert again.generation.id == second.generation.id
    assert generation(first.generation.id).text == "one"
    conversation = Conversation.objects.get()
    assert (conversation.head_id, conversation.title) == (second.answer.id, "hello")


def test_the_audit_finds_what_was_tampered_with(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)
    finish(asked.generation.id)
    unguard_all("chat_generation")
    Generation.objects.filter(pk=asked.generation.id).update(charged_milli=999)
    FreeUse.objects.update(used=3)

    numbers = {check.number for check in all_invariants() if list(check.check(clock.now()))}

    assert {"I-17", "I-17-free"} <= numbers


def test_the_database_refuses_a_charge_without_delivery(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)

    with pytest.raises(IntegrityError), transaction.atomic():
        Generation.objects.filter(pk=asked.generation.id).update(charged_milli=1)


def test_a_key_is_encrypted_at_rest_and_kept_when_none_is_given(model: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key_sealed FROM chat_channelkey")
        sealed = cursor.fetchone()[0]
    assert "sk-test-secret" not in sealed

    services.save_channel(code="test", base_url="http://127.0.0.1:9/v2", api_key=None, now=clock.now())

    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key_sealed FROM chat_channelkey")
        assert cursor.fetchone()[0] == sealed


def test_asking_takes_at_most_twelve_statements(rich_alice: Member, model: str, db: None) -> None:
    """The service's share; the whole request is counted in test_api.py."""
    conversation_id = services.create_conversation(user_id=UserId(rich_alice.id), now=clock.now()).id
    with CaptureQueriesContext(connection) as queries:
        send(rich_alice.id, conversation_id=conversation_id, client_id=str(new_id()))

    own = [q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]
    assert len(own) <= 10, "\n".join(own)


def test_no_more_of_a_channel_are_claimed_at_once_than_it_may_run(rich_alice: Member, model: str) -> None:
    for _ in range(4):
        send(rich_alice.id)

    assert len(services.claim_jobs(limit=10, per_channel=2, now=clock.now())) == 2
    assert len(services.claim_jobs(limit=10, per_channel=3, running={"test": 2}, now=clock.now())) == 1
