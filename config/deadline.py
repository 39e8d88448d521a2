"""A limit for the time until an answer begins, in front of Django: it holds when a thread does not come back."""

import asyncio
import io
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse

from config.body_limit import Application, Message, Receive, Scope, Send, whole_body

# Of one address: what hangs holds a thread, so more of the same is answered at once.
MOST_UNFINISHED = 16


def _no_word(request: HttpRequest) -> None:
    return None


@dataclass(frozen=True)
class Late:
    """After `seconds`, `answer` speaks in the view's place; `refusal` speaks at once, if it has something to say.

    Neither asks a database or anything else that may hang. Who is refused at once holds no place.
    """

    seconds: float
    answer: Callable[[HttpRequest], HttpResponse]
    refusal: Callable[[HttpRequest], HttpResponse | None] = _no_word


class Deadline:
    """ASGI middleware for addresses whose callers do not wait. The work goes on, so that a repeat finds it done."""

    def __init__(self, application: Application, *, late: Mapping[str, Late]) -> None:
        self._application = application
        self._late = late
        self._unfinished: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        late = self._late.get(scope["path"]) if scope["type"] == "http" else None
        if late is None:
            await self._application(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + late.seconds
        arrived = await whole_body(receive)
        if arrived is None:
            return
        with arrived:
            body = arrived.read()
        refusal = late.refusal(ASGIRequest(scope, io.BytesIO(body)))
        if refusal is not None:
            await _send(refusal, send)
            return
        answer = _Answer(send)
        if self._unfinished[scope["path"]] < MOST_UNFINISHED:
            task = self._start(scope, body, answer)
            await asyncio.wait({task}, timeout=deadline - loop.time())
            if answer.is_begun or task.done():
                await task
                return
        answer.is_too_late = True
        await _send(late.answer(ASGIRequest(scope, io.BytesIO(body))), send)

    def _start(self, scope: Scope, body: bytes, answer: "_Answer") -> "asyncio.Task[None]":
        path = scope["path"]
        task = asyncio.ensure_future(self._application(scope, _Replay(body), answer))
        self._unfinished[path] += 1
        self._tasks.add(task)

        def over(task: "asyncio.Task[None]") -> None:
            self._unfinished[path] -= 1
            self._tasks.discard(task)
            if not task.cancelled():
                task.exception()  # Django has logged it; nobody else may be waiting

        task.add_done_callback(over)
        return task


class _Replay:
    """`receive` for work that may outlive its caller: the body, and then no word of a disconnect."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def __call__(self) -> Message:
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Answer:
    """`send` until it is too late."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_begun = False
        self.is_too_late = False

    async def __call__(self, message: Message) -> None:
        if not self.is_too_late:
            self.is_begun = True
            await self._send(message)


async def _send(response: HttpResponse, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    headers.append((b"content-length", str(len(response.content)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
