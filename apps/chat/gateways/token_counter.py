"""The process that counts tokens, seen from ours. Where it does not answer, the estimate of the rules counts."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import cast

from apps.chat.contracts import Tokenizer
from apps.chat.gateways.processes import KeptProcess, ProcessEnded
from apps.chat.rules.tokenizers import MOST_COUNTED_CHARS

logger = logging.getLogger(__name__)


class TokenCounter:
    """One process, started when it is first needed; it ends with ours. Threads take turns."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process = KeptProcess("apps.chat.gateways.counting", is_killed=True)

    def count(self, texts: Sequence[str], tokenizer: Tokenizer) -> list[int] | None:
        """The tokens of each text; None for too much text, and where nobody counts.

        Blocks: for the first time until a table is loaded, a second or two, never longer than some seconds.
        """
        if sum(map(len, texts)) > MOST_COUNTED_CHARS:
            return None
        with self._lock:
            for _ in range(2):  # a process may have been killed for a reason of its own
                with suppress(ProcessEnded):
                    return cast("list[int]", self._process.ask({"by": tokenizer.value, "texts": list(texts)}))
        logger.warning("nobody counts tokens by %s; they are estimated", tokenizer)
        return None

    def close(self) -> None:
        """End the process; the next count starts another."""
        with self._lock:
            self._process.end()
