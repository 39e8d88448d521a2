"""Everything that people read exists in Chinese, once."""

from config import messages


def test_every_text_is_translated() -> None:
    assert list(messages.missing()) == []


def test_no_text_is_translated_in_two_ways() -> None:
    assert list(messages.conflicts()) == []
