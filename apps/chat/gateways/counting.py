"""The process that counts tokens: one request per line of JSON on standard input, until that is closed.

A request is {"by": the name of a table, "texts": […]}, its answer one line of JSON, a count for each text. Its tables
take a second to load, in which nothing else of their process runs, and 50 to 80 MB: why it is a process of its own.
"""

import json
import signal
import sys

import toktok

# Of the processor; it includes the loading of a table. Others wait meanwhile, also where the processor is so busy that
# nobody gets their seconds of it.
_CPU_SECONDS = 5.0
_WALL_SECONDS = 30.0


def main() -> None:
    """Count until the input ends."""
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, _WALL_SECONDS)
        request = json.loads(line)
        counts = toktok.batch_count(request["texts"], request["by"], threads=1)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.write(json.dumps(counts) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
