"""How we talk to providers: bounded in time and size, without redirects, without the machine's proxies."""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, cast

import httpcore2
import httpx2
from django.db import DEFAULT_DB_ALIAS, connections

# A call, from its start to the last byte of the answer. Only the system's look-up of a name cannot be cut short.
CALL_SECONDS = 10.0
MAX_BODY_BYTES = 64 * 1024
# Of one client in this process. A provider that hangs holds these threads of the web process and no more of its 32
# (config/asgi.py): who comes when all are taken is told after so many seconds that the provider is away.
MOST_CALLS = 12
_TURN_SECONDS = 1.0
_CONNECT_SECONDS = 3.0


def client(
    base_url: str, *, within: float = CALL_SECONDS, transport: httpx2.BaseTransport | None = None
) -> httpx2.Client:
    """A client whose calls end within so many seconds, and whose answers have at most MAX_BODY_BYTES, not packed.

    Every failure of the other side is an httpx2.TransportError; of them, one of time is an httpx2.TimeoutException.
    """
    return httpx2.Client(
        base_url=base_url,
        timeout=httpx2.Timeout(within, connect=_CONNECT_SECONDS, pool=_TURN_SECONDS),
        follow_redirects=False,
        trust_env=False,
        transport=_Bounded(transport or _Transport(), within=within),
        headers={"User-Agent": "chatloop", "Accept-Encoding": "identity"},
    )


class _Deadline(threading.local):
    """When the call that this thread is making has to be over."""

    at: float | None = None

    def seconds(self, most: float | None) -> float | None:
        """How long one operation may take. Raises httpcore2.ReadTimeout when nothing is left."""
        if self.at is None:
            return most
        left = self.at - time.monotonic()
        # Asked before each operation: of a peer that never pauses none would have to wait.
        if left <= 0:
            raise httpcore2.ReadTimeout("the call is over")
        return left if most is None else min(most, left)


_deadline = _Deadline()


class _Bounded(httpx2.BaseTransport):
    """Sets the deadline, and looks at what comes back."""

    def __init__(self, transport: httpx2.BaseTransport, *, within: float) -> None:
        self._transport = transport
        self._within = within

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Make the call. Meanwhile others have the database connection: of those there are fewer than threads."""
        _give_back_connection()
        _deadline.at = until = time.monotonic() + self._within
        try:
            answer = self._transport.handle_request(request)
        finally:
            _deadline.at = None
        body = cast(httpx2.SyncByteStream, answer.stream)
        # Unpacked, a few bytes can be any number.
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            body.close()
            raise httpx2.RemoteProtocolError("a packed answer to a request for a plain one")
        return httpx2.Response(
            answer.status_code, headers=answer.headers, stream=_Body(body, until), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


class _Body(httpx2.SyncByteStream):
    """The body of an answer, for as long and as much as agreed."""

    def __init__(self, stream: httpx2.SyncByteStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def __iter__(self) -> Iterator[bytes]:
        size, chunks = 0, iter(self._stream)
        while True:
            # Set for each: between two of them the thread is the reader's.
            _deadline.at = self._until
            try:
                chunk = next(chunks, None)
            finally:
                _deadline.at = None
            if chunk is None:
                return
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise httpx2.ReadError("a body longer than any answer")
            if time.monotonic() > self._until:
                raise httpx2.ReadTimeout("a body slower than any answer")
            yield chunk

    def close(self) -> None:
        """Give the connection back."""
        self._stream.close()


def _give_back_connection() -> None:
    """Let others have this thread's connection while it waits for somebody else; its next statement takes one anew.

    Where no pool lends it, to open one anew would cost more than it gives; inside a transaction it stays ours.
    """
    own = connections[DEFAULT_DB_ALIAS]
    if not own.in_atomic_block and "pool" in own.settings_dict["OPTIONS"]:
        own.close()


@cache
def _certificates() -> ssl.SSLContext:
    """Whom TLS trusts; read once for all calls, because it takes the processor longer than a call does."""
    return httpx2.create_ssl_context(trust_env=False)


class _Transport(httpx2.HTTPTransport):
    """The library's, whose time-outs are of single reads, on connections that know the deadline of the call."""

    def __init__(self) -> None:
        super().__init__(verify=_certificates(), trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_certificates(),
            max_connections=MOST_CALLS,
            max_keepalive_connections=MOST_CALLS,
            keepalive_expiry=5.0,
            network_backend=_Network(),
        )


class _Network(httpcore2.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(host, port, _deadline.seconds(timeout), local_address, socket_options))


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _deadline.seconds(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _deadline.seconds(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _deadline.seconds(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
