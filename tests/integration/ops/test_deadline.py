"""The limit for an answer in front of Django: it holds although a thread does not come back."""

import asyncio
import threading
from typing import Any

from django.http import HttpRequest, HttpResponse

from config.body_limit import Message, Receive, Send
from config.deadline import MOST_UNFINISHED, Deadline, Late

PATH = "/knock"


def sorry(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"sorry, " + request.body, status=503, content_type="text/plain")


class Work:
    """An application that hangs in a thread until it is let go; counts what it finished."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = 0
        self.finished = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        self.begun += 1
        await asyncio.to_thread(self.go.wait)
        self.finished += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done, " + body})


async def ask(application: Any, path: str = PATH, *, messages: list[Message] | None = None) -> tuple[int, bytes] | None:
    """Status and body of one request, None if nothing was answered."""
    left = [{"type": "http.request", "body": b"Alice", "more_body": False}] if messages is None else messages
    sent: list[Message] = []

    async def receive() -> Message:
        return left.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": "POST", "headers": [], "query_string": b""}
    await application(scope, receive, send)
    return (sent[0]["status"], b"".join(message["body"] for message in sent[1:])) if sent else None


def forbidden(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"no, " + request.body, status=403, content_type="text/plain")


async def test_who_is_refused_at_once_begins_no_work() -> None:
    work = Work()

    answer = await ask(Deadline(work, late={PATH: Late(60.0, sorry, forbidden)}))

    assert (answer, work.begun) == ((403, b"no, Alice"), 0)


async def test_work_that_is_in_time_answers_itself() -> None:
    work = Work()
    work.go.set()

    answer = await ask(Deadline(work, late={PATH: Late(60.0, sorry)}))

    assert answer == (200, b"done, Alice")


async def test_work_that_hangs_is_answered_for_and_goes_on() -> None:
    work = Work()
    application = Deadline(work, late={PATH: Late(0.05, sorry)})

    assert await ask(application) == (503, b"sorry, Alice")
    assert (work.begun, work.finished) == (1, 0)
    work.go.set()
    while application._tasks:
        await asyncio.sleep(0)

    assert work.finished == 1


async def test_what_hangs_is_not_piled_up_and_stops_nothing_else() -> None:
    work = Work()
    application = Deadline(work, late={PATH: Late(0.05, sorry), "/other": Late(60.0, sorry)})

    answers = await asyncio.gather(*(ask(application) for _ in range(MOST_UNFINISHED + 5)))

    assert answers == [(503, b"sorry, Alice")] * (MOST_UNFINISHED + 5)
    assert work.begun == MOST_UNFINISHED
    work.go.set()
    assert await ask(application, "/other") == (200, b"done, Alice")
    while application._tasks:
        await asyncio.sleep(0)
    assert await ask(application) in {(200, b"done, Alice"), (503, b"sorry, Alice")}


async def test_an_address_without_a_limit_waits() -> None:
    work = Work()
    application = Deadline(work, late={PATH: Late(0.01, sorry)})
    waiting = asyncio.ensure_future(ask(application, "/elsewhere"))
    done, _ = await asyncio.wait({waiting}, timeout=0.1)

    assert not done
    work.go.set()
    assert await waiting == (200, b"done, Alice")


async def test_a_caller_that_left_is_not_worked_for() -> None:
    work = Work()
    part = {"type": "http.request", "body": b"Al", "more_body": True}

    answer = await ask(Deadline(work, late={PATH: Late(60.0, sorry)}), messages=[part, {"type": "http.disconnect"}])

    assert (answer, work.begun) == (None, 0)
