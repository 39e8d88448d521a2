"""How likely the tokens of an answer were, as its provider says it: bounded, and of no answer that words changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.chat.contracts import WordAction, WordsFound
from apps.chat.engine.tool_calls import passes
from apps.chat.rules.logprobs import read_token, texts_of
from apps.chat.words.lexicon import Lexicon

# Tokens and what they could have been, together: two megabytes. Of a longer answer there are none.
_MOST = 20_000


class Logprobs:
    """What came of them."""

    def __init__(self) -> None:
        self._tokens: list[dict[str, Any]] = []
        self._number = 0
        self._is_whole = True

    def add(self, said: Sequence[Any]) -> None:
        """Take more of them. Where one cannot be read, or they are too many, there are none."""
        for each in said if self._is_whole else ():
            token = read_token(each)
            self._number += 0 if token is None else 1 + len(token["top_logprobs"])
            self._is_whole = token is not None and self._number <= _MOST
            if token is None or not self._is_whole:
                self._tokens = []
                return
            self._tokens.append(token)

    async def shown(self, found: Sequence[WordsFound], lexicon: Callable[[], Lexicon]) -> tuple[Mapping[str, Any], ...]:
        """All of them; none where operators' words were masked in the answer, or are among what it could have said."""
        if not self._tokens or any(words.action != WordAction.FLAG for words in found):
            return ()
        is_let_through, _ = await passes("\n".join(texts_of(self._tokens)), lexicon)
        return tuple(self._tokens) if is_let_through else ()
