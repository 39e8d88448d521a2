"""The process that counts tokens: one request per line of JSON on standard input, until that is closed.

A request is {"by": the name of a table, "texts": […]}, its answer one line of JSON, a count for each text. Its tables
take a second to load, in which nothing else of their process runs, and 50 to 80 MB: why it is a process of its own.
"""

import json
import signal
import sys

import toktok

# Others wait meanwhile. It includes the loading of a table, on a machine that is busy.
_WALL_SECONDS = 10.0


def main() -> None:
    """Count until the input ends."""
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_REAL, _WALL_SECONDS)
        request = json.loads(line)
        counts = toktok.batch_count(request["texts"], request["by"], threads=1)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.write(json.dumps(counts) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
