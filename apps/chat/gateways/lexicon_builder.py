"""The process that builds a lexicon, seen from ours, which streams answers meanwhile."""

import io
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence

import ahocorasick

from apps.chat.words.building import Parts
from apps.chat.words.lexicon import Lexicon, Source, lexicon_of

logger = logging.getLogger(__name__)

# Fewer words are built here: within milliseconds, sooner than another process starts.
MANY_WORDS = 2_000
_PATIENCE_SECONDS = 30.0


def build_lexicon(lists: Mapping[Source, Sequence[str]]) -> Lexicon:
    """The lexicon of these lists; blocks, but of many words lets other threads work meanwhile.

    Where no process can build it, this one does: an answer that nobody looks through is worse than one that waits.
    """
    if sum(map(len, lists.values())) <= MANY_WORDS:
        return lexicon_of(lists)
    try:
        process = subprocess.run(
            [sys.executable, "-m", "apps.chat.words"],
            input=json.dumps(["\n".join(words) for words in lists.values()]).encode(),
            stdout=subprocess.PIPE,
            timeout=_PATIENCE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        logger.exception("the process that builds lexicons failed")
        return lexicon_of(lists)
    return Lexicon(tuple(lists), read_parts(process.stdout))


def read_parts(said: bytes) -> Parts:
    """What that process said, in steps between which other threads may have their turn."""
    stream = io.BytesIO(said)
    letters, groups, longest, number = pickle.load(stream)  # noqa: S301  # what our own process said, as below
    automata = tuple(ahocorasick.Automaton(*pickle.load(stream)) for _ in range(number))  # noqa: S301
    return Parts(letters, groups, longest, automata)
