"""Which characters show something, and which hide or are not there."""

import re
import unicodedata

# What emoji are built with, and the one character of its kind that is part of a sign.
JOINER = "\u200d"
# Control, surrogate, private and unassigned characters, line and paragraph separators; format
# characters too (they reverse or hide text).
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters, symbols and marks that show nothing: Hangul fillers, blank Braille, a joiner and vowels that are not seen.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Unassigned, and by Unicode's promise never seen.
_IGNORED = re.compile("[\u2065\ufff0-\ufff8\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]")
# Marks and spaces alone show nothing either. What is private or unassigned is seen as a box.
_NOTHING = frozenset({"Cc", "Cf", "Cs", "Mn", "Mc", "Me", "Zs", "Zl", "Zp"})
# Han characters and pictures, also those that came to Unicode after Python's own table was made.
_KNOWN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U0001f000-\U0001faff\U00020000-\U0002fffd\U00030000-\U0003fffd]")


def category(sign: str) -> str:
    """Unicode's category of a sign: blank ones count as control characters, signs younger than the table as letters."""
    if sign in _BLANK or _IGNORED.match(sign):
        return "Cf"
    return "Lo" if _KNOWN.match(sign) else unicodedata.category(sign)


def is_unseen(sign: str) -> bool:
    """Whether a sign shows nothing and takes no room."""
    return category(sign) in INVISIBLE and sign not in "\t\r\n"


def show_something(signs: str) -> bool:
    """Whether there is anything to see in a text."""
    return any(category(sign) not in _NOTHING for sign in set(signs))
