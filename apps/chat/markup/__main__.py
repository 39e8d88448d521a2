"""The process that renders: one request per line of JSON on standard input, until that is closed.

An answer is one line of JSON, a list of [length in bytes, first line] for each block, and then the blocks' HTML; or
an object with the kind of error. A text that takes too much of the processor ends the process: the kernel sees to
that, even within one step of a parser that would never come back.
"""

import json
import resource
import signal
import sys
from contextlib import suppress
from typing import BinaryIO

from apps.chat.markup import Words, render_blocks

_MEMORY_BYTES = 768 * 1024 * 1024
# Others wait meanwhile, also where the processor is so busy that a text does not get its seconds of it.
_WALL_SECONDS = 5.0


def main(cpu_seconds: float) -> None:
    """Render until the input ends."""
    with suppress(ValueError, OSError):  # where the system does not know this limit, there is none
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        signal.setitimer(signal.ITIMER_REAL, _WALL_SECONDS)
        answer = _answer(line)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(sys.stdout.buffer, answer)


def _answer(line: bytes) -> list[bytes]:
    try:
        request = json.loads(line)
        blocks = render_blocks(request["text"], Words(**request["words"]), goes_on=request["goes_on"])
        parts = [block.html.encode() for block in blocks]
        index = [[len(part), block.line] for part, block in zip(parts, blocks, strict=True)]
    except Exception as error:  # noqa: BLE001  # whatever a library raises over a stranger's text: its kind is enough to know
        return [json.dumps({"error": type(error).__name__}).encode() + b"\n"]
    return [json.dumps(index).encode() + b"\n", *parts]


def _write(output: BinaryIO, parts: list[bytes]) -> None:
    output.writelines(parts)
    output.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]))
