"""Text is cut where a reader sees a border."""

import pytest

from apps.kernel.graphemes import cut

FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "length", "shown"),
    [
        ("abc", 5, "abc"),
        ("abcdef", 3, "abc"),
        ("长长长", 2, "长长"),
        ("a" + FAMILY, 3, "a"),
        ("a" + FAMILY + "b", 6, "a" + FAMILY),
        ("ae\u0301b", 2, "a"),
        ("a👍🏽b", 2, "a"),
        ("a❤\ufe0fb", 2, "a"),
        ("a🇨🇳🇫🇷", 2, "a"),
        ("a🇨🇳🇫🇷", 4, "a🇨🇳"),
        ("a🇨🇳🇫🇷", 3, "a🇨🇳"),
        ("e" + "\u0301" * 50, 30, "e" + "\u0301" * 29),
        ("abc", 0, ""),
    ],
)
def test_no_character_is_cut_in_half(text: str, length: int, shown: str) -> None:
    assert cut(text, length) == shown
