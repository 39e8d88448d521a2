"""The process that builds a lexicon, seen from ours, which streams answers meanwhile."""

import json
import logging
import pickle
import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from typing import IO

import ahocorasick

from apps.chat.gateways.processes import run_once
from apps.chat.words.building import Parts
from apps.chat.words.lexicon import Lexicon, Source, lexicon_of

logger = logging.getLogger(__name__)

# Fewer words are built here: within milliseconds, sooner than another process starts.
MANY_WORDS = 2_000
_PATIENCE_SECONDS = 60.0


def build_lexicon(lists: Mapping[Source, Sequence[str]]) -> Lexicon:
    """The lexicon of these lists; blocks, but of many words lets other threads work meanwhile.

    Where no process can build it, this one does: an answer that nobody looks through is worse than one that waits.
    """
    if sum(map(len, lists.values())) <= MANY_WORDS:
        return lexicon_of(lists)
    asked = json.dumps(["\n".join(words) for words in lists.values()]).encode()
    # A file, of which each part is read while others work; a pipe would have to be put together here.
    try:
        with TemporaryFile() as said:
            run_once("apps.chat.words", asked=asked, said=said, seconds=_PATIENCE_SECONDS)
            said.seek(0)
            return Lexicon(tuple(lists), read_parts(said))
    except (OSError, subprocess.SubprocessError):
        logger.exception("the process that builds lexicons failed")
        return lexicon_of(lists)


def read_parts(said: IO[bytes]) -> Parts:
    """What that process said, in steps between which other threads may have their turn."""
    letters, groups, longest, number = pickle.load(said)  # noqa: S301  # what our own process said, as below
    automata = tuple(ahocorasick.Automaton(*pickle.load(said)) for _ in range(number))  # noqa: S301
    return Parts(letters, groups, longest, automata)
