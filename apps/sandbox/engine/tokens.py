"""How the demo models count, so that every bill can be checked by hand.

A Chinese, Japanese or Korean character (or full-width mark) is one token; any other text is one
token per four characters or part of them, counted from the last CJK character on. A message costs
3 tokens more than its text. Of a call its arguments count; tools that are offered cost nothing.
"""

import re
from collections.abc import Iterable

MESSAGE_OVERHEAD = 3

_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_TOKEN = re.compile(f"[{_CJK}]|[^{_CJK}]{{1,4}}", re.DOTALL)
_ANY_CJK = re.compile(f"[{_CJK}]")


def split(text: str) -> list[str]:
    """The tokens of a text, in order; joined they are the text."""
    return _TOKEN.findall(text)


def count(texts: Iterable[str]) -> int:
    """What a prompt of these messages costs."""
    return sum(MESSAGE_OVERHEAD + len(split(text)) for text in texts)


def is_cjk(text: str) -> bool:
    """Whether the text should be answered in Chinese."""
    return _ANY_CJK.search(text) is not None
