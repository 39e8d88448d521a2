"""Pictures of members: whose they are, how many, and that row and file go together and leave together."""

import io
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.errors import PictureInUse, PictureNotFound, PicturesFull
from apps.chat.imaging import files as picture_files
from apps.chat.imaging.cleaning import clean
from apps.chat.models import Generation, Message, Picture
from apps.chat.rules import pictures as rules
from apps.kernel import clock
from apps.kernel.errors import RateLimited
from apps.kernel.invariants import all_invariants, find
from tests.cast import browser_of, member
from tests.integration.chat.conftest import send
from tests.integration.chat.drawn import bomb, drawn
from tests.integration.chat.test_asking import finish

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/chat/pictures"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def upload(browser: Client, content: bytes, *, media_type: str = "image/png") -> Any:
    return browser.post(ADDRESS, content, content_type=media_type)


def uploaded(user: Member, content: bytes = b"") -> UUID:
    return services.upload_picture(user_id=user.id, content=content or drawn(), now=clock.now()).id


def named() -> set[str]:
    """The numbers of the checks of erasure that find something."""
    checks = [item for item in all_invariants() if item.number.startswith("I-64")]
    findings = [find(item, now=clock.now()) for item in checks]
    return {found.invariant.number for found in findings if found.breaches}


def show_in(asked: Any, picture_id: UUID) -> None:
    """Let a question show a picture, as asking does."""
    row = Picture.objects.get(pk=picture_id)
    Picture.objects.filter(pk=row.pk).update(message_id=asked.message.id)
    parts = [{"type": "image", "picture": str(row.pk), "tokens": 255, "detail": "auto"}]
    Message.objects.filter(pk=asked.message.id).update(pictures=parts)


def made_for(generation: Generation, *contents: bytes) -> tuple[UUID, ...]:
    """Pictures that a model made, kept as settling keeps them."""
    stored = services.store_made(pictures=[clean(content, is_made=True) for content in contents])
    with transaction.atomic():
        return services.keep_made(row=generation, stored=stored, now=clock.now())


def test_a_picture_is_kept_and_handed_to_its_member_alone(alice: Member, alice_browser: Client) -> None:
    made = upload(alice_browser, drawn("JPEG", size=(30, 10)), media_type="image/jpeg")

    assert made.status_code == 201
    told = made.json()
    assert (told["media_type"], told["width"], told["height"]) == ("image/jpeg", 30, 10)
    seen = alice_browser.get(f"{ADDRESS}/{told['id']}")
    assert (seen.status_code, seen["Content-Type"], len(seen.content)) == (200, "image/jpeg", told["bytes"])
    assert seen["X-Content-Type-Options"] == "nosniff"
    assert seen["Cache-Control"] == "private, no-store"
    assert seen["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert seen["Content-Disposition"] == f'inline; filename="chatloop-{told["id"]}.jpg"'
    stranger = browser_of(member("bob").id).get(f"{ADDRESS}/{told['id']}")
    assert (stranger.status_code, stranger.json()["code"]) == (404, "picture_not_found")
    assert Client().get(f"{ADDRESS}/{told['id']}").status_code == 401
    assert browser_of(member("bob").id).delete(f"{ADDRESS}/{told['id']}").status_code == 404
    assert alice_browser.get(f"{ADDRESS}/{uuid4()}").status_code == 404


def test_an_api_key_needs_its_scope(alice: Member) -> None:
    picture_id = uploaded(alice)
    for scopes, status in ((("chat",), 200), (("account",), 403)):
        key = accounts.create_api_key(user_id=alice.id, name="script", scopes=scopes, now=clock.now()).key
        answer = Client().get(f"{ADDRESS}/{picture_id}", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (SVG, "image/svg+xml", 400, "picture_not_understood"),
        (SVG, "image/png", 400, "picture_not_understood"),
        (b"", "image/png", 400, "picture_not_understood"),
        (drawn()[:-30], "image/png", 400, "picture_not_understood"),
        (bomb(), "image/png", 400, "picture_too_large"),
        (drawn(size=(20_000, 1)), "image/png", 400, "picture_too_large"),
        (drawn(), "application/json", 415, "unsupported_media_type"),
        (drawn(), "application/octet-stream", 415, "unsupported_media_type"),
    ],
)
def test_a_bad_picture_is_refused_and_nothing_is_kept(
    alice_browser: Client, content: bytes, media_type: str, status: int, code: str
) -> None:
    answer = upload(alice_browser, content, media_type=media_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Picture.objects.exists()


def test_a_member_keeps_so_many_and_so_much(alice: Member, alice_browser: Client, settings: LazySettings) -> None:
    settings.PICTURES_PER_MEMBER = 2
    first = uploaded(alice)
    uploaded(alice)
    answer = upload(alice_browser, drawn())
    assert (answer.status_code, answer.json()["code"]) == (409, "pictures_full")
    assert answer.json()["context"] == {"limit": 2, "unit": "pictures"}

    # What is removed makes room, at once; others have their own.
    services.discard_picture(user_id=alice.id, picture_id=first, now=clock.now())
    uploaded(alice)
    uploaded(member("bob"))
    settings.PICTURES_PER_MEMBER, settings.PICTURE_MEGABYTES_PER_MEMBER = 9, 0
    with pytest.raises(PicturesFull):
        uploaded(alice)


def test_choosing_pictures_has_a_limit_of_the_hour(alice: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "UPLOADS_PER_HOUR", 1)
    uploaded(alice)

    with pytest.raises(RateLimited):
        uploaded(alice)


def test_what_is_removed_is_gone_with_its_file(
    alice: Member, alice_browser: Client, django_capture_on_commit_callbacks: Any
) -> None:
    picture_id = uploaded(alice)

    with django_capture_on_commit_callbacks(execute=True):
        assert alice_browser.delete(f"{ADDRESS}/{picture_id}").status_code == 204

    assert not Picture.objects.exists()
    assert picture_files.size(picture_id) is None
    assert alice_browser.get(f"{ADDRESS}/{picture_id}").status_code == 404


def test_a_shown_picture_stays_until_its_conversation_goes(
    rich_alice: Member, model: str, django_capture_on_commit_callbacks: Any
) -> None:
    asked, picture_id = send(rich_alice.id), uploaded(rich_alice)
    conversation_id = Message.objects.get(pk=asked.message.id).conversation_id
    show_in(asked, picture_id)
    finish(asked.generation.id)
    made = made_for(Generation.objects.get(), drawn(size=(64, 64)))
    now = clock.now()
    with pytest.raises(PictureInUse):
        services.discard_picture(user_id=rich_alice.id, picture_id=picture_id, now=now)
    services.purge_pictures(now=now + timedelta(days=9))
    assert Picture.objects.count() == 2
    assert named() == set()

    with django_capture_on_commit_callbacks(execute=True):
        services.delete_conversation(user_id=rich_alice.id, conversation_id=conversation_id, now=now)

    assert not Picture.objects.exists()
    assert not Message.objects.filter(pictures__isnull=False).exists()
    assert [picture_files.size(each) for each in (picture_id, *made)] == [None, None]
    assert named() == set()


def test_who_leaves_leaves_no_picture(alice: Member, django_capture_on_commit_callbacks: Any) -> None:
    picture_id, of_bob = uploaded(alice), uploaded(member("bob"))

    with django_capture_on_commit_callbacks(execute=True):
        accounts.close_account(user_id=alice.id, confirm="Alice", now=clock.now())

    assert list(Picture.objects.values_list("pk", flat=True)) == [of_bob]
    assert picture_files.size(picture_id) is None
    assert named() == set()


def test_what_no_conversation_shows_is_kept_for_a_day(rich_alice: Member, model: str) -> None:
    waiting, now = uploaded(rich_alice), clock.now()
    alone = [{"role": "user", "parts": [{"type": "text", "text": "draw"}]}]
    asked = services.start_generation(user_id=rich_alice.id, model="base", request=alone, now=now)
    asked_with, row = uploaded(rich_alice), Generation.objects.get()
    (made,) = made_for(row, drawn())
    other = services.start_generation(user_id=rich_alice.id, model="base", request=alone, now=now)
    Picture.objects.filter(pk=asked_with).update(generation=other.id)

    # While the request runs, all of it is needed; then what it asked with is not.
    assert services.purge_pictures(now=now + rules.WAITS / 2) == 0
    finish(asked.id)
    finish(other.id)
    assert services.purge_pictures(now=now + rules.WAITS / 2) == 1
    assert set(Picture.objects.values_list("pk", flat=True)) == {waiting, made}
    assert services.purge_pictures(now=now + rules.WAITS + timedelta(minutes=1)) == 2
    assert [picture_files.size(each) for each in (waiting, asked_with, made)] == [None, None, None]


def test_a_file_that_cannot_be_deleted_is_tried_again(
    alice: Member, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    picture_id = uploaded(alice)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.files.storage.FileSystemStorage.delete", _away)
        with django_capture_on_commit_callbacks(execute=True):
            services.discard_picture(user_id=alice.id, picture_id=picture_id, now=clock.now())

    # Nobody sees it any more; the audit waits for a day.
    with pytest.raises(PictureNotFound):
        services.read_picture(user_id=alice.id, picture_id=picture_id)
    assert named() == set()
    services.purge_pictures(now=clock.now())
    assert not Picture.objects.exists()
    assert picture_files.size(picture_id) is None


def _away(*_arguments: object) -> None:
    raise OSError("the place does not answer")


def test_files_without_rows_are_swept(alice: Member) -> None:
    kept, lost = uploaded(alice), uuid4()
    picture_files.write(lost, drawn())

    assert services.purge_picture_files(now=clock.now()) == 0
    assert services.purge_picture_files(now=clock.now() + timedelta(hours=2)) >= 1
    assert picture_files.size(lost) is None
    assert picture_files.size(kept) is not None


def test_a_row_without_its_file_is_named_and_is_no_picture(alice: Member, alice_browser: Client) -> None:
    picture_id = uploaded(alice)
    picture_files.delete(picture_id)

    assert alice_browser.get(f"{ADDRESS}/{picture_id}").status_code == 404
    assert named() == {"I-64-pictures"}


def test_the_export_has_the_pictures(alice: Member, alice_browser: Client) -> None:
    picture_id = uploaded(alice)
    uploaded(member("bob"))

    answer = alice_browser.get("/api/v1/me/export")

    with ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[attr-defined]
        (told,) = json.loads(archive.read("pictures.json"))
        content = archive.read(f"pictures/{told['file']}")
        assert [name for name in archive.namelist() if "/" in name] == [f"pictures/{picture_id}.png"]
    assert (told["id"], told["bytes"], told["is_made"]) == (str(picture_id), len(content), False)
    assert content == services.read_picture(user_id=alice.id, picture_id=picture_id).content
