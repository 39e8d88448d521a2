"""Starting afresh: from an answer up nothing is sent any more, in every branch below it, until it is taken back."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import Asked, GenerationState, PerTokens
from apps.chat.models import Conversation, Generation, Message
from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import all_invariants
from tests.integration.chat.conftest import generation, make_model, send
from tests.integration.chat.test_asking import finish

pytestmark = pytest.mark.django_db

PRICE = PerTokens(input_milli=200, cached_milli=50, output_milli=800)


def ask(member: Member, text: str, **more: Any) -> tuple[Asked, list[str]]:
    """A question that is answered, and what went upstream with it."""
    asked = send(member.id, text, **more)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    ended = Generation.objects.filter(pk=job.generation_id)
    ended.update(state=GenerationState.QUEUED, lease_token=None, lease_until=None, started_at=None)
    finish(asked.generation.id, text=f"re {text}")
    return asked, [turn.text for turn in job.turns]


def place_of(asked: Asked) -> UUID:
    assert asked.generation.conversation_id is not None
    return asked.generation.conversation_id


def afresh(member: Member, asked: Asked, *, is_on: bool = True) -> bool:
    message = services.begin_afresh(
        user_id=member.id, conversation_id=place_of(asked), message_id=asked.answer.id, is_on=is_on, now=clock.now()
    )
    return message.ends_context


@pytest.fixture
def first(rich_alice: Member) -> Asked:
    """An answered question, by the token."""
    make_model(price=PRICE)
    return ask(rich_alice, "one")[0]


def test_what_stands_above_is_not_sent_and_not_paid(rich_alice: Member, first: Asked) -> None:
    assert afresh(rich_alice, first)
    assert afresh(rich_alice, first)  # the same again

    second, sent = ask(rich_alice, "two", conversation_id=place_of(first))
    assert sent == ["two"]
    row = generation(second.generation.id)
    assert (row.asked_tokens, row.branch_tokens) == (5, 5)
    third, sent = ask(rich_alice, "three", conversation_id=place_of(first))
    assert sent == ["two", "re two", "three"]
    assert generation(third.generation.id).asked_tokens == 5 + 6 + 6
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


def test_it_belongs_to_its_place_in_every_branch(rich_alice: Member, first: Asked) -> None:
    place = place_of(first)
    second, _ = ask(rich_alice, "two", conversation_id=place)
    assert afresh(rich_alice, second)
    third, sent = ask(rich_alice, "three", conversation_id=place)
    assert sent == ["three"]

    # Another answer to the same question, an edited question, and a branch above the place.
    again = services.regenerate_answer(
        user_id=rich_alice.id, message_id=third.answer.id, model=None, client_id=str(new_id()), now=clock.now()
    )
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert [turn.text for turn in job.turns] == ["three"]
    assert generation(again.generation.id).asked_tokens == 6
    services.stop_generation(user_id=rich_alice.id, generation_id=again.generation.id, now=clock.now())
    Generation.objects.filter(pk=again.generation.id).update(
        state=GenerationState.QUEUED, lease_token=None, lease_until=None
    )
    finish(again.generation.id)
    assert ask(rich_alice, "drei", conversation_id=place, parent_id=second.answer.id)[1] == ["drei"]
    assert ask(rich_alice, "zwei", conversation_id=place, parent_id=first.answer.id)[1] == ["one", "re one", "zwei"]
    # Back in the branch below it.
    services.change_conversation(user_id=rich_alice.id, conversation_id=place, head_id=third.answer.id, now=clock.now())
    assert ask(rich_alice, "four", conversation_id=place)[1] == ["three", "re three", "four"]


def test_a_question_without_an_answer_above_it_is_not_asked_with_the_next(rich_alice: Member, first: Asked) -> None:
    lost = send(rich_alice.id, "lost", conversation_id=place_of(first))
    finish(lost.generation.id, text="", state=GenerationState.FAILED)
    assert afresh(rich_alice, lost)

    assert ask(rich_alice, "next", conversation_id=place_of(first))[1] == ["next"]


def test_it_is_taken_back_while_nothing_was_asked_below(rich_alice: Member, first: Asked) -> None:
    afresh(rich_alice, first)
    assert not afresh(rich_alice, first, is_on=False)
    assert ask(rich_alice, "two", conversation_id=place_of(first))[1] == ["one", "re one", "two"]

    assert not afresh(rich_alice, first)  # it stays as it was asked
    assert not Message.objects.filter(ends_context=True).exists()


def test_only_ones_own_answers_that_are_there(rich_alice: Member, bob: Member, first: Asked) -> None:
    with pytest.raises(errors.MessageNotFound):
        afresh(bob, first)
    with pytest.raises(errors.MessageNotFound):
        services.begin_afresh(
            user_id=rich_alice.id, conversation_id=place_of(first), message_id=first.message.id, now=clock.now()
        )
    other = services.create_conversation(user_id=rich_alice.id, now=clock.now()).id
    with pytest.raises(errors.MessageNotFound):
        services.begin_afresh(user_id=rich_alice.id, conversation_id=other, message_id=first.answer.id, now=clock.now())
    waiting = send(rich_alice.id, "two", conversation_id=place_of(first))
    with pytest.raises(errors.ConversationBusy):
        afresh(rich_alice, waiting)
    with pytest.raises(IntegrityError, match="chat_message_context_ends_with_answers"), transaction.atomic():
        Message.objects.filter(pk=first.message.id).update(ends_context=True)


def test_programs_and_pages(
    rich_alice: Member, alice_browser: Client, first: Asked, django_assert_num_queries: Callable[[int], Any]
) -> None:
    place, answer = place_of(first), str(first.answer.id)
    path = f"/api/v1/chat/conversations/{place}/fresh-start"
    post: Any = {"content_type": "application/json"}
    changed_at = Conversation.objects.get(pk=place).updated_at

    told = alice_browser.post(path, {"message_id": answer}, **post)

    assert (told.status_code, told.json()["ends_context"]) == (200, True)
    assert Conversation.objects.get(pk=place).updated_at > changed_at  # other devices show it
    page = alice_browser.get(f"/chat/{place}/").content.decode()
    assert page.count('class="fresh-start"') == 1
    (exported,) = [row for row in services.export_messages(user_id=rich_alice.id) if row["ends_context"]]
    assert str(exported["id"]) == answer
    told = alice_browser.post(path, {"message_id": answer, "is_on": False}, **post)
    assert (told.status_code, told.json()["ends_context"]) == (200, False)
    assert 'class="fresh-start"' not in alice_browser.get(f"/chat/{place}/").content.decode()
    for wrong in ({}, {"message_id": "x"}, {"message_id": answer, "is_on": "perhaps"}, {"message_id": answer, "n": 1}):
        assert alice_browser.post(path, wrong, **post).status_code == 400
    assert alice_browser.post(path, {"message_id": str(first.message.id)}, **post).status_code == 404
    ask(rich_alice, "two", conversation_id=place)
    told = alice_browser.post(path, {"message_id": answer}, **post)
    assert (told.status_code, told.json()["ends_context"]) == (200, False)
