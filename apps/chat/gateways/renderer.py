"""The process that renders, seen from ours. Whatever a text does to the parser, the site's own process stays awake."""

import logging
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from apps.chat.gateways.processes import KeptProcess, ProcessEnded
from apps.chat.markup import Block, Words

logger = logging.getLogger(__name__)

_CPU_SECONDS = 2.0
# More than a page can show; nobody reads it, and the site would have to carry it around.
_MAX_HTML_BYTES = 2_000_000
_GIVEN_UP = (signal.SIGPROF, signal.SIGALRM)


class Renderer:
    """One process, started when it is first needed; it ends with ours. Used by one thread at a time."""

    def __init__(self, *, cpu_seconds: float = _CPU_SECONDS) -> None:
        self._process = KeptProcess("apps.chat.markup", str(cpu_seconds))

    def render(self, text: str, words: Words, *, goes_on: bool = False) -> list[Block] | None:
        """The text's blocks; None for a text that cannot be rendered within its limits."""
        request = _request(text, words, goes_on=goes_on)
        for _ in range(2):  # a process may have been killed for a reason of its own
            try:
                return self._asked(request)
            except ProcessEnded as end:
                if end.by_signal in _GIVEN_UP:
                    logger.warning("a text of %s characters took too long to render and is shown plain", len(text))
                    self.make_ready()  # its start is part of the turn of the text that ended the last one
                    return None
        logger.warning("a text of %s characters ended the renderer twice and is shown plain", len(text))
        return None

    @property
    def is_ready(self) -> bool:
        """Whether the process runs, as far as we know."""
        return self._process.pid is not None

    def make_ready(self) -> None:
        """Start the process, and wait until it can render."""
        with suppress(ProcessEnded):
            self._asked(_request("", Words(), goes_on=False))

    def close(self) -> None:
        """End the process."""
        self._process.end()

    def _asked(self, request: dict[str, Any]) -> list[Block] | None:
        index = self._process.ask(request)
        if isinstance(index, dict):
            logger.warning("a text could not be rendered (%s) and is shown plain", index["error"])
            return None
        html = self._process.read(sum(length for length, _ in index))
        if len(html) > _MAX_HTML_BYTES:
            logger.warning("a text became %s bytes of HTML and is shown plain", len(html))
            return None
        return list(_cut(html, index))


def _request(text: str, words: Words, *, goes_on: bool) -> dict[str, Any]:
    return {"text": text, "words": asdict(words), "goes_on": goes_on}


def _cut(html: bytes, index: list[list[int]]) -> Iterator[Block]:
    begin = 0
    for length, line in index:
        yield Block(html[begin : begin + length].decode(), line)
        begin += length
