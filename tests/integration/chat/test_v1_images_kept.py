"""What asking for images shares with asking for answers, whose the pictures are, and how they end: once."""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import GenerationState, Job, ModelKind, Outcome, PerSize, StoredPicture, WordAction
from apps.chat.imaging import files as picture_files
from apps.chat.imaging.cleaning import clean
from apps.chat.models import AnswerUsage, ChatModel, FreeUse, Generation, Message, Picture
from apps.chat.rules import pictures
from apps.chat.rules.images import read_images
from apps.kernel import clock
from tests.integration.chat.conftest import (
    EngineThread,
    make_model,
    set_limits,
    wait_for,
    whole_attempt,
)
from tests.integration.chat.drawn import drawn
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_embeddings import paid
from tests.integration.chat.test_v1_images import PRICE, PROMPT, serve
from tests.integration.chat.test_v1_models import bearer, error_of, key_of
from tests.integration.chat.test_word_lists import save_list
from tests.integration.chat.upstream import running_upstream

pytestmark = pytest.mark.django_db(transaction=True)


def make_painter(**more: Any) -> None:
    """A model that draws, and that nobody answers for."""
    make_model("painter", kind="image", price=PRICE, **more)


def ask(visitor: Client, key: str, **more: Any) -> Any:
    """What comes of asking, of those who are refused."""
    body = {"model": "painter", "prompt": PROMPT, **more}
    return visitor.post("/v1/images/generations", body, content_type="application/json", headers=bearer(key))


def begun(member: Member, **more: Any) -> Generation:
    """A generation of a key of this member's, in the queue."""
    identified = accounts.identify_key(key=key_of(member), address="", now=clock.now())
    asked = read_images({"model": "painter", "prompt": PROMPT, **more})
    started = services.start_images(asked=asked, key=identified, address="", now=clock.now())
    return Generation.objects.get(pk=started.generations[0].id)


def made(number: int = 1) -> tuple[StoredPicture, ...]:
    """Pictures whose files are there, as the engine leaves them."""
    return services.store_made(pictures=[clean(drawn(), is_made=True)] * number)


def ended(stored: tuple[StoredPicture, ...], *, state: GenerationState = GenerationState.FINISHED) -> Job:
    """The one job there is, ended so."""
    (job,) = services.claim_jobs(limit=9, now=clock.now())
    outcome = Outcome(state=state, text="", pictures=stored, finish_reason="stop", was_taken=True)
    assert services.finish_run(
        generation_id=job.generation_id,
        lease_token=job.lease_token,
        outcome=outcome,
        now=clock.now(),
        attempt=whole_attempt(job),
    )
    return job


def test_a_job_of_images_says_what_is_wanted(rich_alice: Member) -> None:
    make_painter()
    begun(rich_alice, n=3, size="1024x1536", quality="hd", style="vivid")

    (job,) = services.claim_jobs(limit=9, now=clock.now())

    assert (job.kind, job.images, job.image_size, job.image_quality) == (ModelKind.IMAGE, 3, "1024x1536", "hd")
    assert (job.turns[-1].text, dict(job.options)) == (PROMPT, {"style": "vivid"})


def test_pictures_are_their_members_for_a_day(rich_alice: Member, bob: Member) -> None:
    make_painter()
    row = begun(rich_alice, n=2)
    ended(made(2))

    assert services.made_pictures(user_id=bob.id, generation_id=row.pk) == ()
    told = services.made_pictures(user_id=rich_alice.id, generation_id=row.pk)
    assert len(told) == 2
    content = services.read_picture(user_id=rich_alice.id, picture_id=told[0].id).content
    assert services.verify_label(content=content).produce_id == str(told[0].id)
    with pytest.raises(errors.PictureNotFound):
        services.read_picture(user_id=bob.id, picture_id=told[0].id)
    assert len(list(services.export_picture_files(user_id=rich_alice.id))) == 2
    assert_audit_is_clean()

    services.purge_pictures(now=clock.now() + pictures.WAITS + timedelta(minutes=1))

    assert Picture.objects.count() == 0
    assert picture_files.size(told[0].id) is None
    assert_audit_is_clean()


def test_pictures_are_erased_with_the_account(rich_alice: Member) -> None:
    make_painter()
    begun(rich_alice)
    ended(made())

    with transaction.atomic():
        services.erase_texts(user_id=rich_alice.id, now=clock.now())

    assert Picture.objects.count() == 0
    assert Generation.objects.get().request is None


def test_a_conversation_asks_with_its_last_question_and_shows_what_comes(rich_alice: Member) -> None:
    make_painter()
    conversation, above = services.create_conversation(user_id=rich_alice.id, now=clock.now()), None
    for role, text in (("user", "good day"), ("assistant", ""), ("user", "a hill"), ("assistant", "")):
        above = Message.objects.create(
            conversation_id=conversation.id,
            user_id=rich_alice.id,
            parent=above,
            role=role,
            text=text,
            created_at=clock.now(),
        )
        if role == "assistant":
            answer_of(above, state="finished" if above.parent and above.parent.text == "good day" else "queued")

    (job,) = services.claim_jobs(limit=9, now=clock.now())
    outcome = Outcome(state=GenerationState.FINISHED, text="", pictures=made(), finish_reason="stop", was_taken=True)
    services.finish_run(
        generation_id=job.generation_id,
        lease_token=job.lease_token,
        outcome=outcome,
        now=clock.now(),
        attempt=whole_attempt(job),
    )

    assert (job.kind, job.images, [turn.text for turn in job.turns]) == (ModelKind.IMAGE, 1, ["a hill"])
    (picture,) = services.made_pictures(user_id=rich_alice.id, generation_id=job.generation_id)
    assert above is not None
    assert [each["picture"] for each in Message.objects.get(pk=above.pk).pictures or ()] == [str(picture.id)]
    # Gone with its conversation.
    services.delete_conversation(user_id=rich_alice.id, conversation_id=conversation.id, now=clock.now())
    assert Picture.objects.count() == 0


def answer_of(message: Message, *, state: str) -> None:
    """The generation that draws an answer of a conversation, as one that is asked in it will."""
    model = ChatModel.objects.get(code="painter")
    Generation.objects.create(
        message=message,
        user_id=message.user_id,
        model=model,
        price=model.price,
        paid_by="free",
        free_day=clock.now().date(),
        images=1,
        state=state,
        text="good day to you" if state == "finished" else "",
        settled_at=clock.now() if state == "finished" else None,
        created_at=clock.now(),
    )


def test_room_is_seen_to_before_anything_is_asked(rich_alice: Member, visitor: Client, settings: LazySettings) -> None:
    settings.PICTURES_PER_MEMBER = 3
    make_painter()
    begun(rich_alice, n=2)

    refused = ask(visitor, key_of(rich_alice), n=2)

    error = error_of(refused)
    assert (refused.status_code, error["code"], error["param"]) == (400, "pictures_full", "n")
    with pytest.raises(errors.PicturesFull):
        services.check_room_for_pictures(user_id=rich_alice.id, more=2)
    assert paid(rich_alice) == (0, 1400)
    # What is being drawn has its place.
    ended(made(2))
    begun(rich_alice, n=1)


def test_what_there_is_no_room_for_costs_nothing(rich_alice: Member, settings: LazySettings) -> None:
    settings.PICTURE_MEGABYTES_PER_MEMBER = 1
    make_painter()
    row = begun(rich_alice)
    large = StoredPicture(id=made()[0].id, media_type=made()[0].media_type, width=9, height=9, bytes=2 * 1024 * 1024)
    ended((large,))

    row.refresh_from_db()
    assert (row.state, row.error_code, row.is_delivered) == ("failed", "pictures_full", False)
    assert paid(rich_alice) == (0, 0)
    assert Picture.objects.count() == 0
    # A channel drew for nobody: that has a limit of its own.
    assert FreeUse.objects.get().unpaid == 1
    # Its file is nobody's, and goes at once.
    assert picture_files.size(large.id) is None
    assert_audit_is_clean()


def test_who_stops_pays_for_what_was_drawn_by_then(rich_alice: Member) -> None:
    make_painter()
    row = begun(rich_alice, n=4)
    ended(made(2), state=GenerationState.STOPPED)

    row.refresh_from_db()
    assert (row.state, row.is_delivered, row.charged_milli) == ("stopped", True, 1400)
    assert paid(rich_alice) == (1400, 0)
    assert AnswerUsage.objects.get().images == 2
    assert_audit_is_clean()


def test_an_engine_that_dies_costs_nobody_anything(rich_alice: Member) -> None:
    make_painter()
    row = begun(rich_alice, n=2)
    services.claim_jobs(limit=9, now=clock.now())
    assert paid(rich_alice) == (0, 1400)
    files = made(2)

    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=20)) == 1

    row.refresh_from_db()
    assert (row.state, row.charged_milli, row.is_delivered) == ("interrupted", 0, False)
    assert paid(rich_alice) == (0, 0)
    assert services.purge_picture_files(now=clock.now() + pictures.FILE_WAITS + timedelta(minutes=1)) >= len(files)
    assert_audit_is_clean()


def test_a_free_use_pays_for_no_images(alice: Member, visitor: Client) -> None:
    set_limits(free_per_day=5)
    make_painter(is_in_free_allowance=True)

    response = ask(visitor, key_of(alice))

    assert (response.status_code, error_of(response)["code"]) == (429, "credit_balance_exhausted")


def test_quota_has_to_reach_for_all_of_them(rich_alice: Member, visitor: Client) -> None:
    make_painter()

    response = ask(visitor, key_of(rich_alice), n=8)

    assert (response.status_code, error_of(response)["code"]) == (429, "credit_balance_exhausted")
    assert paid(rich_alice) == (0, 0)
    assert begun(rich_alice, n=7).held_milli == 4900


def test_the_price_is_that_of_what_is_asked_for(rich_alice: Member) -> None:
    hd = PerSize(size="1024x1024", quality="hd", milli=1100)
    make_model("painter", kind="image", price=replace(PRICE, rates=(hd,)))
    usual, dear = begun(rich_alice, n=2, size="1024x1024"), begun(rich_alice, n=2, size="1024x1024", quality="hd")
    assert (usual.held_milli, dear.held_milli) == (1400, 2200)
    for _ in range(2):
        job = services.claim_jobs(limit=1, now=clock.now())[0]
        services.finish_run(
            generation_id=job.generation_id,
            lease_token=job.lease_token,
            outcome=Outcome(
                state=GenerationState.FINISHED, text="", pictures=made(), finish_reason="stop", was_taken=True
            ),
            now=clock.now(),
            attempt=whole_attempt(job),
        )

    # One of two came of each.
    assert paid(rich_alice) == (700 + 1100, 0)
    assert_audit_is_clean()


def test_operators_words_are_looked_for_in_the_prompt(rich_alice: Member, visitor: Client) -> None:
    make_painter()
    save_list(WordAction.REJECT, "plum")

    refused = ask(visitor, key_of(rich_alice), prompt="a plum")

    error = error_of(refused)
    assert (refused.status_code, error["code"], error["param"]) == (400, "content_policy_violation", "prompt")


def test_what_a_key_may_not_do_it_may_not_do_here(rich_alice: Member, visitor: Client) -> None:
    make_painter()
    keys: dict[str, Any] = {
        "model_not_allowed": {"allowed_models": ("other",)},
        "project_spend_limit_exceeded": {"spend_cap_milli": 1399},
        "rate_limit_exceeded": {"requests_per_minute": 1},
        "concurrency": {"max_parallel": 1},
    }
    codes = {}
    for code, limits in keys.items():
        key = key_of(rich_alice, **limits)
        if code in ("rate_limit_exceeded", "concurrency"):
            identified = accounts.identify_key(key=key, address="", now=clock.now())
            asked = read_images({"model": "painter", "prompt": "a"})
            services.start_images(asked=asked, key=identified, address="", now=clock.now())
        codes[code] = error_of(ask(visitor, key, n=2))["code"]

    assert codes == {code: code for code in keys}
    assert Generation.objects.count() == 2


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("complaint", "code", "param"),
    [
        ({"code": "context_length_exceeded"}, "context_length_exceeded", "prompt"),
        ({"code": "invalid_value", "param": "size"}, "request_refused", "size"),
        ({"code": "moderation_blocked"}, "content_policy_violation", "prompt"),
    ],
)
def test_a_prompt_that_its_provider_finds_too_long_costs_nothing(
    complaint: dict[str, str], code: str, param: str, site: str, rich_alice: Member
) -> None:
    with running_upstream() as upstream:
        make_painter(url=upstream.url)
        upstream.refusals["up-painter"] = (400, {"error": {"message": "no", **complaint}})

        response = asked_over_http(site, key_of(rich_alice))

    assert (response["error"]["code"], response["error"]["param"]) == (code, param)
    if code == "context_length_exceeded":
        assert "未扣费" in response["error"]["message"]
    assert paid(rich_alice) == (0, 0)


def test_how_a_model_wants_to_be_asked_is_learnt(site: str, rich_alice: Member, engine: EngineThread) -> None:
    """It gives bytes without being asked, knows no style, and draws one at a time."""
    with running_upstream() as upstream:
        make_painter(url=upstream.url)
        for name in ("response_format", "style"):
            why = {"error": {"message": f"Unknown parameter: '{name}'.", "code": "unknown_parameter", "param": name}}
            upstream.refused_options[name] = why
        upstream.refused_options["n"] = {"error": {"message": "only one", "code": "invalid_value", "param": "n"}}
        upstream.scripts["up-painter"] = [document(drawn(size=(64, 64)))]

        response = asked_over_http(site, key_of(rich_alice), n=2, style="vivid", size="256x256")
        asked = [sorted(set(request) - {"model", "prompt"}) for request in upstream.requests]

    assert len(response["data"]) == 2
    assert asked[0] == ["n", "response_format", "size", "style"]
    assert asked[-2:] == [["size"], ["size"]]
    assert paid(rich_alice) == (1400, 0)
    assert_audit_is_clean()


def document(content: bytes) -> bytes:
    """An answer with this picture."""
    return json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(content).decode()}]}).encode()


def asked_over_http(site: str, key: str, **more: Any) -> Any:
    """The document that comes of asking."""
    with leaving(site, key, **more) as asked:
        answer = b"".join(iter(lambda: asked.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        body = body[body.index(b"{") : body.rindex(b"}") + 1]
    return json.loads(body)


@contextmanager
def leaving(site: str, key: str, **more: Any) -> Iterator[socket.socket]:
    """A connection over which images were asked for."""
    body = json.dumps({"model": "painter", "prompt": PROMPT, **more})
    address = urlsplit(site)
    with socket.create_connection((address.hostname, address.port), timeout=60) as asked:
        head = f"POST /v1/images/generations HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
        asked.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        yield asked


def test_who_leaves_stops_it_and_pays_nothing(site: str, rich_alice: Member, engine: EngineThread) -> None:
    serve(site, "fault-hang")

    with leaving(site, key_of(rich_alice)):
        wait_for(lambda: Generation.objects.filter(state="running").exists(), what="the engine to ask")

    wait_for(lambda: Generation.objects.get().settled_at, what="a settled generation")
    row = Generation.objects.get()
    assert (row.state, row.is_delivered, row.charged_milli) == ("stopped", False, 0)
    assert paid(rich_alice) == (0, 0)
    assert Picture.objects.count() == 0
    assert_audit_is_clean()
