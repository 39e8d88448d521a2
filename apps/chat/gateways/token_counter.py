"""The process that counts tokens, seen from ours. Where it does not answer, the estimate of the rules counts."""

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import IO, cast

from django.conf import settings

from apps.chat.contracts import Tokenizer
from apps.chat.rules.tokenizers import MOST_COUNTED_CHARS

logger = logging.getLogger(__name__)


class TokenCounter:
    """One process, started when it is first needed; it ends with ours. Threads take turns."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def count(self, texts: Sequence[str], tokenizer: Tokenizer) -> list[int] | None:
        """The tokens of each text; None for too much text, and where nobody counts.

        Blocks: for the first time until a table is loaded, a second or two, never longer than some seconds.
        """
        if sum(map(len, texts)) > MOST_COUNTED_CHARS:
            return None
        with self._lock:
            for _ in range(2):  # a process may have been killed for a reason of its own
                with suppress(_Ended):
                    return self._asked(texts, tokenizer)
        logger.warning("nobody counts tokens by %s; they are estimated", tokenizer)
        return None

    def close(self) -> None:
        """End the process; the next count starts another."""
        with self._lock:
            self._end()

    def _asked(self, texts: Sequence[str], tokenizer: Tokenizer) -> list[int]:
        process = self._running()
        requests, answers = _pipes(process)
        try:
            requests.write(json.dumps({"by": tokenizer.value, "texts": list(texts)}).encode() + b"\n")
            requests.flush()
            counts = json.loads(answers.readline())
        except (OSError, ValueError):
            self._end()
            raise _Ended from None
        return cast("list[int]", counts)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # A session of its own: Ctrl-C ends us, and our end ends it. It reads strangers' texts and needs no secrets.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "apps.chat.gateways.counting"],
                cwd=settings.ROOT,
                env={"PYTHONUTF8": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in _pipes(process):
            with suppress(OSError):
                pipe.close()
        process.kill()
        process.wait()


class _Ended(Exception):
    """The process ended before it had answered."""


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
