"""An answer that comes as events: when it is over, and how much of what is no event is put up with."""

from collections.abc import AsyncIterator
from typing import Any

from apps.chat.engine import deltas, documents
from apps.chat.engine.event_parser import Event, EventParser, EventTooLong
from apps.chat.engine.reading import Reading
from apps.chat.engine.upstream_errors import Complaint, UpstreamError
from apps.chat.registries import Delta

_DONE = "[DONE]"
# After its finish_reason an answer is whole; for the usage that some send behind it we wait only this long.
_USAGE_SECONDS = 3.0
# Some send a finish_reason with every word. Where one came with words, or words behind it, silence is the end.
_DOUBT_SECONDS = 15.0
# Events that are no part of an answer; a provider that sends more of them than this sends something else.
_MAX_UNREADABLE = 20
# Lines that complete no event: a hundred heartbeats a second would not be as many in the longest answer.
_MAX_IDLE_LINES = 100_000


async def of_events(reading: Reading, opening: bytes, *, with_logprobs: bool) -> AsyncIterator[Delta]:
    """A delta for each chunk of the body: what came together is cut, read and handed on together."""
    answer, chunk = _Answer(reading, deltas.Pieces(with_logprobs=with_logprobs)), opening
    while not answer.is_over:
        # A body that ended well has said its last event, with or without the empty line behind it.
        error = answer.take(chunk or b"\n\n")
        if answer.has_news:
            yield answer.news()
        if error is not None:
            raise error
        if not chunk:
            break
        chunk = await reading.chunk()
    answer.check_readable()


class _Answer:
    """What the events of one answer have said, and whether it is over."""

    def __init__(self, reading: Reading, pieces: deltas.Pieces) -> None:
        self._reading = reading
        self._parser, self._pieces = EventParser(), pieces
        self._lines = self._lines_with_event = self._unreadable = 0
        self._news: list[Delta] = []
        self._has_usage = self._is_whole = self._has_text = self._is_doubtful = False
        self.is_over = False

    def take(self, chunk: bytes) -> UpstreamError | None:
        """Read the events that end in this chunk; what ends the answer badly comes behind those before it."""
        try:
            for event in self._parser.feed(chunk):
                self._lines_with_event = self._parser.lines
                self._take(event)
                if self.is_over:
                    return None
        except UpstreamError as error:
            return error
        except EventTooLong:
            return UpstreamError("upstream_garbled", "an event longer than any answer")
        if self._parser.lines > self._lines:
            self._lines = self._parser.lines
            self._reading.was_heard()
        if self._lines - self._lines_with_event > _MAX_IDLE_LINES:
            return UpstreamError("upstream_garbled", "more lines without an event than any answer has")
        return None

    @property
    def has_news(self) -> bool:
        """Whether anything came that is a part of an answer."""
        return bool(self._news)

    def news(self) -> Delta:
        """What came since this was asked last."""
        news, self._news = self._news, []
        if not self._pieces.logprobs:
            return deltas.joined(news)
        logprobs, self._pieces.logprobs = self._pieces.logprobs, []
        return deltas.joined(news)._replace(logprobs=tuple(logprobs))

    def check_readable(self) -> None:
        """Raise UpstreamError for an answer that ended with events among it which nobody could read."""
        if self._unreadable and not self.is_over:
            raise UpstreamError("upstream_garbled", f"{self._unreadable} unreadable events")

    def _take(self, event: Event) -> None:
        if event.data.strip() == _DONE:
            if self._has_usage and not self._is_whole:
                self._news.append(Delta(finish_reason="stop"))
            self.is_over = True
            return
        try:
            delta = _read(event, self._pieces)
        except documents.Unreadable:
            self._unreadable += 1
            if self._unreadable > _MAX_UNREADABLE:
                raise UpstreamError("upstream_garbled", f"{self._unreadable} unreadable events") from None
            return
        self._news.append(delta)
        self._weigh(delta)

    def _weigh(self, delta: Delta) -> None:
        """Whether the answer goes on behind this delta, and how long we wait then."""
        has_words = delta.has_words
        if has_words:
            self._reading.has_words()
        self._has_text = self._has_text or bool(delta.text or delta.calls)
        self._has_usage = delta.has_usage or (self._has_usage and not has_words)
        self._is_whole = self._is_whole or bool(delta.finish_reason)
        if not self._is_whole:
            return
        self._is_doubtful = self._is_doubtful or has_words
        if not self._has_text:
            # Not over, whatever its finish_reason.
            self._reading.has_yet_to_begin()
        elif delta.has_usage and not self._is_doubtful:
            self.is_over = True
        elif delta.finish_reason or has_words:
            self._reading.ends_within(_DOUBT_SECONDS if self._is_doubtful else _USAGE_SECONDS)


def _read(event: Event, pieces: deltas.Pieces) -> Delta:
    if not event.data.strip():
        return Delta()
    if event.name == "error":
        raise _complaint_of(event.data).as_error()
    return pieces.read(event.data)


def _complaint_of(data: str) -> Complaint:
    """From an event named "error", which holds its error with or without the envelope."""
    try:
        return documents.read(data, _complaint_in)
    except documents.Unreadable:
        return Complaint()


def _complaint_in(document: Any) -> Complaint:
    has_envelope = isinstance(document, dict) and "error" in document
    return Complaint.read(document if has_envelope else {"error": document})
