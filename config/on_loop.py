"""Django for event streams: nothing of a request waits for a thread but what asks the database."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django.utils.module_loading import import_string

from config.body_limit import Body, Receive, whole_body

Handler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class OnLoop(ASGIHandler):
    """Django's ASGI handler with the site's middleware called by the event loop itself, where it takes microseconds.

    Django hands each half of each to a thread, twenty times a request. None asks the database for a stream: sessions
    and members are lazy, and Django refuses to ask from a loop. What is no MiddlewareMixin serves static files.
    """

    async def read_body(self, receive: Receive) -> Body:
        """The body, of which less lies in memory than Django would keep there. Raises RequestAborted."""
        body = await whole_body(receive)
        if body is None:
            raise RequestAborted
        return body

    def load_middleware(self, is_async: bool = True) -> None:
        """Put the middleware of the settings around the view."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler: Any = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]  # the stubs know it by no name
        for path in reversed(settings.MIDDLEWARE):
            kind = import_string(path)
            if issubclass(kind, MiddlewareMixin):
                middleware = kind(handler)
                if hasattr(middleware, "process_view"):
                    self._view_middleware.insert(0, _awaitable(middleware.process_view))
                if hasattr(middleware, "process_exception"):
                    self._exception_middleware.append(middleware.process_exception)
                handler = convert_exception_to_response(_around(handler, middleware))
        self._middleware_chain = handler


def _around(handler: Handler, middleware: Any) -> Handler:
    """MiddlewareMixin's own way, without its threads."""
    before = getattr(middleware, "process_request", None)
    after = getattr(middleware, "process_response", None)

    async def around(request: HttpRequest) -> HttpResponseBase:
        response = (before and before(request)) or await handler(request)
        return after(request, response) if after else response

    return around


def _awaitable(method: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def awaitable(*args: Any) -> Any:
        return method(*args)

    return awaitable
