"""Questions that show pictures: kept with their message, sent to models that see, and gone with their conversation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import selectors, services
from apps.chat.contracts import GenerationState, ImagePart, Outcome, TextPart, Turn
from apps.chat.errors import ClientIdReused, ImagesNotUnderstood, PictureInUse, PictureNotFound, TooManyPictures
from apps.chat.models import Generation, Message, Picture
from apps.kernel import clock
from tests.cast import member
from tests.integration.chat.conftest import give_quota, make_model, send
from tests.integration.chat.drawn import drawn
from tests.integration.chat.test_asking import finish
from tests.integration.chat.test_pictures import named, uploaded

pytestmark = pytest.mark.django_db


@pytest.fixture
def seeing(db: None) -> str:
    """A model that sees, and one beside it that does not."""
    make_model("blind")
    make_model(has_vision=True)
    return "base"


def conversation_of(asked: Any) -> UUID:
    return Message.objects.get(pk=asked.message.id).conversation_id


def turns_of(generation_id: UUID, *, text: str = "answer") -> tuple[Turn, ...]:
    """What an engine is given to ask, which answers it with this text."""
    (job,) = services.claim_jobs(limit=9, now=clock.now())
    assert job.generation_id == generation_id
    outcome = Outcome(state=GenerationState.FINISHED, text=text, finish_reason="stop")
    of: Any = {"generation_id": generation_id, "lease_token": job.lease_token}
    assert services.finish_run(**of, outcome=outcome, now=clock.now())
    return job.turns


def shown(*picture_ids: UUID) -> tuple[ImagePart, ...]:
    return tuple(ImagePart(picture_id=each, tokens=255) for each in picture_ids)


def test_a_question_shows_its_pictures_to_a_model_that_sees(rich_alice: Member, seeing: str) -> None:
    first, second = uploaded(rich_alice), uploaded(rich_alice)

    asked = send(rich_alice.id, "What are these?", picture_ids=[second, first, second])

    assert asked.message.picture_ids == (second, first)
    assert turns_of(asked.generation.id)[0].parts == (*shown(second, first), TextPart(text="What are these?"))
    assert Generation.objects.get().asked_tokens >= 510
    branch = selectors.branch_of(user_id=rich_alice.id, conversation_id=conversation_of(asked), limit=9)
    assert branch[0].picture_ids == (second, first)
    assert named() == set()


def test_pictures_alone_are_a_question(rich_alice: Member, seeing: str) -> None:
    picture_id = uploaded(rich_alice)

    asked = send(rich_alice.id, "", picture_ids=[picture_id])

    assert turns_of(asked.generation.id)[0].parts == shown(picture_id)


def test_the_next_question_is_asked_with_the_pictures_above(rich_alice: Member, seeing: str) -> None:
    picture_id = uploaded(rich_alice)
    asked = send(rich_alice.id, "What is it?", picture_ids=[picture_id])
    finish(asked.generation.id, text="A picture.")
    again = send(rich_alice.id, "And now?", conversation_id=conversation_of(asked))
    above = turns_of(again.generation.id)
    assert [len(turn.pictures) for turn in above] == [1, 0, 0]

    # A model that does not see is asked with the words.
    blind = send(rich_alice.id, "Say it again.", conversation_id=conversation_of(asked), model="blind")
    assert [turn.text for turn in turns_of(blind.generation.id)][0::2] == ["What is it?", "And now?", "Say it again."]


def test_the_oldest_pictures_go_with_their_turns(
    rich_alice: Member, seeing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.chat.rules.requests.PER_REQUEST", 1)
    asked = send(rich_alice.id, "One", picture_ids=[uploaded(rich_alice)])
    finish(asked.generation.id, text="Seen.")
    newest = uploaded(rich_alice)
    again = send(rich_alice.id, "Two", picture_ids=[newest], conversation_id=conversation_of(asked))

    (turn,) = turns_of(again.generation.id)

    assert turn.parts == (*shown(newest), TextPart(text="Two"))


def test_an_edited_question_keeps_its_pictures_and_so_does_another_answer(rich_alice: Member, seeing: str) -> None:
    picture_id = uploaded(rich_alice)
    asked = send(rich_alice.id, "What is it?", picture_ids=[picture_id])
    finish(asked.generation.id, text="A picture.")
    place: Any = {"conversation_id": conversation_of(asked), "parent_id": None}

    edited = send(rich_alice.id, "What is this?", picture_ids=[picture_id], **place)
    assert turns_of(edited.generation.id)[0].pictures == shown(picture_id)
    again = services.regenerate_answer(
        user_id=rich_alice.id, message_id=asked.message.id, model=None, client_id=str(uuid4()), now=clock.now()
    )

    assert turns_of(again.generation.id)[0].pictures == shown(picture_id)
    assert named() == set()


def test_a_model_that_does_not_see_says_which_do(rich_alice: Member, seeing: str) -> None:
    picture_id = uploaded(rich_alice)

    with pytest.raises(ImagesNotUnderstood) as refused:
        send(rich_alice.id, model="blind", picture_ids=[picture_id])

    assert refused.value.context == {"models": ["Base"]}
    assert not Message.objects.exists()
    # Nothing is lost: it can be asked of another.
    assert send(rich_alice.id, picture_ids=[picture_id]).message.picture_ids == (picture_id,)


def test_nobody_asks_with_pictures_of_others_or_of_elsewhere(rich_alice: Member, seeing: str) -> None:
    mine, of_bob = uploaded(rich_alice), uploaded(member("bob"))
    for picture_ids, refusal in (
        ([of_bob], PictureNotFound),
        ([uuid4()], PictureNotFound),
        ([mine, of_bob], PictureNotFound),
        ([uuid4() for _ in range(10)], TooManyPictures),
    ):
        with pytest.raises(refusal):
            send(rich_alice.id, picture_ids=picture_ids)
    assert not Generation.objects.exists()
    send(rich_alice.id, picture_ids=[mine])

    with pytest.raises(PictureInUse):
        send(rich_alice.id, picture_ids=[mine])


def test_a_picture_that_was_erased_while_it_was_asked_with_is_not_there(rich_alice: Member, seeing: str) -> None:
    picture_id = uploaded(rich_alice)
    erase = partial(services.discard_picture, user_id=rich_alice.id, picture_id=picture_id, now=clock.now())

    with before_statement('UPDATE "chat_picture" SET "message_id"', erase), pytest.raises(PictureNotFound):
        send(rich_alice.id, picture_ids=[picture_id])

    assert not Message.objects.exists()


def test_a_picture_that_is_erased_twice_at_once_is_not_there(rich_alice: Member, seeing: str) -> None:
    picture_id = uploaded(rich_alice)
    erase = partial(services.discard_picture, user_id=rich_alice.id, picture_id=picture_id, now=clock.now())

    with before_statement('SELECT "chat_picture"."id" AS "pk"', erase), pytest.raises(PictureNotFound):
        erase()


@contextmanager
def before_statement(begins: str, act: Callable[[], object]) -> Iterator[None]:
    """Do this, once, just before a statement that begins so: as somebody else who is a moment earlier."""
    left = [act]

    def execute(run: Any, sql: str, *more: Any) -> Any:
        if left and sql.startswith(begins):
            left.pop()()
        return run(sql, *more)

    with connection.execute_wrapper(execute):
        yield


def test_the_same_act_with_other_pictures_is_another_act(rich_alice: Member, seeing: str) -> None:
    picture_id = uploaded(rich_alice)
    place: Any = {"conversation_id": services.create_conversation(user_id=rich_alice.id, now=clock.now()).id}
    asked = send(rich_alice.id, client_id="the-same-act", picture_ids=[picture_id], **place)

    assert send(rich_alice.id, client_id="the-same-act", picture_ids=[picture_id], **place) == asked
    with pytest.raises(ClientIdReused):
        send(rich_alice.id, client_id="the-same-act", **place)


def test_the_api_takes_and_tells_pictures(rich_alice: Member, alice_browser: Client, seeing: str) -> None:
    place = services.create_conversation(user_id=rich_alice.id, now=clock.now()).id
    address, picture_id = f"/api/v1/chat/conversations/{place}/messages", uploaded(rich_alice, drawn("JPEG"))
    body = {"content": "?", "model": "base", "client_id": "one-act-of-it", "pictures": [str(picture_id)]}

    told = alice_browser.post(address, body, content_type="application/json").json()

    assert told["message"]["pictures"] == [str(picture_id)]
    assert alice_browser.get(address).json()["results"][1]["pictures"] == [str(picture_id)]
    refused = alice_browser.post(
        address, {**body, "client_id": "another-act", "pictures": ["x"]}, content_type="application/json"
    )
    assert refused.json()["code"] == "validation_failed"


def test_pictures_of_a_conversation_leave_with_it(
    rich_alice: Member, seeing: str, django_capture_on_commit_callbacks: Any
) -> None:
    give_quota(rich_alice.id, 5000)
    asked = send(rich_alice.id, picture_ids=[uploaded(rich_alice)])
    finish(asked.generation.id)

    with django_capture_on_commit_callbacks(execute=True):
        services.delete_conversation(user_id=rich_alice.id, conversation_id=conversation_of(asked), now=clock.now())

    assert not Picture.objects.exists()
