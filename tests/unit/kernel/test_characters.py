"""Which texts show something."""

import pytest

from apps.kernel.characters import show_something


@pytest.mark.parametrize(
    "text", ["a", "1", "…", "你", "👍", "\u200b👍🏽", " \n- ", "\U0001fae8", "\u2ffc\u4e00", "\ue000"]
)
def test_a_sign_among_others_shows(text: str) -> None:
    assert show_something(text)


@pytest.mark.parametrize(
    "text",
    ["", " \t\r\n\u3000\u00a0", "\u200b\u2060\ufeff\u3164", "\u2800", "\ufe0f", "\u202e\x07", "\U000e0080"],
)
def test_what_is_blank_or_hidden_shows_nothing(text: str) -> None:
    assert not show_something(text)
