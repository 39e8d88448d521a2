"""What carries the openai client's requests: aiohttp, with nothing in between that is not ours to bound.

Of what a channel answers, the client is given status 200 and bytes and nothing else. It sees no header, so it follows
no redirect, keeps no cookie and unpacks nothing; and it sees no refusal, whose body it would read to the end.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx2
from aiohttp.http_exceptions import HttpProcessingError

from apps.chat.engine import documents
from apps.chat.engine.connections import Connector
from apps.chat.engine.upstream_errors import Complaint, UpstreamError
from apps.kernel import clock, outbound

# What a network, and HTTP that is none, can raise in aiohttp; and an address that is none, before it.
ERRORS = (aiohttp.ClientError, HttpProcessingError, httpx2.InvalidURL, OSError, ValueError)
_MAX_REFUSAL_BYTES = 64 * 1024
# How much of a body is read and understood before all other answers on the loop have their turn; of empty lines,
# which cost most, this takes a few milliseconds.
_STEP_BYTES = 4 * 1024
# How much of it waits here at most, in no more chunks of HTTP than a sixteenth of this number.
_BUFFER_BYTES = 16 * 1024
# And how much of a question is sent before they have theirs.
_MOST_IN_ONE_STEP = 512 * 1024

_CONNECT_SECONDS = 5.0
_REFUSAL_SECONDS = 10.0
# Of the client's headers: the others tell of this machine, or come from its environment.
_HEADERS = ("Authorization", "Content-Type")
# Ways to say that a body is not compressed.
_PLAIN = {"", "identity", "none"}


class Refused(Exception):
    """The channel does not take the question: the status, and why as far as it says so."""

    def __init__(self, status: int, complaint: Complaint, *, retry_after: str) -> None:
        super().__init__(status)
        self.status = status
        self.complaint = complaint
        self.error = complaint.as_error(status, retry_seconds=_seconds(retry_after))


class Transport(httpx2.AsyncBaseTransport):
    """The way of one channel's questions over a session, and through the proxy that the channel names."""

    def __init__(
        self, session: aiohttp.ClientSession, *, proxy_url: str, connect_seconds: float, is_guarded: bool
    ) -> None:
        """`is_guarded`: a member named the address, and `session` is guarded, too."""
        self._session = session
        self._is_guarded = is_guarded
        # Twice as long for a name to be found, and for each of its addresses once.
        self._timeout = aiohttp.ClientTimeout(total=None, connect=2 * connect_seconds, sock_connect=connect_seconds)
        self._proxy_url = proxy_url or None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The beginning of an answer; waits as long as the client's timeout says.

        Raises Refused, UpstreamError, and ERRORS as they come.
        """
        silence = request.extensions["timeout"]["read"]
        async with asyncio.timeout(silence):
            response = await self._session.post(
                outbound.check(str(request.url)) if self._is_guarded else str(request.url),
                data=_in_pieces(request.content),
                headers={name: request.headers[name] for name in _HEADERS},
                proxy=self._proxy_url,
                timeout=self._timeout,
                allow_redirects=False,
            )
        try:
            await _check(response, seconds=min(silence, _REFUSAL_SECONDS))
        except BaseException:
            response.close()
            raise
        return httpx2.Response(200, stream=_Body(response))


def _in_pieces(content: bytes) -> bytes | BytesIO:
    """What is sent, so that with pictures in it the loop has its turn in between: bytes go in one step."""
    return content if len(content) <= _MOST_IN_ONE_STEP else BytesIO(content)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._response.content.read(_STEP_BYTES):
            yield chunk
            # What is there already is read without waiting, and who does not wait leaves nobody a turn.
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        self._response.close()


def open_session(*, keeps_connections: bool, is_guarded: bool = False) -> aiohttp.ClientSession:
    """A pool of connections for one event loop; a guarded one goes to public places only."""
    how: dict[str, Any] = {"keepalive_timeout": 30} if keeps_connections else {"force_close": True}
    if is_guarded:
        how |= outbound.guard()
    return aiohttp.ClientSession(
        connector=Connector(**how),
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_BUFFER_BYTES,
        auto_decompress=False,
        trust_env=False,
        headers={"Accept": "text/event-stream", "Accept-Encoding": "identity", "User-Agent": "chatloop"},
    )


async def is_deserted(url: str) -> bool:
    """Whether nobody takes a connection at this address."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except TimeoutError:
        return False  # somebody listens, and is busy
    except OSError:
        return True
    writer.close()
    return False


def _seconds(retry_after: str) -> float:
    """What a header Retry-After says, in seconds or as a date; 0 where it says nothing of use."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            moment = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return 0.0
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - clock.now().timestamp()
    return seconds if 0 < seconds < math.inf else 0.0


async def _check(response: aiohttp.ClientResponse, *, seconds: float) -> None:
    if response.status != 200:
        complaint = await _complaint(response, seconds=seconds)
        raise Refused(response.status, complaint, retry_after=response.headers.get("Retry-After", ""))
    if response.headers.get("Content-Encoding", "").strip().lower() not in _PLAIN:
        raise UpstreamError("upstream_garbled", "compressed, though we asked for plain text")


async def _complaint(response: aiohttp.ClientResponse, *, seconds: float) -> Complaint:
    """Why the channel refuses, as far as it says so in time and briefly."""
    body = b""
    try:
        async with asyncio.timeout(seconds):
            while len(body) < _MAX_REFUSAL_BYTES and (chunk := await response.content.readany()):
                body += chunk
        complaint = documents.read(body, Complaint.read)
    except (*ERRORS, documents.Unreadable):
        complaint = Complaint()
    # One that failed for another reason may repeat the whole question.
    is_about_question = response.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    return replace(
        complaint,
        refuses_stream_options=is_about_question and b"stream_options" in body,
        refuses_response_format=is_about_question and b"response_format" in body,
    )
