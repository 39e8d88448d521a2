"""Operators' words that somebody cuts into parts, turns or questions: what the model reads as one text is looked
through as one.
"""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import Asked, GenerationState, Outcome, WordAction
from apps.chat.models import Generation
from apps.kernel import clock
from apps.kernel.ids import new_id
from tests.integration.chat.conftest import send, settled
from tests.integration.chat.test_moderator import moderated
from tests.integration.chat.test_without_conversation import start
from tests.integration.chat.test_word_lists import hits, save_list
from tests.integration.chat.upstream import Upstream, answer

__all__ = ["moderated"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "turns",
    [
        [("user", ["a pl", "um?"])],
        [("user", ["a p", "l", "u", "m?"])],
        [("user", ["a pl"]), ("user", ["um?"])],
        [("user", ["hi"]), ("assistant", ["a pl"]), ("assistant", ["um."]), ("user", ["why?"])],
    ],
    ids=["parts", "letters", "questions", "answers"],
)
def test_a_word_that_is_cut_apart_is_refused(
    rich_alice: Member, model: str, turns: list[tuple[str, list[str]]]
) -> None:
    save_list(WordAction.REJECT, "plum")

    with pytest.raises(errors.WordsRefused):
        start(rich_alice, *turns)

    assert not Generation.objects.exists()
    assert hits() == [("reject", "reject", "question", 1, False)]


def test_a_word_that_is_cut_apart_is_masked_in_every_part(rich_alice: Member, model: str) -> None:
    save_list(WordAction.MASK, "红苹果", "plum")

    start(
        rich_alice,
        ("user", ["吃红", "", "苹", "果了，a pl"]),
        ("user", ["um, and 𝒑lums"]),
        ("assistant", ["plum"]),
        LAST,
    )

    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert [turn.text for turn in job.turns] == ["吃＊\n\n＊\n＊了，a ＊＊", "＊＊, and 𝒑lums", "＊＊＊＊", "go on"]
    assert [len(turn.parts) for turn in job.turns] == [4, 1, 1, 1]


LAST = ("user", ["go on"])


def test_the_two_sides_of_a_conversation_make_no_word(rich_alice: Member, model: str) -> None:
    save_list(WordAction.REJECT, "plum")

    assert start(rich_alice, ("user", ["a pl"]), ("assistant", ["um"]), LAST).state is GenerationState.QUEUED


def answered(member: Member, question: str, *, text: str, **more: Any) -> Asked:
    """A question with this for an answer."""
    asked = send(member.id, question, **more)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    end = Outcome(state=GenerationState.INTERRUPTED, text=text, error_code="upstream_cut")
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=end, now=clock.now())
    return asked


def unanswered(member: Member, question: str, **more: Any) -> Asked:
    """A question that no word came to."""
    return answered(member, question, text=" \n", **more)


def in_the_same(asked: Asked) -> dict[str, Any]:
    return {"conversation_id": asked.generation.conversation_id}


def below(asked: Asked) -> dict[str, Any]:
    return in_the_same(asked) | {"parent_id": asked.answer.id}


@pytest.mark.parametrize("place", [in_the_same, below])
def test_questions_without_an_answer_between_them_are_one(
    rich_alice: Member, model: str, place: Callable[[Asked], dict[str, Any]]
) -> None:
    save_list(WordAction.REJECT, "plum")
    first = unanswered(rich_alice, "a p")
    second = unanswered(rich_alice, "lu", **place(first))

    with pytest.raises(errors.WordsRefused):
        send(rich_alice.id, "m?", **place(second))

    again = send(rich_alice.id, "ms?", **place(second))
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert (job.generation_id, [turn.text for turn in job.turns]) == (again.generation.id, ["a p\n\nlu\n\nms?"])


def test_of_a_word_across_questions_the_new_one_is_masked_also_when_it_is_asked_again(
    rich_alice: Member, model: str
) -> None:
    first = unanswered(rich_alice, "a pl")
    second = unanswered(rich_alice, "um?", **in_the_same(first))
    save_list(WordAction.MASK, "plum")

    again = services.regenerate_answer(
        user_id=rich_alice.id, message_id=second.answer.id, model=None, client_id=str(new_id()), now=clock.now()
    )

    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert (again.message.text, [turn.text for turn in job.turns]) == ("＊＊?", ["a pl\n\n＊＊?"])


def test_the_first_question_of_a_branch_of_its_own_stands_alone(rich_alice: Member, model: str) -> None:
    save_list(WordAction.REJECT, "plum")
    first = unanswered(rich_alice, "a pl")

    asked = send(rich_alice.id, "um?", **in_the_same(first), parent_id=None)

    assert asked.generation.state is GenerationState.QUEUED


@pytest.mark.django_db(transaction=True)
def test_a_moderator_sees_all_that_a_program_says(
    rich_alice: Member, upstream: Upstream, moderated: Callable[..., None]
) -> None:
    moderated()

    hidden = start(rich_alice, ("user", ["please ⟦refuse⟧ this"]), ("assistant", ["yes?"]), LAST)

    done, _ = settled(rich_alice.id, hidden.id)
    assert (done.error_code, done.charged_milli, upstream.requests) == ("question_refused", 0, [])


@pytest.mark.django_db(transaction=True)
def test_a_moderator_sees_the_format_that_an_answer_shall_have(
    rich_alice: Member, upstream: Upstream, moderated: Callable[..., None]
) -> None:
    moderated()
    schema = {"name": "x", "schema": {"description": "please ⟦refuse⟧ this"}}

    hidden = start(rich_alice, LAST, options={"response_format": {"type": "json_schema", "json_schema": schema}})

    assert settled(rich_alice.id, hidden.id)[0].error_code == "question_refused"


@pytest.mark.django_db(transaction=True)
def test_a_moderator_sees_of_a_conversation_what_is_new(
    rich_alice: Member, upstream: Upstream, moderated: Callable[..., None]
) -> None:
    first = answered(rich_alice, "please ⟦refuse⟧ this", text="as you like")
    upstream.scripts["up-base"] = answer("fine")
    moderated()

    done, _ = settled(rich_alice.id, send(rich_alice.id, "and?", **in_the_same(first)).generation.id)

    assert done.state is GenerationState.FINISHED
