"""Everything that people read exists in Chinese, once."""

from config import translations


def test_every_text_is_translated() -> None:
    assert list(translations.missing()) == []


def test_no_text_is_translated_in_two_ways() -> None:
    assert list(translations.conflicts()) == []
