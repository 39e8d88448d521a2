"""What the chat page says about money is so: an answer that did not arrive costs nothing, whatever ended it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.models import FreeUse, Generation, Message
from apps.kernel import clock
from tests.integration.chat.conftest import generation, give_quota, make_model, send, set_limits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def base_model(db: None) -> None:
    make_model("base", price_milli=1000)


def end(generation_id: UUID, *, state: GenerationState, text: str = "", error_code: str = "") -> Generation:
    """What the engine does at the end of an answer."""
    (job,) = services.claim_jobs(now=clock.now(), limit=1)
    outcome = Outcome(state=state, text=text, error_code=error_code)
    assert services.finish_run(
        generation_id=generation_id, lease_token=job.lease_token, outcome=outcome, now=clock.now()
    )
    return generation(generation_id)


ENDS_WITHOUT_A_WORD = [
    (GenerationState.FAILED, ""),
    (GenerationState.FAILED, "nobody_answered"),
    (GenerationState.FAILED, "upstream_busy"),
    (GenerationState.FAILED, "context_too_long"),
    (GenerationState.FAILED, "content_refused"),
    (GenerationState.INTERRUPTED, "upstream_timeout"),
    (GenerationState.STOPPED, ""),
]


@pytest.mark.parametrize(("state", "error_code"), ENDS_WITHOUT_A_WORD)
def test_an_answer_without_a_word_costs_no_quota(rich_alice: Member, state: GenerationState, error_code: str) -> None:
    asked = send(rich_alice.id)

    done = end(asked.generation.id, state=state, error_code=error_code)

    quota = services.quota_of(user_id=rich_alice.id, now=clock.now())
    assert (done.charged_milli, done.is_delivered) == (0, False)
    assert (quota.balance_milli, quota.held_milli) == (5000, 0)


@pytest.mark.parametrize(("state", "error_code"), ENDS_WITHOUT_A_WORD)
def test_an_answer_without_a_word_costs_no_free_use(
    alice: Member, bob: Member, state: GenerationState, error_code: str
) -> None:
    set_limits(free_per_day=3)
    asked = send(alice.id)
    assert services.quota_of(user_id=alice.id, now=clock.now()).free_left == 2
    FreeUse.objects.create(person_id=accounts.person_of(user_id=bob.id), day=FreeUse.objects.get().day, used=1)

    end(asked.generation.id, state=state, error_code=error_code)

    assert services.quota_of(user_id=alice.id, now=clock.now()).free_left == 3
    assert services.quota_of(user_id=bob.id, now=clock.now()).free_left == 2


@pytest.mark.parametrize(("quota_milli", "is_affordable"), [(999, False), (1000, True)])
def test_what_is_there_to_the_last_thousandth_is_enough(alice: Member, quota_milli: int, is_affordable: bool) -> None:
    set_limits(free_per_day=0)
    give_quota(alice.id, quota_milli)

    (offer,) = services.models_for(user_id=alice.id, now=clock.now())

    assert offer.affordable is is_affordable


def test_what_was_written_of_a_broken_answer_is_kept_and_shown(rich_alice: Member, alice_browser: Client) -> None:
    asked = send(rich_alice.id)

    end(asked.generation.id, state=GenerationState.INTERRUPTED, text="so far", error_code="upstream_timeout")

    shown = alice_browser.get(f"/chat/{asked.generation.conversation_id}/").content.decode()
    assert "<p>so far</p>" in shown
    assert 'data-delivered="yes"' in shown
    copied = alice_browser.get(f"/api/v1/chat/messages/{asked.answer.id}").json()
    assert copied["content"] == "so far"


def test_what_our_own_crash_broke_off_is_kept_and_says_that_it_was_free(
    rich_alice: Member, alice_browser: Client
) -> None:
    asked = send(rich_alice.id)

    end(asked.generation.id, state=GenerationState.INTERRUPTED, text="so far", error_code="engine_lost")

    shown = alice_browser.get(f"/chat/{asked.generation.conversation_id}/").content.decode()
    assert "<p>so far</p>" in shown
    assert 'data-delivered="no"' in shown


def test_a_message_is_copied_only_by_its_owner(rich_alice: Member, bob_browser: Client) -> None:
    asked = send(rich_alice.id)

    refused = bob_browser.get(f"/api/v1/chat/messages/{asked.message.id}")

    assert (refused.status_code, refused.json()["code"]) == (404, "message_not_found")


def test_a_deleted_chat_loses_its_texts_and_keeps_what_it_cost(rich_alice: Member, alice_browser: Client) -> None:
    asked = send(rich_alice.id)
    end(asked.generation.id, state=GenerationState.FINISHED, text="gone soon")
    assert asked.generation.conversation_id is not None

    services.delete_conversation(
        user_id=rich_alice.id, conversation_id=asked.generation.conversation_id, now=clock.now()
    )

    assert set(Message.objects.values_list("text", flat=True)) == {""}
    assert generation(asked.generation.id).text == ""
    costs = [entry.amount_milli for entry in services.quota_entries(user_id=rich_alice.id, cursor=None).items]
    assert costs[0] == -1000


@pytest.mark.parametrize(("free_per_day", "is_said"), [(0, False), (10, True)])
def test_free_messages_are_promised_only_where_there_are_some(
    alice: Member, alice_browser: Client, free_per_day: int, is_said: bool
) -> None:
    set_limits(free_per_day=free_per_day)

    shown = alice_browser.get("/chat/").content.decode()

    assert ("每天的前几条消息免费" in shown, "也可以等明天的免费次数" in shown) == (is_said, is_said)


def test_a_free_use_goes_back_to_the_day_that_gave_it(alice: Member) -> None:
    asked, ended = (
        datetime(2026, 11, 20, 15, 59, tzinfo=UTC),
        datetime(2026, 11, 20, 16, 1, tzinfo=UTC),
    )  # midnight here
    set_limits(free_per_day=1)
    send(alice.id, now=asked)
    (job,) = services.claim_jobs(limit=1, now=asked)
    failed = Outcome(state=GenerationState.FAILED, text="", error_code="upstream_failed")
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=failed, now=ended)

    assert services.quota_of(user_id=alice.id, now=asked).free_left == 1
    send(alice.id, now=ended)
    assert services.quota_of(user_id=alice.id, now=ended).free_left == 0


def test_who_pays_by_quota_uses_no_free_answer(rich_alice: Member) -> None:
    send(rich_alice.id)

    assert FreeUse.objects.get().used == 0
    set_limits(free_per_day=1)
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).free_left == 1
