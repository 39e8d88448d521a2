"""The process that renders, seen from ours. Whatever a text does to the parser, the site's own process stays awake."""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import IO, cast

from django.conf import settings

from apps.chat.markup import Block, Words

logger = logging.getLogger(__name__)

_CPU_SECONDS = 2.0
# More than a page can show; nobody reads it, and the site would have to carry it around.
_MAX_HTML_BYTES = 2_000_000
_GIVEN_UP = (signal.SIGPROF, signal.SIGALRM)


class Renderer:
    """One process, started when it is first needed; it ends with ours. Used by one thread at a time."""

    def __init__(self, *, cpu_seconds: float = _CPU_SECONDS) -> None:
        self._command = [sys.executable, "-m", "apps.chat.markup", str(cpu_seconds)]
        self._process: subprocess.Popen[bytes] | None = None

    def render(self, text: str, words: Words, *, goes_on: bool = False) -> list[Block] | None:
        """The text's blocks; None for a text that cannot be rendered within its limits."""
        request = _request(text, words, goes_on=goes_on)
        for _ in range(2):  # a process may have been killed for a reason of its own
            try:
                return self._asked(request)
            except _Ended as end:
                if end.by_signal in _GIVEN_UP:
                    logger.warning("a text of %s characters took too long to render and is shown plain", len(text))
                    self.make_ready()  # its start is part of the turn of the text that ended the last one
                    return None
        logger.warning("a text of %s characters ended the renderer twice and is shown plain", len(text))
        return None

    @property
    def is_ready(self) -> bool:
        """Whether the process runs, as far as we know."""
        return self._process is not None

    def make_ready(self) -> None:
        """Start the process, and wait until it can render."""
        with suppress(_Ended):
            self._asked(_request("", Words(), goes_on=False))

    def close(self) -> None:
        """End the process."""
        self._end()

    def _asked(self, request: bytes) -> list[Block] | None:
        process = self._running()
        requests, answers = _pipes(process)
        try:
            requests.write(request)
            requests.flush()
            index = json.loads(answers.readline())
        except (OSError, ValueError):
            raise _Ended(self._end()) from None
        if isinstance(index, dict):
            logger.warning("a text could not be rendered (%s) and is shown plain", index["error"])
            return None
        size = sum(length for length, _ in index)
        html = answers.read(size)
        if len(html) < size:
            raise _Ended(self._end())
        if size > _MAX_HTML_BYTES:
            logger.warning("a text became %s bytes of HTML and is shown plain", size)
            return None
        return list(_cut(html, index))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # A session of its own: Ctrl-C ends us, and our end ends it. It reads strangers' texts and needs no secrets.
            self._process = subprocess.Popen(
                self._command,
                cwd=settings.ROOT,
                env={"PYTHONUTF8": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def _end(self) -> int:
        """Wait for the process that has ended or is to end; the signal that ended it, if any."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in _pipes(process):
            with suppress(OSError):
                pipe.close()
        return -process.wait()


class _Ended(Exception):
    """The process ended before it had answered."""

    def __init__(self, by_signal: int) -> None:
        super().__init__(by_signal)
        self.by_signal = by_signal


def _request(text: str, words: Words, *, goes_on: bool) -> bytes:
    return json.dumps({"text": text, "words": asdict(words), "goes_on": goes_on}).encode() + b"\n"


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)


def _cut(html: bytes, index: list[list[int]]) -> Iterator[Block]:
    begin = 0
    for length, line in index:
        yield Block(html[begin : begin + length].decode(), line)
        begin += length
