"""The bytes of one answer as they come, within the times of its channel and our limit on their number."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import suppress

from apps.chat.contracts import Target
from apps.chat.engine import transport, upstream_errors
from apps.chat.engine.upstream_errors import UpstreamError

_DRAIN_SECONDS = 0.1
_MAX_STREAM_BYTES = 128 * 1024 * 1024


class Reading:
    """The body of a response, chunk by chunk, with our limits on silence and size."""

    def __init__(self, chunks: AsyncIterator[bytes], target: Target, *, asked_at: float) -> None:
        # Before the answer, and then between two lines; comments that keep the connection alive count as lines.
        self._silence = target.silence_seconds
        # To the first word or thought, whatever else is heard: an answer in which nothing begins keeps a place.
        self._preparation = target.first_word_seconds
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()
        self._left = _MAX_STREAM_BYTES
        self._begins_by = asked_at + self._preparation
        # When all of the answer has to be there, by the clock of the loop.
        self.ends_by = asked_at + target.total_seconds
        self._is_ending = False
        self.was_heard()

    def was_heard(self) -> None:
        """Something that makes sense came: wait again as long as for the first."""
        if not self._is_ending:
            self._until = min(self._loop.time() + self._silence, self._begins_by)

    def has_words(self) -> None:
        """A word or a thought came, so this is no end: from now on only silence is measured."""
        self._begins_by = math.inf
        self._is_ending = False
        self.was_heard()

    def has_yet_to_begin(self) -> None:
        """It calls itself whole and has said nothing: as long as for the first word, and no longer, we wait for one."""
        if self._begins_by == math.inf:
            self._begins_by = self._loop.time() + self._preparation

    def ends_within(self, seconds: float) -> None:
        """What matters has come: wait so long for the rest, whatever is heard that is no word."""
        self._is_ending = True
        self._until = min(self._until, self._loop.time() + seconds)

    async def chunk(self) -> bytes:
        """The next bytes; none at the end. Raises UpstreamError."""
        try:
            async with asyncio.timeout_at(min(self._until, self.ends_by)):
                chunk = await anext(self._chunks, b"")
        except transport.ERRORS as error:
            raise upstream_errors.of_transport(error) from error
        self._left -= len(chunk)
        if self._left < 0:
            raise UpstreamError("upstream_garbled", "more bytes than any answer has")
        return chunk

    async def drain(self) -> None:
        """Give the body a moment to end: then the connection can be kept for the next question."""
        self._until = self._loop.time() + _DRAIN_SECONDS
        with suppress(UpstreamError):
            while await self.chunk():
                pass
