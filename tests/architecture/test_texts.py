"""Everything that people read exists in Chinese, once."""

from config import translations


def test_every_text_is_translated() -> None:
    assert list(translations.missing()) == []


def test_everybody_is_spoken_to_in_one_way() -> None:
    distant = [file.name for file in translations.parts() if "您" in file.read_text(encoding="utf-8")]
    assert distant == []


def test_no_text_is_translated_in_two_ways() -> None:
    assert list(translations.conflicts()) == []
