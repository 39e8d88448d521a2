"""A limit for request bodies, in front of Django: it writes the whole body to disk before any view runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from apps.kernel import openai_shape

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Most clients read no answer before they have sent all, and would see a broken connection instead: so much is read, and
# thrown away, for so long.
_MOST_THROWN_AWAY = 64 * 1024 * 1024
_PATIENCE_SECONDS = 10.0

_TITLE, _CODE = "The body is too large.", "body_too_large"
_PROBLEM = {
    "type": f"urn:chatloop:problem:{_CODE}",
    "title": _TITLE,
    "status": 413,
    "code": _CODE,
    "detail": _TITLE,
    "context": {},
    "errors": {},
}


_NOWHERE: Mapping[str, int] = MappingProxyType({})
_SAYS_WHO = (b"authorization", b"cookie")


class _TooLarge(Exception):
    """More bytes came than allowed."""


class BodyLimit:
    """ASGI middleware: 413 for a request whose body is, or says that it is, longer than `max_bytes`.

    At the addresses of `larger` it may be as long as that says, if it says by a key or a cookie who asks; whether that
    is true, the view asks before it reads.
    """

    def __init__(self, application: Application, *, max_bytes: int, larger: Mapping[str, int] = _NOWHERE) -> None:
        self._application = application
        self._max_bytes = max_bytes
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        # The server has refused a length that is no number.
        limit = self._limit(scope)
        declared = next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
        if declared > limit:
            await _refuse(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _TooLarge
            return message

        try:
            await self._application(scope, counted, send)
        except _TooLarge:  # while Django still reads: nothing was answered yet
            await _refuse(scope, receive, send)

    def _limit(self, scope: Scope) -> int:
        larger = self._larger.get(scope["path"], 0)
        if larger > self._max_bytes and any(name in _SAYS_WHO for name, _ in scope["headers"]):
            return larger
        return self._max_bytes


async def whole_body(receive: Receive) -> bytes | None:
    """The body of a request, or None from a caller that left while sending it. Behind a limit it may lie in memory."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if openai_shape.is_below(scope["path"]):
        refusal = openai_shape.refusal(status=413, message=_TITLE, code=_CODE)
        shaped = [(name.lower().encode(), value.encode()) for name, value in refusal.items()]
        body = refusal.content
    else:
        shaped, body = [(b"content-type", b"application/problem+json")], json.dumps(_PROBLEM).encode()
    headers = [
        *shaped,
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"private, no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await _throw_away(receive)
    await send({"type": "http.response.body", "body": b""})


async def _throw_away(receive: Receive) -> None:
    left = _MOST_THROWN_AWAY
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
