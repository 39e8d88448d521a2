"""The process that builds a lexicon, seen from ours, which streams answers meanwhile."""

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
_PATIENCE_SECONDS = 120.0


def build_lexicon(lists: Mapping[Source, Sequence[str]]) -> Lexicon:
    """The lexicon of these lists; blocks, but of many words lets other threads work meanwhile.

    Where no process can build it, this one does: an answer that nobody looks through is worse than one that waits.
    """
    if sum(map(len, lists.values())) <= MANY_WORDS:
        return lexicon_of(lists)
    try:
        process = subprocess.run(
            [sys.executable, "-m", "apps.chat.words"],
            input=json.dumps(list(map(list, lists.values()))).encode(),
            stdout=subprocess.PIPE,
            timeout=_PATIENCE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        logger.exception("the process that builds lexicons failed")
        return lexicon_of(lists)
    # In two steps, between which others may have their turn.
    letters, groups, longest, made = pickle.loads(process.stdout)  # noqa: S301  # what our own process said
    return Lexicon(tuple(lists), Parts(letters, groups, longest, made and ahocorasick.Automaton(*made)))
