"""Server-sent events that we send: how one is written, what carries them, and how many one reader may hold."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Hashable
from typing import Any
from weakref import WeakSet

from django.http import HttpRequest, StreamingHttpResponse

from apps.kernel.errors import TooManyReaders

# What a stream yields when it has looked and found nothing: response() makes heartbeats of it.
QUIET = b""
_HEARTBEAT = b": keep-alive\n\n"
_HEARTBEAT_SECONDS = 10.0
# What we send as event ids; anything else begins at the beginning.
_EVENT_ID = re.compile(r"[0-9]{1,9}\Z")
# JSON may hold these characters, but many readers of event streams end a line at them.
_LINE_ENDS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_RETRY_SECONDS = 5


def event(name: str, data: Any, *, event_id: int | None = None) -> bytes:
    """One event; `data` is sent as JSON."""
    return event_of_json(name, json.dumps(data, ensure_ascii=False), event_id=event_id)


def event_of_json(name: str, document: str, *, event_id: int | None = None) -> bytes:
    """One event whose JSON is written already. A lone half of a surrogate pair becomes a question mark."""
    head = f"event: {name}\n" if event_id is None else f"id: {event_id}\nevent: {name}\n"
    return head.encode() + _data(document)


def unnamed_event(data: Any) -> bytes:
    """One event without a name or an id; `data` is sent as JSON."""
    return _data(json.dumps(data, ensure_ascii=False))


def _data(document: str) -> bytes:
    for character, escape in _LINE_ENDS.items():
        document = document.replace(character, escape)
    return f"data: {document}\n\n".encode(errors="replace")


def last_event_id(request: HttpRequest) -> int:
    """The id of the last event that a reader who comes back has got (Last-Event-ID, or ?after=); 0 for none."""
    last = request.headers.get("Last-Event-ID") or request.GET.get("after") or ""
    return int(last) if _EVENT_ID.match(last) else 0


def response(events: AsyncIterator[bytes], *places: "Place") -> StreamingHttpResponse:
    """The answer that carries the events, past every cache and buffer on its way; its end gives the places back."""
    answer = StreamingHttpResponse(_carried(events, places), content_type="text/event-stream; charset=utf-8")
    answer["Cache-Control"] = "private, no-store, no-cache, no-transform"
    answer["X-Accel-Buffering"] = "no"
    return answer


async def _carried(events: AsyncIterator[bytes], places: "tuple[Place, ...]") -> AsyncIterator[bytes]:
    """The events; when there were none for a while, a sign that the line is alive, also while one is being made."""
    loop = asyncio.get_running_loop()
    said_at, coming = loop.time(), None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events, None))
            await asyncio.wait({coming}, timeout=max(said_at + _HEARTBEAT_SECONDS - loop.time(), 0))
            part: bytes | None = QUIET
            if coming.done():
                part, coming = coming.result(), None
                if part is None:
                    return
            if part or loop.time() - said_at >= _HEARTBEAT_SECONDS:
                said_at = loop.time()
                yield part or _HEARTBEAT
    finally:
        for place in places:
            place.leave()
        if coming is not None:  # the reader has left while it was made
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


class Place:
    """One open stream of a holder."""

    def __init__(self, holder: Hashable, taken: "WeakSet[Place]") -> None:
        self.holder = holder
        self._taken = taken
        taken.add(self)

    def leave(self) -> None:
        """Give the place back; twice does no harm."""
        self._taken.discard(self)


class Places:
    """How many streams one holder may have open in this process.

    Counted here and not in Redis: what a stream costs (a thread now and then, a connection) is this process's, and a
    process that is killed leaves no count behind. A place that nobody holds any more is free: a stream that was
    never begun has no end either.
    """

    def __init__(self, *, per_holder: int) -> None:
        self._per_holder = per_holder
        self._taken: WeakSet[Place] = WeakSet()

    def take(self, holder: Hashable) -> Place:
        """A place for one more stream. Raises TooManyReaders."""
        if sum(place.holder == holder for place in self._taken) >= self._per_holder:
            raise TooManyReaders(limit=self._per_holder, retry_after=_RETRY_SECONDS)
        return Place(holder, self._taken)
