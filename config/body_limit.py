"""What a request's body may take, in front of Django: so many bytes, so much time, and little of the memory."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from types import MappingProxyType
from typing import Any

from apps.kernel import openai_shape

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Body = SpooledTemporaryFile[bytes]

# Of a body so much lies in memory, and the rest in a file without a name, in the folder for such (TMPDIR).
IN_MEMORY = 64 * 1024
# What all unfinished bodies of a process may take together: in memory, and in files.
MOST_IN_MEMORY = 64 * 1024 * 1024
MOST_IN_FILES = 256 * 1024 * 1024
# How long a body may rest, and how fast it has to come beside that: a slow phone does.
REST_SECONDS = 30.0
BYTES_PER_SECOND = 16 * 1024

# Most clients read no answer before they have sent all, and would see a broken connection instead: so much is read, and
# thrown away, for so long.
_MOST_THROWN_AWAY = 64 * 1024 * 1024
_PATIENCE_SECONDS = 10.0
# Who is too slow is not waited for again: what is on its way may still come.
_LAST_SECONDS = 1.0

_NOWHERE: Mapping[str, int] = MappingProxyType({})
_SAYS_WHO = (b"authorization", b"cookie")


@dataclass(frozen=True)
class _Refusal:
    """What is said instead of reading on."""

    status: int
    code: str
    title: str
    patience: float = _PATIENCE_SECONDS
    headers: tuple[tuple[bytes, bytes], ...] = ()


_TOO_LARGE = _Refusal(413, "body_too_large", "The body is too large.")
_TOO_SLOW = _Refusal(408, "body_too_slow", "The body came too slowly.", patience=_LAST_SECONDS)
_NO_ROOM = _Refusal(
    503, "busy", "Too many requests are being sent here. Please try again.", headers=((b"retry-after", b"5"),)
)


class _Refused(Exception):
    """A body is not read on."""

    def __init__(self, refusal: _Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class BodyLimit:
    """ASGI middleware: 413 for a request whose body is, or says that it is, longer than `max_bytes`.

    At the addresses of `larger` it may be as long as that says, if it says by a key or a cookie who asks; whether that
    is true, the view asks before it reads. 408 for a body that comes too slowly, 503 where too many come at once.
    """

    def __init__(self, application: Application, *, max_bytes: int, larger: Mapping[str, int] = _NOWHERE) -> None:
        self._application = application
        self._max_bytes = max_bytes
        self._larger = larger
        self.room = _Room()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        # The server has refused a length that is no number.
        limit = self._limit(scope)
        declared = next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
        if declared > limit:
            await _refuse(_TOO_LARGE, scope, receive, send)
            return
        arriving = _Arriving(receive, limit=limit, room=self.room)
        try:
            await self._application(scope, arriving, send)
        except _Refused as refused:  # while the body is read: nothing was answered yet
            arriving.is_over()
            await _refuse(refused.refusal, scope, receive, send)
        finally:
            arriving.is_over()

    def _limit(self, scope: Scope) -> int:
        larger = self._larger.get(scope["path"], 0)
        if larger > self._max_bytes and any(name in _SAYS_WHO for name, _ in scope["headers"]):
            return larger
        return self._max_bytes


class _Room:
    """How many bytes of unfinished bodies this process has, in memory and in files."""

    def __init__(self) -> None:
        self.in_memory = 0
        self.in_files = 0

    def holds(self, *, before: int, after: int) -> bool:
        """Whether a body that grows, or goes, still has its place; it takes it, if so."""
        in_memory = self.in_memory + min(after, IN_MEMORY) - min(before, IN_MEMORY)
        in_files = self.in_files + max(after - IN_MEMORY, 0) - max(before - IN_MEMORY, 0)
        if after > before and (in_memory > MOST_IN_MEMORY or in_files > MOST_IN_FILES):
            return False
        self.in_memory, self.in_files = in_memory, in_files
        return True


class _Arriving:
    """`receive` of one request: its body within the limits, and then what the server says, such as that who asked left.

    Each byte that comes buys the next ones time, never more than the longest rest: who sends much at once may not be
    silent for minutes after it. Raises _Refused.
    """

    def __init__(self, receive: Receive, *, limit: int, room: _Room) -> None:
        self._receive = receive
        self._limit = limit
        self._room = room
        self._seen = 0
        self._is_over = False
        self._until = asyncio.get_running_loop().time() + REST_SECONDS

    async def __call__(self) -> Message:
        if self._is_over:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise _Refused(_TOO_SLOW) from None
        self._take(len(message.get("body", b"")))
        if not message.get("more_body"):
            self.is_over()
        return message

    def is_over(self) -> None:
        """Give back the room: the body is whole, or of no use."""
        self._is_over = True
        self._room.holds(before=self._seen, after=0)
        self._seen = 0

    def _take(self, more: int) -> None:
        seen = self._seen + more
        if seen > self._limit:
            raise _Refused(_TOO_LARGE)
        if not self._room.holds(before=self._seen, after=seen):
            raise _Refused(_NO_ROOM)
        self._seen = seen
        longest = asyncio.get_running_loop().time() + REST_SECONDS
        self._until = min(self._until + more / BYTES_PER_SECOND, longest)


async def whole_body(receive: Receive) -> Body | None:
    """The body of a request, to be read and closed, or None from a caller that left while sending it."""
    with ExitStack() as kept:
        body: Body = kept.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY))
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body.write(message.get("body", b""))
            if not message.get("more_body"):
                body.seek(0)
                kept.pop_all()
                return body


async def _refuse(refusal: _Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if openai_shape.is_below(scope["path"]):
        answer = openai_shape.refusal(status=refusal.status, message=refusal.title, code=refusal.code)
        shaped = [(name.lower().encode(), value.encode()) for name, value in answer.items()]
        body = answer.content
    else:
        shaped, body = [(b"content-type", b"application/problem+json")], json.dumps(_problem(refusal)).encode()
    headers = [
        *shaped,
        *refusal.headers,
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"private, no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(refusal.patience):
            await _throw_away(receive)
    await send({"type": "http.response.body", "body": b""})


def _problem(refusal: _Refusal) -> Mapping[str, object]:
    return {
        "type": f"urn:chatloop:problem:{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.title,
        "context": {},
        "errors": {},
    }


async def _throw_away(receive: Receive) -> None:
    left = _MOST_THROWN_AWAY
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
