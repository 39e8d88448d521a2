"""How requests are served in one process, over real HTTP: streams by the loop, the rest by a few threads."""

import http.client
import json
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.integration.ops.doors import PIECE, PIECES, seen
from tests.integration.ops.served import PATIENCE, THREADS, Served, serving, wait_for


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    with serving(settings) as site:
        yield site


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
    assert seen.is_closed.wait(PATIENCE)


def test_a_reader_who_leaves_ends_the_making_of_a_big_answer(served: Served) -> None:
    with served.knocking("/big") as reader:
        reader.recv(1000)

    assert seen.is_closed.wait(PATIENCE)
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
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
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
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        heads[path] = {name.lower() for name, _ in answer.getheaders()}
        answer.read()
        connection.close()

    assert heads["/quick"] - {"content-length"} == heads["/stream"] - {"transfer-encoding"}
    assert {"content-security-policy", "cache-control", "x-content-type-options"} <= heads["/stream"]
