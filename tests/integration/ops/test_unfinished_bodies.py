"""Bodies that somebody has half sent: they take little memory, a bounded place, and do not stay for long."""

import json
import socket
import time
import tracemalloc
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from pytest_django.fixtures import Settings

from config import body_limit
from tests.integration.ops.doors import seen
from tests.integration.ops.served import PATIENCE, Served, serving, wait_for

MEGABYTE = 1024 * 1024
# By a thread, by the loop, in time, and nowhere, in the envelope of OpenAI's.
EVERYWHERE = ["/slow/1", "/stream", "/late/1", "/v1/nothing"]


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    with serving(settings, most_bytes=3 * MEGABYTE) as site:
        yield site


@pytest.fixture
def short_of_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body has a hundred bytes in memory; all of them together have a thousand in files."""
    monkeypatch.setattr(body_limit, "IN_MEMORY", 100)
    monkeypatch.setattr(body_limit, "MOST_IN_FILES", 1000)


def half_sent(served: Served, path: str, sent: int, *, whole: int) -> socket.socket:
    """A connection on which so many bytes of a body were sent."""
    sender = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
    head = (
        f"OPTIONS {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-x\r\nContent-Length: {whole}\r\n\r\n"
    )
    sender.sendall(head.encode() + b"x" * sent)
    return sender


def answer_to(sender: socket.socket) -> tuple[int, str | None, bytes]:
    """Status, what it says of when to come again, and body; then the connection is over."""
    with sender:
        answer = HTTPResponse(sender)
        answer.begin()
        return answer.status, answer.getheader("Retry-After"), answer.read()


def code_of(body: bytes) -> str:
    document = json.loads(body)
    return str(document.get("error", document)["code"])


@pytest.mark.parametrize("path", EVERYWHERE)
def test_a_body_that_stops_coming_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(body_limit, "REST_SECONDS", 0.2)

    status, _, body = answer_to(half_sent(served, path, 100, whole=200))

    assert (status, code_of(body)) == (408, "body_too_slow")
    assert ("error" in json.loads(body)) == path.startswith("/v1/")
    assert seen.begun == []


def test_much_that_came_at_once_buys_no_longer_silence(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "REST_SECONDS", 0.2)
    monkeypatch.setattr(body_limit, "BYTES_PER_SECOND", 1)

    status, _, body = answer_to(half_sent(served, "/slow/1", MEGABYTE, whole=2 * MEGABYTE))

    assert (status, code_of(body)) == (408, "body_too_slow")


def test_drops_are_no_body(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "REST_SECONDS", 0.4)
    sender = half_sent(served, "/slow/1", 0, whole=MEGABYTE)

    deadline = time.monotonic() + PATIENCE
    sender.settimeout(0.05)
    first = b""
    while not first and time.monotonic() < deadline:
        sender.sendall(b"x")
        try:
            first = sender.recv(12)
        except TimeoutError:
            continue
    sender.close()

    assert first == b"HTTP/1.1 408"


def test_a_body_that_keeps_coming_may_take_its_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "REST_SECONDS", 1.0)
    monkeypatch.setattr(body_limit, "BYTES_PER_SECOND", 10)
    seen.gate.set()
    sender = half_sent(served, "/slow/1", 0, whole=50)
    for _ in range(5):
        time.sleep(0.3)
        sender.sendall(b"x" * 10)

    assert answer_to(sender) == (200, None, b"1" + b"x" * 50)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_bodies_for_which_there_is_no_room_are_refused_and_small_ones_are_not(
    served: Served, short_of_room: None, path: str
) -> None:
    seen.gate.set()
    with half_sent(served, "/slow/first", 900, whole=901) as first:
        wait_for(lambda: served.application.room.in_files == 800, "the first body")

        status, retry_after, body = answer_to(half_sent(served, path, 400, whole=400))

        assert (status, retry_after, code_of(body)) == (503, "5", "busy")
        assert served.ask("/slow/small", "OPTIONS", iter([b"x" * 50]))[0] == 200
        first.sendall(b"x")
        assert answer_to(first) == (200, None, b"first" + b"x" * 901)
    assert answer_to(half_sent(served, "/slow/then", 400, whole=400)) == (200, None, b"then" + b"x" * 400)


def test_small_bodies_have_their_bounds_too(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "MOST_IN_MEMORY", 100)
    with half_sent(served, "/slow/first", 90, whole=91):
        wait_for(lambda: served.application.room.in_memory == 90, "the first body")
        status, _, body = answer_to(half_sent(served, "/slow/second", 20, whole=20))

    assert (status, code_of(body)) == (503, "busy")


def test_who_leaves_half_way_gives_the_room_back(served: Served, short_of_room: None) -> None:
    seen.gate.set()
    room = served.application.room
    with half_sent(served, "/slow/left", 900, whole=901):
        wait_for(lambda: room.in_files == 800, "the body")
    wait_for(lambda: (room.in_memory, room.in_files) == (0, 0), "the room")

    assert answer_to(half_sent(served, "/slow/then", 900, whole=900))[0] == 200
    assert (room.in_memory, room.in_files) == (0, 0)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_what_is_half_sent_lies_in_no_memory(served: Served, path: str) -> None:
    senders = 12
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    held = [half_sent(served, path, 2 * MEGABYTE, whole=2 * MEGABYTE + 1) for _ in range(senders)]
    room = served.application.room
    wait_for(lambda: room.in_memory + room.in_files == senders * 2 * MEGABYTE, "what was sent")
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for sender in held:
        sender.close()

    assert after - before < senders * 3 * body_limit.IN_MEMORY
