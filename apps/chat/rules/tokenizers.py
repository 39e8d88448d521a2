"""Whose tokens are counted exactly, and how much of a text (docs/algorithms/chat-billing.md)."""

import re

from apps.chat.contracts import Tokenizer

# Codes as their makers name models. A name that says less is estimated until an operator says otherwise.
_BY_CODE = (
    (re.compile(r"\bgpt-oss"), Tokenizer.HARMONY),
    (re.compile(r"\b(gpt-(4o|4\.1|4\.5|5)|chatgpt-4o|o[134](-|$))"), Tokenizer.O200K),
    (re.compile(r"\b(gpt-(3\.5|4(-|$))|text-embedding-(3|ada))"), Tokenizer.CL100K),
    (re.compile(r"\bqwen-?3\.5"), Tokenizer.QWEN),
)
# In one go, of all texts together: what is longer is estimated. More than any model reads of ordinary text.
MOST_COUNTED_CHARS = 2_000_000
# The estimate is at most so many times too high, blanks and repetition aside; of more nobody looks which part fits.
MOST_TIMES_TOO_HIGH = 3


def tokenizer_of(said: str, *, code: str) -> Tokenizer | None:
    """By which tables a model's tokens are counted, if we have them; `said` is what operators chose."""
    if said == Tokenizer.BY_CODE:
        return next((tokenizer for pattern, tokenizer in _BY_CODE if pattern.search(code.lower())), None)
    return None if said == Tokenizer.ESTIMATE else Tokenizer(said)
