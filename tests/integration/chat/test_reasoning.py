"""What a model thinks is kept beside its answer, told to its owner, and erased with it."""

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.models import Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, generation, send, settled
from tests.integration.chat.upstream import Upstream, answer, event, piece

pytestmark = pytest.mark.django_db


def thought(text: str) -> bytes:
    """An event of a model that thinks aloud."""
    return event({"choices": [{"index": 0, "delta": {"reasoning_content": text}, "finish_reason": None}]})


def answered(member: Member) -> object:
    """A conversation with an answer that was thought about; its id."""
    asked = send(member.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    outcome = Outcome(state=GenerationState.FINISHED, text="42", reasoning="six by seven", finish_reason="stop")
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=outcome, now=clock.now())
    return asked.generation.conversation_id


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "thinks",
    [[thought("six "), thought("by seven")], [piece("<think>six "), piece("by seven</think>\n\n")]],
    ids=["told apart", "written into the answer"],
)
def test_reasoning_is_no_part_of_the_answer_and_of_no_later_question(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, thinks: list[bytes]
) -> None:
    upstream.scripts["up-base"] = [*thinks, *answer("42")]
    asked = send(rich_alice.id)
    done, text = settled(rich_alice.id, asked.generation.id)
    again = send(rich_alice.id, "why?", conversation_id=asked.generation.conversation_id)
    settled(rich_alice.id, again.generation.id)

    assert (done.state, text) == (GenerationState.FINISHED, "42")
    assert generation(asked.generation.id).reasoning == "six by seven"
    assert [turn["content"] for turn in upstream.requests[-1]["messages"]] == ["hello", "42", "why?"]


def test_its_owner_can_read_it(rich_alice: Member, alice_browser: Client, model: str) -> None:
    conversation_id = answered(rich_alice)

    messages = alice_browser.get(f"/api/v1/chat/conversations/{conversation_id}/messages").json()["results"]

    assert [(message["content"], message["reasoning"]) for message in messages] == [
        ("42", "six by seven"),
        ("hello", ""),
    ]
    page = alice_browser.get(f"/chat/{conversation_id}/").content.decode()
    assert 'data-thoughts="yes"' in page
    exported = list(services.export_messages(user_id=rich_alice.id))
    assert [message["reasoning"] for message in exported] == [None, "six by seven"]


@pytest.mark.parametrize("leaves", [False, True], ids=["conversation", "account"])
def test_it_is_erased_with_the_answer(rich_alice: Member, model: str, leaves: bool) -> None:
    conversation_id = answered(rich_alice)

    if leaves:
        services.erase_texts(user_id=rich_alice.id, now=clock.now())
    else:
        services.delete_conversation(
            user_id=rich_alice.id,
            conversation_id=conversation_id,  # type: ignore[arg-type]
            now=clock.now(),
        )

    assert not Generation.objects.exclude(text="", reasoning="").exists()
