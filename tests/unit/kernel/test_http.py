"""Calls to providers against a peer that says too little, too slowly, or too much."""

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx2
import pytest
from django.db import connection, transaction

from apps.kernel import http

OK = b"HTTP/1.1 200 OK\r\n"
MOST_DRIPS = 60


class Peer:
    """Takes one call after another, sends `head`, and then `drop` every tenth of a second."""

    def __init__(self, head: bytes, drop: bytes = b"") -> None:
        self.head, self.drop = head, drop
        self.asked = b""
        self.drips = 0
        self.is_over = threading.Event()

    def serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while not self.is_over.is_set():
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    self.asked = connection.recv(65536)
                    connection.sendall(self.head)
                    while self.drop and self.drips < MOST_DRIPS and not self.is_over.wait(0.1):
                        self.drips += 1
                        connection.sendall(self.drop)


@contextmanager
def running(peer: Peer) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=peer.serve, args=(listener,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        peer.is_over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (OK + b"Content-Length: 1000\r\n\r\n", b" "),
        (OK, b"X-More: 1\r\n"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["body", "headers", "interim", "chunks"],
)
def test_a_call_ends_at_its_deadline_however_busily_the_peer_drips(head: bytes, drop: bytes) -> None:
    peer = Peer(head, drop)

    with running(peer) as address, http.client(address, within=0.5) as client:
        with pytest.raises(httpx2.TimeoutException):
            client.get("/")
        assert peer.drips < MOST_DRIPS / 2


def test_the_next_call_has_a_deadline_of_its_own() -> None:
    peer = Peer(OK + b"Content-Length: 1000\r\n\r\n", b" ")

    with running(peer) as address, http.client(address, within=0.3) as client:
        with pytest.raises(httpx2.TimeoutException):
            client.get("/")
        peer.head, peer.drop = OK + b"Content-Length: 2\r\n\r\nok", b""
        assert client.get("/").text == "ok"


def test_a_body_has_a_greatest_length() -> None:
    for size, is_read in ((http.MAX_BODY_BYTES, True), (http.MAX_BODY_BYTES + 1, False)):
        peer = Peer(OK + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        with running(peer) as address, http.client(address) as client:
            if is_read:
                assert len(client.get("/").content) == size
            else:
                with pytest.raises(httpx2.TransportError):
                    client.get("/")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br", "nope"])
def test_nothing_is_unpacked(coding: str) -> None:
    packed = gzip.compress(b"x" * 1000)
    peer = Peer(OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(packed)) + packed)

    with running(peer) as address, http.client(address) as client:
        with pytest.raises(httpx2.TransportError):
            client.get("/")
        assert b"accept-encoding: identity\r\n" in peer.asked.lower()


def test_a_transport_of_the_callers_has_the_same_limits() -> None:
    def answering(answer: httpx2.Response) -> Callable[[], httpx2.Response]:
        transport = httpx2.MockTransport(lambda request: answer)
        return lambda: http.client("http://peer.example", transport=transport).get("/")

    assert answering(httpx2.Response(200, content=b"ok"))().text == "ok"
    with pytest.raises(httpx2.TransportError):
        answering(httpx2.Response(200, content=b"x" * (http.MAX_BODY_BYTES + 1)))()


def test_the_certificates_are_read_once_for_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading takes 22 ms of the processor, and a call to WeChat none."""
    with http.client("https://127.0.0.1:1"):
        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", _must_not_be_called)
        monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", _must_not_be_called)
        with http.client("https://127.0.0.1:1") as again, pytest.raises(httpx2.ConnectError):
            again.get("/")


def _must_not_be_called(*_: object, **__: object) -> None:
    raise AssertionError("the certificates were read again")


def test_a_peer_that_hangs_holds_no_more_than_its_share_of_threads() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with http.client(address, within=4.0) as client, ThreadPoolExecutor(http.MOST_CALLS) as threads:
            held = [threads.submit(client.get, "/") for _ in range(http.MOST_CALLS)]
            callers = [silent.accept()[0] for _ in held]
            with pytest.raises(httpx2.PoolTimeout):
                client.get("/")
            assert not any(call.done() for call in held)
            for caller in callers:
                caller.close()
            assert all(isinstance(call.exception(), httpx2.TransportError) for call in held)


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_provider_keeps_no_connection_from_others() -> None:
    has_one: list[bool] = []

    def answer(_request: httpx2.Request) -> httpx2.Response:
        has_one.append(connection.connection is not None)
        return httpx2.Response(200)

    with http.client("http://provider", transport=httpx2.MockTransport(answer)) as client:
        connection.ensure_connection()
        client.get("/")
        with transaction.atomic():
            client.get("/")

    is_lent = connection.vendor == "postgresql"  # on SQLite each thread has its own
    assert has_one == [not is_lent, True]
