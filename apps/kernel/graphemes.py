"""Cutting text where a reader sees a border between characters."""

import unicodedata

_JOINER = "\u200d"
# Skin tones and the letters of flags' regions; joiners and marks are found by their category.
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
# No character that somebody means is longer; what goes on is cut anyway.
_LONGEST = 16


def cut(text: str, length: int) -> str:
    """At most the first `length` characters of a text, without half of an emoji, an accented letter or a flag.

    An approximation of Unicode's rules (UAX 29) that knows marks, joiners, skin tones, tags and flags.
    """
    if len(text) <= length:
        return text
    for end in range(length, max(length - _LONGEST, 0), -1):
        if not _belongs_together(text, end):
            return text[:end]
    return text[:length]


def _belongs_together(text: str, at: int) -> bool:
    """Whether the characters on both sides of a place are seen as one."""
    before, after = text[at - 1], text[at]
    if _JOINER in {before, after} or unicodedata.category(after) in {"Mn", "Me", "Mc"}:
        return True
    if ord(after) in _SKIN_TONES or ord(after) in _TAGS:
        return True
    if ord(after) in _FLAG_LETTERS:
        letters = len(text[:at]) - len(text[:at].rstrip("".join(map(chr, _FLAG_LETTERS))))
        return letters % 2 == 1
    return False
