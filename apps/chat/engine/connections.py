"""Connections to channels as aiohttp keeps them, and what it leaves to us: nothing unasked is ever an answer."""

import asyncio
import select
from typing import Any

import aiohttp
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError

from apps.chat.engine.upstream_errors import UpstreamError
from apps.kernel import heads


class _Connection(heads.FewHeads):
    """One connection; a kept one is left at the first byte that nobody asked for.

    A second response behind an answer would be taken for the answer to the next question, which is another member's.
    """

    _body: aiohttp.StreamReader | None = None

    def too_many(self) -> Exception:
        """JSON has no line like a head, so it is no body in which they are."""
        return UpstreamError("upstream_garbled", "more responses than one")

    def is_connected(self) -> bool:
        """Whether a question may be sent here: it is open, and nothing came since the last answer, read or not."""
        transport = self.transport
        if transport is None or self.should_close or not super().is_connected():
            return False
        return not _is_readable(transport) and not self._has_begun_another()

    def _has_begun_another(self) -> bool:
        """Whether something of a further response came with the last one, too little to be one."""
        try:
            # The next question gets a parser of its own.
            return self._parser is not None and self._parser.feed_eof() is not None
        except HttpProcessingError:
            return True

    def set_response_params(self, **how: Any) -> None:
        """A question is about to be sent. Who speaks before it is asked has an answer left over for the next one."""
        self._body = None
        if self._tail or (self.transport is not None and _has_spoken(self.transport)):
            self.force_close()
        super().set_response_params(**how)

    def feed_data(self, data: tuple[RawResponseMessage, aiohttp.StreamReader], size: int = 0) -> None:
        """A response begins."""
        message, body = data
        if message.code >= 200:
            self._body = body
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Bytes came; none when reading goes on after a pause."""
        if data and self._body is not None and self._body.is_eof():
            self.close()
            return
        super().data_received(data)


class Connector(heads.Connector):
    """A pool of any number of connections."""

    kind = _Connection


def _is_readable(transport: asyncio.BaseTransport) -> bool:
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _has_spoken(transport: asyncio.BaseTransport) -> bool:
    """Whether something has come that was not read; over TLS something always has, which is its own."""
    return transport.get_extra_info("ssl_object") is None and _is_readable(transport)
