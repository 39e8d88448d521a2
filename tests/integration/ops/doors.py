"""Addresses for the tests of how requests are served: views that wait, stream and remember."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils import timezone, translation
from django.utils.deprecation import MiddlewareMixin

PIECE = b"x" * 2**18
PIECES = 400

_trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="")


class Seen:
    """What happened behind the doors since `reset`."""

    def reset(self) -> None:
        """A new test: nothing happened, and the gate is shut."""
        self.gate = threading.Event()
        self.begun: list[str] = []
        self.finished: list[str] = []
        self.made = 0
        self.is_closed = threading.Event()
        self.threads: list[tuple[str, str]] = []


seen = Seen()


class Witness(MiddlewareMixin):
    """Notes the threads in which a middleware runs, before the view and after it."""

    def process_request(self, request: HttpRequest) -> None:
        """Before."""
        seen.threads.append((request.path, threading.current_thread().name))

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """After."""
        seen.threads.append((request.path, threading.current_thread().name))
        return response


def quick(request: HttpRequest) -> HttpResponse:
    """Answers at once."""
    seen.begun.append(request.path)
    return HttpResponse(threading.current_thread().name)


def slow(request: HttpRequest, name: str) -> HttpResponse:
    """Answers when the gate is open."""
    seen.begun.append(name)
    assert seen.gate.wait(60)
    seen.finished.append(name)
    return HttpResponse(name + request.body.decode())


def forgetful(request: HttpRequest) -> JsonResponse:
    """Says what it finds, and leaves something for the next request of its thread."""
    found = [_trace.get(), timezone.get_current_timezone_name(), threading.current_thread().name]
    _trace.set("left behind")
    timezone.activate("Pacific/Auckland")
    translation.activate("de")
    return JsonResponse({"found": found})


def big(request: HttpRequest) -> StreamingHttpResponse:
    """A hundred megabytes, made piece by piece."""
    return StreamingHttpResponse(_Pieces(), content_type="application/octet-stream")


class _Pieces:
    def __iter__(self) -> Iterator[bytes]:
        for _ in range(PIECES):
            seen.made += 1
            yield PIECE

    def close(self) -> None:
        seen.is_closed.set()


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """One event at once, another when the gate is open."""

    async def events() -> AsyncIterator[bytes]:
        yield b"data: first\n\n"
        while not seen.gate.is_set():
            await asyncio.sleep(0.01)
        yield b"data: last\n\n"

    seen.threads.append(("view", threading.current_thread().name))
    return StreamingHttpResponse(events(), content_type="text/event-stream")


def sorry(request: HttpRequest) -> HttpResponse:
    """For an answer that is late."""
    return HttpResponse("sorry", status=503)


urlpatterns: list[Any] = [
    path("quick", quick),
    path("slow/<name>", slow),
    path("urgent", quick),
    path("apart/quick", quick),
    path("late/<name>", slow),
    path("forgetful", forgetful),
    path("big", big),
    path("stream", stream),
]
