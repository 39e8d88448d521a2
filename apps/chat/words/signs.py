"""What a sign counts as where words are looked for: letters without their disguise, or nothing.

Looked at one by one, so that a text may be cut anywhere: what depends on its neighbours is not seen as one sign.
"""

import unicodedata
from functools import cache, lru_cache

import opencc

from apps.kernel.characters import category

# Chinese figures, also those of cheques; 〇 is a number to Unicode, ○ a circle that stands for it.
_FIGURES = ["〇零○", "一壹弌", "二贰弍", "三叁弎", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"]
_DIGITS = {sign: str(digit) for digit, signs in enumerate(_FIGURES) for sign in signs}
# Marks that are set upon letters of any script, and choose between looks of a sign; marks of a script are letters.
_ORNAMENTS = ((0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE00, 0xFE2F))
_PICTURES = (0x1F000, 0x1FAFF)
# Digits, and letters of scripts that put spaces between words; of others nobody sees where a word ends.
_SPACED = ((0x0041, 0x08FF), (0x1C80, 0x1CBF), (0x1D00, 0x1FFF), (0x2C60, 0x2C7F), (0xA640, 0xA69F), (0xA720, 0xA7FF))
_SPACED_TOO = ((0xAB30, 0xAB6F), (0xFB00, 0xFDFF), (0xFE70, 0xFEFF), (0xFF21, 0xFF5A), (0x1D400, 0x1D7FF))


def letters_of(sign: str) -> str:
    """The letters and digits that a sign stands for, mostly one; none for what only stands between letters.

    Case, width, style, accents and the traditional form of a Chinese character make no difference, nor does the
    way in which a digit is written.
    """
    if (digit := unicodedata.digit(sign, None)) is not None:
        return str(digit)
    parts = unicodedata.normalize("NFKD", sign)
    if any("\u0300" <= part <= "\u036f" for part in parts):
        whole = "".join(part for part in parts if not "\u0300" <= part <= "\u036f")
    else:
        whole = unicodedata.normalize("NFKC", sign)
    return "".join(_plain(letter) for letter in whole.casefold() if _is_letter(letter))


class Letters(dict[int, str]):
    """A table for `str.translate` that leaves the letters of a text; it remembers signs as they come."""

    def __missing__(self, code: int) -> str:
        letters = self[code] = letters_of(chr(code))
        return letters


def belong_together(before: str, after: str) -> bool:
    """Whether no word ends between two signs: both are digits, or both letters of scripts that space their words."""
    kind = _kind(before)
    return kind != "" and kind == _kind(after)


def _plain(letter: str) -> str:
    simplified = _simplified().get(letter, letter)
    return _DIGITS.get(simplified, simplified)


@cache
def _simplified() -> dict[str, str]:
    """Traditional characters and what they became, one by one: what a word would become as a whole is not asked.

    Those of Unicode's first plane; the rare ones behind it stay what they are.
    """
    signs = [chr(code) for code in range(0x3400, 0xA000)]
    became = opencc.OpenCC("t2s").convert("\n".join(signs)).split("\n")
    return {sign: simple for sign, simple in zip(signs, became, strict=True) if simple != sign}


def _is_letter(sign: str) -> bool:
    if sign in _DIGITS:
        return True
    code = ord(sign)
    if _lies_in(code, _PICTURES) or _lies_in(code, *_ORNAMENTS):
        return False
    return category(sign)[0] in "LNM"


@lru_cache(maxsize=8192)
def _kind(sign: str) -> str:
    if sign.isdigit():
        return "digit"
    return "letter" if sign.isalpha() and _lies_in(ord(sign), *_SPACED, *_SPACED_TOO) else ""


def _lies_in(code: int, *ranges: tuple[int, int]) -> bool:
    return any(first <= code <= last for first, last in ranges)
