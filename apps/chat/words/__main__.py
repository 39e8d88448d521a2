"""The process that builds one lexicon: lists of words in, as JSON; its parts out, pickled for the process that asked.

Building takes seconds of the processor, of which pyahocorasick lets nobody else have any; putting the finished parts
together takes a twentieth of that.
"""

import json
import pickle
import sys

from apps.chat.words.building import build


def main() -> None:
    """Read everything, build, write everything."""
    lists: list[list[str]] = json.load(sys.stdin.buffer)
    parts = build((word, number) for number, words in enumerate(lists) for word in words)
    made = None if parts.automaton is None else parts.automaton.__reduce__()[1]
    pickle.dump((parts.letters, parts.groups, parts.longest, made), sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
