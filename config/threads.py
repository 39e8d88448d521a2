"""Synchronous Django behind an event loop: all of a request in one thread, and a bounded number of those."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import ResolverMatch, set_script_prefix

from config.body_limit import Body, Receive, Scope, Send, whole_body
from config.dispatcher import MATCH

T = TypeVar("T")
Answer = HttpResponse | StreamingHttpResponse
# What a caller says after the request: that it has left.
Left = asyncio.Future[Any]

# Of an answer that streams, made in one hop: all of nearly every static file.
_PIECES = 4


class Synchronous(ASGIHandler):
    """Django as a WSGI server would call it, with the requests of ASGI."""

    def __init__(self) -> None:
        self.load_middleware()  # as it is; ASGIHandler would adapt each to the loop

    def answer(self, scope: Scope, body: Body) -> Answer:
        """The answer to a request; the database's connections of this thread are given back."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = type(self)  # which Django names when it says that the request is over
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if response.streaming:
            close_old_connections()
        else:
            response.close()
        answer: Answer = response
        return answer

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """What the dispatcher has found, if it has."""
        match: ResolverMatch | None = getattr(request, "scope", {}).get(MATCH)
        if match is None:
            return super().resolve_request(request)
        request.resolver_match = match
        return match


class Threads:
    """ASGI application. Requests beyond `most` wait for a thread, and are dropped if their caller leaves meanwhile.

    What has begun goes on to its end, whoever leaves. An answer that streams holds a thread only while some of it is
    made, each time any of them: to make it, no database is asked.
    """

    def __init__(self, django: Synchronous, *, most: int) -> None:
        self._django = django
        self._most = most
        self._under_way = 0
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await whole_body(receive)
        if body is None:
            return
        try:
            response, begun, pieces = await self._hop(lambda: self._begin(scope, body), receive)
        except RequestAborted:
            body.close()
            return
        if not isinstance(response, StreamingHttpResponse):
            await self._django.send_response(response, send)
            return
        left = asyncio.ensure_future(receive())
        try:
            response.streaming_content = self._read(begun, pieces, left)
            await self._django.send_response(response, send)
        finally:
            left.cancel()
            await self._hop(response.close)

    def _begin(self, scope: Scope, body: Body) -> tuple[Answer, list[bytes], Iterator[bytes]]:
        """An answer and, of one that streams, the first pieces and the others."""
        with body:
            response = self._django.answer(scope, body)
        pieces: Iterator[bytes] = iter(())
        if isinstance(response, StreamingHttpResponse):
            pieces = iter(response)
        return response, list(islice(pieces, _PIECES)), pieces

    async def _read(self, begun: list[bytes], pieces: Iterator[bytes], left: Left) -> AsyncIterator[bytes]:
        """The pieces, made when those before them are on their way, until the caller has left."""
        while not left.done():
            for piece in begun:
                yield piece
            if len(begun) < _PIECES:
                return
            begun = await self._hop(lambda: list(islice(pieces, _PIECES)))

    async def _hop(self, work: Callable[[], T], receive: Receive | None = None) -> T:
        """Do it in a thread, in a context of its own. Raises RequestAborted if the caller left before it began."""
        future = self._pool.submit(contextvars.copy_context().run, work)
        answered = asyncio.wrap_future(future)
        self._under_way += 1
        try:
            if receive is not None and self._under_way > self._most:
                left: Left = asyncio.ensure_future(receive())
                await asyncio.wait({answered, left}, return_when=asyncio.FIRST_COMPLETED)
                left.cancel()
                if not answered.done() and future.cancel():
                    raise RequestAborted
            return await answered
        finally:
            self._under_way -= 1
