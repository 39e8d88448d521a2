"""Processes of ours that do one thing: nothing that a stranger's text does to them is done to the site's own."""

import json
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any, cast

from django.conf import settings

# They read strangers' texts, and need no secrets.
_ENVIRONMENT = {"PYTHONUTF8": "1"}


class ProcessEnded(Exception):
    """The process ended before it had answered; `by_signal` is the signal that ended it, 0 where none did."""

    def __init__(self, by_signal: int) -> None:
        super().__init__(by_signal)
        self.by_signal = by_signal


class KeptProcess:
    """A module of ours that answers each line of JSON with another, in a process that is started when it is first
    asked, and again after its end; it ends with ours. Used by one thread at a time.
    """

    def __init__(self, module: str, *arguments: str, is_killed: bool = False) -> None:
        """`is_killed`: it may be long at work when nobody wants its answer any more; else its end is waited for."""
        self._command = [sys.executable, "-m", module, *arguments]
        self._is_killed = is_killed
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its number; None where none runs, as far as we know."""
        return None if self._process is None else self._process.pid

    def ask(self, request: dict[str, Any]) -> Any:
        """What the line says that it answers. Blocks. Raises ProcessEnded."""
        requests, answers = _pipes(self._running())
        try:
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
            return json.loads(answers.readline())
        except (OSError, ValueError):
            raise ProcessEnded(self.end()) from None

    def read(self, size: int) -> bytes:
        """So many bytes that follow the line. Raises ProcessEnded."""
        data = _pipes(self._running())[1].read(size)
        if len(data) < size:
            raise ProcessEnded(self.end())
        return data

    def end(self) -> int:
        """End it, or see that it has ended; the signal that ended it, 0 where none did."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in _pipes(process):
            with suppress(OSError):
                pipe.close()
        if self._is_killed:
            process.kill()
        return -process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # A session of its own: Ctrl-C ends us, and our end ends it.
            self._process = subprocess.Popen(
                self._command,
                cwd=settings.ROOT,
                env=_ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process


def run_once(module: str, *, asked: bytes, said: IO[bytes], seconds: float) -> None:
    """Run a module of ours to its end, from what it is asked to a file with what it says.

    Raises subprocess.SubprocessError when it fails or takes longer, OSError.
    """
    command = [sys.executable, "-m", module]
    subprocess.run(command, input=asked, stdout=said, timeout=seconds, check=True, cwd=settings.ROOT, env=_ENVIRONMENT)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
