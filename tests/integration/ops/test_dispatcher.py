"""How requests are served in one process, over real HTTP: streams by the loop, the rest by a few threads."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import uvicorn
from pytest_django.fixtures import Settings

from config.body_limit import BodyLimit
from config.deadline import Deadline, Late
from config.dispatcher import Dispatcher
from config.on_loop import OnLoop
from config.threads import Synchronous, Threads
from tests.integration.ops import doors
from tests.integration.ops.doors import PIECE, PIECES, seen

_PATIENCE = 60.0  # seconds; only a failure waits so long
THREADS = 2
MOST_BYTES = 1000


def wait_for(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


class Served:
    """A small site with two threads, and how it is asked."""

    def __init__(self) -> None:
        synchronous = Synchronous()
        self.threads = Threads(synchronous, most=THREADS)
        dispatcher = Dispatcher(
            streams=OnLoop(),
            threads=self.threads,
            apart=dict.fromkeys(("/urgent", "/late/1", "/apart/"), Threads(synchronous, most=THREADS)),
        )
        deadline = Deadline(dispatcher, late={"/late/1": Late(0.05, doors.sorry)})
        self.application = BodyLimit(deadline, max_bytes=MOST_BYTES)
        self.port = 0
        self._askers = ThreadPoolExecutor(20)

    def ask(self, path: str, method: str = "GET", body: object = None) -> tuple[int, str]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        try:
            connection.request(method, path, body, encode_chunked=True)  # type: ignore[arg-type]  # an iterator is sent in chunks
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask_meanwhile(self, path: str) -> "Future[tuple[int, str]]":
        """The same, while the test goes on."""
        return self._askers.submit(self.ask, path)

    def take_all_threads(self) -> "list[Future[tuple[int, str]]]":
        """As many slow requests as there are threads, once all have begun."""
        held = [self.ask_meanwhile(f"/slow/{number}") for number in range(THREADS)]
        wait_for(lambda: len(seen.begun) == THREADS, "slow requests")
        return held

    @contextmanager
    def knocking(self, path: str) -> Iterator[socket.socket]:
        """A connection on which this was asked, and nothing read yet; leaving it hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE) as caller:
            caller.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            yield caller


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    settings.ROOT_URLCONF = doors.__name__
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{doors.__name__}.Witness"]
    seen.reset()
    served = Served()
    listener = socket.create_server(("127.0.0.1", 0))
    served.port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(served.application, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="the loop")
    thread.start()
    wait_for(lambda: server.started, "uvicorn")
    yield served
    seen.gate.set()
    server.should_exit = True
    thread.join(_PATIENCE)
    assert not thread.is_alive()


def test_a_stream_and_what_is_urgent_wait_for_no_thread(served: Served) -> None:
    held = served.take_all_threads()

    with served.knocking("/stream") as reader:
        text = b""
        while b"first" not in text:
            text += reader.recv(1000)
        assert served.ask("/healthz") == (200, '{"status": "ok"}')
        assert served.ask("/urgent")[0] == 200
        assert not any(answer.done() for answer in held)
        seen.gate.set()
        while not text.endswith(b"0\r\n\r\n"):
            text += reader.recv(1000)

    assert b"data: last" in text
    assert [answer.result() for answer in held] == [(200, "0"), (200, "1")]


def test_what_requests_ask_of_their_own_process_waits_for_none_of_them(served: Served) -> None:
    held = served.take_all_threads()

    assert served.ask("/apart/quick")[0] == 200
    assert not any(answer.done() for answer in held)


def test_requests_beyond_the_threads_wait_and_are_answered(served: Served) -> None:
    held = served.take_all_threads()
    waiting = [served.ask_meanwhile("/quick") for _ in range(10)]
    wait_for(lambda: served.threads._under_way == THREADS + 10, "those who wait")

    assert "/quick" not in seen.begun
    seen.gate.set()

    assert {answer.result()[0] for answer in held + waiting} == {200}
    assert len({answer.result()[1] for answer in waiting}) <= THREADS


def test_who_leaves_while_waiting_for_a_thread_is_not_worked_for(served: Served) -> None:
    held = served.take_all_threads()
    with served.knocking("/quick"):
        wait_for(lambda: served.threads._under_way == THREADS + 1, "one who waits")
    wait_for(lambda: served.threads._under_way == THREADS, "their leaving to be noticed")
    seen.gate.set()

    assert [answer.result()[0] for answer in held] == [200, 200]
    assert served.ask("/quick")[0] == 200
    assert seen.begun.count("/quick") == 1


def test_what_has_begun_goes_on_though_its_caller_left(served: Served) -> None:
    with served.knocking("/slow/kept"):
        wait_for(lambda: seen.begun == ["kept"], "the request")
    seen.gate.set()

    wait_for(lambda: seen.finished == ["kept"], "its end")


def test_work_that_is_late_is_answered_for_and_goes_on(served: Served) -> None:
    held = served.take_all_threads()

    assert served.ask("/late/1") == (503, "sorry")
    assert seen.finished == []
    seen.gate.set()
    wait_for(lambda: "1" in seen.finished, "the work's end")
    assert [answer.result()[0] for answer in held] == [200, 200]


def test_a_big_answer_is_made_no_faster_than_it_is_read(served: Served) -> None:
    """Sockets hold a few megabytes, and whoever made it whole first would have made a hundred."""
    with served.knocking("/big") as reader:
        got = len(reader.recv(1000))
        assert served.ask("/quick")[0] == 200  # who reads slowly holds no thread
        assert seen.made < PIECES / 2
        while got < PIECES * len(PIECE):
            got += len(reader.recv(2**20))

    assert seen.made == PIECES
    assert seen.is_closed.wait(_PATIENCE)


def test_a_reader_who_leaves_ends_the_making_of_a_big_answer(served: Served) -> None:
    with served.knocking("/big") as reader:
        reader.recv(1000)

    assert seen.is_closed.wait(_PATIENCE)
    assert seen.made < PIECES


def test_a_request_leaves_nothing_behind_in_its_thread(served: Served) -> None:
    answers = [json.loads(served.ask("/forgetful")[1])["found"] for _ in range(THREADS * 3)]

    assert len({thread for _, _, thread in answers}) <= THREADS
    assert {(trace, zone) for trace, zone, _ in answers} == {("", "Asia/Shanghai")}


def test_a_giant_that_does_not_say_its_length_is_cut_off(served: Served) -> None:
    status, text = served.ask("/slow/giant", "POST", iter([b"x" * 600, b"x" * 600]))

    assert (status, json.loads(text)["code"]) == (413, "body_too_large")
    assert seen.begun == []


def test_a_body_arrives_whole(served: Served) -> None:
    seen.gate.set()
    served_with = served.ask("/late/2", "OPTIONS", iter([b"ab", b"cd"]))

    assert served_with == (200, "2abcd")


def test_head_answers_as_get_and_without_a_body(served: Served) -> None:
    assert served.ask("/quick", "HEAD") == (200, "")
    assert served.ask("/big", "HEAD") == (200, "")


def test_a_web_socket_is_refused(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=_PATIENCE)
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    connection.request("GET", "/healthz", headers={**handshake, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})

    assert connection.getresponse().status == 403
    connection.close()
    assert served.ask("/quick")[0] == 200


def test_middleware_runs_where_its_view_does_and_costs_no_other_thread(served: Served) -> None:
    seen.gate.set()
    served.ask("/stream")
    served.ask("/quick")

    names = {path: {name for where, name in seen.threads if where == path} for path, _ in seen.threads}
    assert names["/stream"] == names["view"] == {"the loop"}
    assert len(names["/quick"]) == 1
    assert names["/quick"].pop().startswith("request")


def test_a_stream_carries_what_every_answer_carries(served: Served) -> None:
    seen.gate.set()
    heads = {}
    for path in ("/stream", "/quick"):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=_PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        heads[path] = {name.lower() for name, _ in answer.getheaders()}
        answer.read()
        connection.close()

    assert heads["/quick"] - {"content-length"} == heads["/stream"] - {"transfer-encoding"}
    assert {"content-security-policy", "cache-control", "x-content-type-options"} <= heads["/stream"]
