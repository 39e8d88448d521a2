"""What images of all members share: time, the one thread that draws, and the room that each of them has."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import Job, ModelKind, StoredPicture
from apps.chat.engine import images
from apps.chat.engine.dialects import Dialect
from apps.chat.engine.openai_compatible import OpenAIConnection
from apps.chat.engine.upstream_errors import UpstreamError
from apps.chat.models import Generation, Message
from apps.kernel.ids import UserId
from tests.integration.chat.conftest import job, make_model, send
from tests.integration.chat.drawn import drawn
from tests.integration.chat.test_v1_embeddings import paid
from tests.integration.chat.test_v1_images import PRICE
from tests.integration.chat.test_v1_images_kept import ask, begun, document, ended, made, make_painter
from tests.integration.chat.test_v1_models import bearer, error_of, key_of
from tests.integration.chat.upstream import running_upstream

KILOBYTE = 1024


class Spoken:
    """A body that is there already, of an answer that has so many seconds left."""

    def __init__(self, *entries: dict[str, str], seconds: float = 60.0) -> None:
        self._chunks = [json.dumps({"data": entries}).encode(), b""]
        self.ends_by = asyncio.get_running_loop().time() + seconds

    async def chunk(self) -> bytes:
        return self._chunks.pop(0)

    def has_words(self) -> None:
        pass


def asked(number: int, *, user: int = 1, url: str = "https://models.example/v1") -> Job:
    return replace(job(url, "hills"), kind=ModelKind.IMAGE, images=number, user_id=UserId(UUID(int=user)))


async def read(body: Spoken, job: Job) -> Any:
    return (await images.read(body, job)).pictures  # type: ignore[arg-type]  # all that is asked of a reading


@pytest.fixture
def pictures_at(settings: LazySettings) -> Iterator[str]:
    """A model server of our own: beneath /slow/ it says nothing until the end, elsewhere there is a picture."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/slow/"):
                is_over.wait(120)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(drawn())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings.OWN_MODELS_URL = f"http://127.0.0.1:{server.server_port}"
        yield settings.OWN_MODELS_URL
        is_over.set()
        server.shutdown()
        thread.join()


async def test_addresses_are_fetched_within_the_time_of_the_answer_and_those_that_came_count(pictures_at: str) -> None:
    slow = [{"url": f"{pictures_at}/slow/{number}"} for number in range(4)]

    async with asyncio.timeout(30):
        found = await read(Spoken(*slow, {"url": f"{pictures_at}/a.png"}, seconds=2), asked(5))
        with pytest.raises(UpstreamError) as refused:
            await read(Spoken(*slow, seconds=0.2), asked(4))

    assert [(each.width, each.height) for each in found] == [(40, 20)]
    assert refused.value.code == "upstream_timeout"


async def test_models_that_draw_one_at_a_time_have_the_time_of_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    time, ahead = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: time() + ahead[0])
    with running_upstream() as upstream:
        upstream.scripts["up-base"] = [document(drawn())]
        wanted = asked(10, url=upstream.url)
        async with OpenAIConnection(Dialect(takes_number=False)) as connection:
            answer = connection.answer(wanted, wanted.targets[0])
            first = await anext(answer)
            ahead[0] = wanted.targets[0].total_seconds
            with pytest.raises(UpstreamError) as refused:
                await anext(answer)

    assert (len(first.pictures), refused.value.code, len(upstream.requests)) == (1, "upstream_timeout", 1)


async def test_who_has_much_drawn_lets_others_go_between() -> None:
    """Whoever has twenty pictures drawn, in as many answers, is not done before somebody with three small ones."""
    large = {"b64_json": base64.b64encode(drawn(size=(900, 900))).decode()}
    small = {"b64_json": base64.b64encode(drawn()).decode()}
    many = [asyncio.create_task(read(Spoken(large), asked(1, user=1))) for _ in range(20)]
    await asyncio.wait(many, return_when=asyncio.FIRST_COMPLETED)

    few = await read(Spoken(small, small, small), asked(3, user=2))

    assert len(few) == 3
    assert sum(each.done() for each in many) < 20
    await asyncio.gather(*many)


def kept(member: Member, *, kilobytes: int) -> StoredPicture:
    """A picture of this size that a program of this member's had drawn."""
    begun(member)
    (small,) = made()
    stored = replace(small, bytes=kilobytes * KILOBYTE)
    ended((stored,))
    return stored


@pytest.mark.django_db(transaction=True)
def test_nothing_is_asked_where_what_is_kept_has_used_the_room(
    rich_alice: Member, visitor: Client, settings: LazySettings
) -> None:
    settings.PICTURE_MEGABYTES_PER_MEMBER = 1
    make_painter()
    picture, key = kept(rich_alice, kilobytes=1000), key_of(rich_alice)
    assert paid(rich_alice) == (700, 0)

    refused = ask(visitor, key)

    error = error_of(refused)
    assert (refused.status_code, error["code"], error["param"]) == (400, "pictures_full", "n")
    assert "没有扣费" in error["message"]
    with pytest.raises(errors.PicturesFull):
        send(rich_alice.id, "hills", model="painter")
    assert (Generation.objects.count(), Message.objects.count(), paid(rich_alice)) == (1, 0, (700, 0))
    # A program makes room by itself.
    assert visitor.delete(f"/api/v1/chat/pictures/{picture.id}", headers=bearer(key)).status_code == 204
    assert begun(rich_alice).held_milli == 700


@pytest.mark.django_db(transaction=True)
def test_what_is_being_drawn_takes_some_of_the_room(
    rich_alice: Member, visitor: Client, settings: LazySettings
) -> None:
    settings.PICTURE_MEGABYTES_PER_MEMBER = 1
    make_model("painter", kind="image", price=PRICE)
    begun(rich_alice, n=3)

    refused = ask(visitor, key_of(rich_alice), n=2)

    assert error_of(refused)["code"] == "pictures_full"
    begun(rich_alice, n=1)
    with pytest.raises(errors.PicturesFull):
        services.check_room_for_pictures(user_id=rich_alice.id, more_bytes=1)
