"""Which way a request goes, in the one process that serves everything: event streams by the loop, the rest by threads.

A thread hop for each synchronous middleware, as Django's ASGI handler makes it, costs several times what an answer
does: here a request hops once, or not at all (docs/adr/0017-serving.md).
"""

from collections.abc import Mapping

from asgiref.sync import iscoroutinefunction
from django.urls import Resolver404, resolve

from config.body_limit import Application, Receive, Scope, Send

# Where a request's ResolverMatch lies in its scope, so that it is looked for once.
MATCH = "chatloop.match"

_HEALTHY = b'{"status": "ok"}'
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_HEALTHY)).encode()),
    (b"cache-control", b"private, no-store"),
]


class Dispatcher:
    """ASGI application that decides by the view: what is a coroutine streams, everything else is answered in a thread.

    `apart` has what is served by other threads, by its path or, ending in "/", by how its path begins: who asks there
    is answered however many others hang.
    """

    def __init__(self, *, streams: Application, threads: Application, apart: Mapping[str, Application]) -> None:
        self._streams = streams
        self._threads = threads
        self._apart = apart
        self._below = tuple(path for path in apart if path.endswith("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # 403: nothing here speaks it
        elif scope["type"] != "http":
            await self._streams(scope, receive, send)  # where Django refuses it
        elif scope["path"] == "/healthz" and scope["method"] == "GET":  # it asks nothing of a request
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": _HEALTHY})
        elif (threads := self._threads_apart(scope["path"])) is not None:
            await threads(scope, receive, send)
        elif _is_asynchronous(scope):
            await self._streams(scope, receive, send)
        else:
            await self._threads(scope, receive, send)

    def _threads_apart(self, path: str) -> Application | None:
        if path.startswith(self._below):
            return next(self._apart[below] for below in self._below if path.startswith(below))
        return self._apart.get(path)


def _is_asynchronous(scope: Scope) -> bool:
    """Whether a coroutine answers there; what was found is kept for whoever serves the request."""
    try:
        match = scope[MATCH] = resolve(scope["path"])
    except Resolver404:  # a static file, or the page that says so
        return False
    return iscoroutinefunction(match.func)
