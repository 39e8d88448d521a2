"""Server-sent events out of bytes, as the standard says, and never more of them in memory than agreed."""

from collections.abc import Iterator
from typing import NamedTuple

# An event is parsed in one step, which for this much takes 20 ms at worst (benchmarks/worst_events.py).
MAX_EVENT_BYTES = 256 * 1024

_BOM = b"\xef\xbb\xbf"


class EventTooLong(Exception):
    """A line or an event has more bytes than agreed; nothing can be read behind it."""


class Event(NamedTuple):
    """One event; `name` is empty unless the sender gave it one."""

    name: str
    data: str


class EventParser:
    """Takes bytes as they come from the network and gives the events that they complete.

    Lines end at CR, LF or CRLF and at nothing else (U+2028, U+2029 and U+0085 are text); bytes that are not UTF-8
    become U+FFFD. An event that its empty line does not follow is none. https://html.spec.whatwg.org/#event-stream
    """

    def __init__(self, *, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        # The pieces of a line that has not ended yet, and how many bytes they are.
        self._pieces: list[bytes] = []
        self._piece_bytes = 0
        self._name = b""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._is_at_start = True
        self._is_after_cr = False
        self.lines = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that end in this chunk; must be read to its end. Raises EventTooLong."""
        if not chunk:
            return
        if self._is_after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF
        self._is_after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if (event := self._end_line(line)) is not None:
                yield event
        self._check_length(rest)
        self._pieces.append(rest)
        self._piece_bytes += len(rest)

    def _check_length(self, piece: bytes) -> None:
        if self._piece_bytes + len(piece) + self._data_bytes > self._max_bytes:
            raise EventTooLong

    def _end_line(self, line: bytes) -> Event | None:
        self._check_length(line)
        if self._pieces:
            line = b"".join([*self._pieces, line])
            self._pieces, self._piece_bytes = [], 0
        self.lines += 1
        if self._is_at_start:
            line, self._is_at_start = line.removeprefix(_BOM), False
        if not line:
            return self._dispatch() if self._data or self._name else None
        # A comment has an empty field name; a line without a colon is a name without a value.
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif field == b"event":
            self._name = value
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._data, self._data_bytes = b"", [], 0
        if not data:
            return None
        return Event(name.decode("utf-8", "replace"), b"\n".join(data).decode("utf-8", "replace"))
