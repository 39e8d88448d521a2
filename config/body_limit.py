"""A limit for request bodies, in front of Django: it writes the whole body to disk before any view runs."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_TITLE = "The body is too large."
_REFUSAL = json.dumps(
    {
        "type": "urn:chatloop:problem:body_too_large",
        "title": _TITLE,
        "status": 413,
        "code": "body_too_large",
        "detail": _TITLE,
        "context": {},
        "errors": {},
    }
).encode()


class _TooLarge(Exception):
    """More bytes came than allowed."""


class BodyLimit:
    """ASGI middleware: 413 for a request whose body is, or says that it is, longer than `max_bytes`."""

    def __init__(self, application: Application, *, max_bytes: int) -> None:
        self._application = application
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        # The server has refused a length that is no number.
        declared = next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
        if declared > self._max_bytes:
            await _refuse(send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise _TooLarge
            return message

        try:
            await self._application(scope, counted, send)
        except _TooLarge:  # while Django still reads: nothing was answered yet
            await _refuse(send)


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


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(_REFUSAL)).encode()),
        (b"cache-control", b"private, no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSAL})
