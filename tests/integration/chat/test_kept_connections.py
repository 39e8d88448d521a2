"""Connections that are kept for the next question: nothing that came unasked is the answer to it."""

import asyncio
import socket
from contextlib import aclosing
from threading import Event

import pytest

from apps.chat.engine import transport
from apps.chat.engine.connections import Connector
from apps.chat.engine.openai_compatible import OpenAIConnection
from apps.chat.engine.upstream_errors import UpstreamError
from tests.integration.chat.conftest import job, target
from tests.integration.chat.upstream import Line, answer, running_line


def whole(text: str) -> bytes:
    """A response after which the connection is kept."""
    body = b"".join(answer(text))
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def ask(upstream: OpenAIConnection, url: str, question: str) -> str:
    """The text of the answer."""
    async with aclosing(upstream.answer(job(url, question), target(url))) as deltas:
        return "".join([delta.text async for delta in deltas])


UNASKED = {
    "a second response": whole("for the first again"),
    "a farewell": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", UNASKED)
def test_what_comes_unasked_does_not_answer_the_next_question(name: str) -> None:
    first_is_answered, has_come = Event(), Event()
    heard: list[str] = []

    def play(line: Line) -> None:
        while request := line.hear():
            heard.append(request["messages"][0]["content"])
            line.say(whole(f"for {heard[-1]}"))
            if len(heard) == 1:
                first_is_answered.wait(10)
                line.say(UNASKED[name])
                has_come.set()

    async def talk(url: str) -> list[str]:
        async with OpenAIConnection() as upstream:
            answers = [await ask(upstream, url, "the first")]
            first_is_answered.set()
            assert has_come.wait(10)
            return [*answers, await ask(upstream, url, "the second")]

    with running_line(play) as url:
        assert asyncio.run(talk(url)) == ["for the first", "for the second"]
    assert heard == ["the first", "the second"]


def test_a_farewell_that_crosses_a_question_does_not_refuse_it() -> None:
    connections: list[Line] = []

    def play(line: Line) -> None:
        connections.append(line)
        request = line.hear()
        assert request is not None
        line.say(whole(f"for {request['messages'][0]['content']}"))
        if line.hear():
            line.say(UNASKED["a farewell"])

    async def talk(url: str) -> list[str]:
        async with OpenAIConnection() as upstream:
            return [await ask(upstream, url, question) for question in ("the first", "the second")]

    with running_line(play) as url:
        assert asyncio.run(talk(url)) == ["for the first", "for the second"]
    assert len(connections) == 2


def test_nor_is_a_question_repeated_for_ever() -> None:
    heard: list[object] = []

    def play(line: Line) -> None:
        heard.append(line.hear())
        line.say(UNASKED["a farewell"])

    async def talk(url: str) -> str:
        async with OpenAIConnection() as upstream:
            return await ask(upstream, url, "the first")

    with running_line(play) as url, pytest.raises(UpstreamError) as raised:
        asyncio.run(talk(url))
    assert raised.value.code == "upstream_failed"
    assert len(heard) == 2


@pytest.mark.parametrize("length", [1, 20], ids=["a byte", "half a head"])
def test_what_began_with_an_answer_spoils_no_other(length: int) -> None:
    unasked = whole("for the first again")

    def play(line: Line) -> None:
        rest = b""
        while request := line.hear():
            question = request["messages"][0]["content"]
            line.say(rest + whole(f"for {question}") + unasked[:length])
            rest = unasked[length:]

    async def talk(url: str) -> list[str]:
        async with OpenAIConnection() as upstream:
            return [await ask(upstream, url, question) for question in ("the first", "the second")]

    with running_line(play) as url:
        assert asyncio.run(talk(url)) == ["for the first", "for the second"]


def test_nor_does_what_came_while_the_loop_was_busy() -> None:
    first_is_answered, has_come = Event(), Event()
    heard: list[object] = []

    def play(line: Line) -> None:
        while request := line.hear():
            heard.append(request)
            line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % len(heard))
            if len(heard) == 1:
                first_is_answered.wait(10)
                line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0")
                has_come.set()

    async def talk(url: str) -> list[bytes]:
        async with transport.open_session(keeps_connections=True) as session:
            answers = [await (await session.post(url, json={"is": "asked"})).read()]
            first_is_answered.set()
            # Not awaited: the loop reads nothing before the next question is sent.
            assert has_come.wait(10)
            return [*answers, await (await session.post(url, json={"is": "asked"})).read()]

    with running_line(play) as url:
        assert asyncio.run(talk(url)) == [b"1", b"2"]


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "not read yet"])
async def test_who_speaks_before_the_first_question_is_asked_no_second(is_read: bool) -> None:
    """Its answer to the first would come when the second has been asked."""
    ours, theirs = socket.socketpair()
    connector = Connector()
    _, connection = await asyncio.get_running_loop().create_connection(connector._factory, sock=ours)
    theirs.sendall(whole("welcome"))
    while is_read and not connection._tail:
        await asyncio.sleep(0)

    connection.set_response_params()
    await connection.read()

    assert connection.should_close
    connection.abort()
    theirs.close()
    await connector.close()


def test_a_connection_on_which_nothing_came_is_kept() -> None:
    connections = []

    def play(line: Line) -> None:
        connections.append(line)
        while request := line.hear():
            line.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + whole(f"for {request['messages'][0]['content']}"))

    async def talk(url: str) -> list[str]:
        async with OpenAIConnection() as upstream:
            return [await ask(upstream, url, str(number)) for number in range(3)]

    with running_line(play) as url:
        assert asyncio.run(talk(url)) == ["for 0", "for 1", "for 2"]
    assert len(connections) == 1


@pytest.mark.parametrize("status", ["100 Continue", "103 Early Hints", "200 OK\r\nContent-Length: 0"])
def test_responses_without_end_end_at_once(status: str) -> None:
    """They come faster than they can be read, and no answer among them."""

    def play(line: Line) -> None:
        line.hear()
        while True:
            line.say(f"HTTP/1.1 {status}\r\n\r\n".encode() * 3000)

    async def talk(url: str) -> str:
        async with OpenAIConnection() as upstream:
            return await ask(upstream, url, "the first")

    with running_line(play) as url, pytest.raises(UpstreamError) as raised:
        asyncio.run(talk(url))
    assert raised.value.code == "upstream_garbled"  # and not "upstream_timeout", a minute later
