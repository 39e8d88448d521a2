"""The process that builds one lexicon: lists of words in, as JSON; its parts out, pickled for the process that asked.

Building takes seconds of the processor, of which pyahocorasick lets nobody else have any; putting the finished parts
together takes a twentieth of that. Each part is pickled by itself: whoever reads may do something else between two.
"""

import json
import pickle
import sys

from apps.chat.words.building import build


def main() -> None:
    """Read everything, build, write everything."""
    # A word a line.
    lists: list[str] = json.load(sys.stdin.buffer)
    parts = build((word, number) for number, words in enumerate(lists) for word in words.split("\n"))
    for part in (
        (parts.letters, parts.groups, parts.longest, len(parts.automata)),
        *(automaton.__reduce__()[1] for automaton in parts.automata),
    ):
        pickle.dump(part, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
