"""A lexicon that another process builds is the one that would be built here."""

from itertools import product

import pytest

from apps.chat.contracts import WordAction
from apps.chat.gateways import lexicon_builder
from apps.chat.gateways.lexicon_builder import build_lexicon
from apps.chat.words.lexicon import Source, lexicon_of

MASKED, ALLOWED = Source("masked", WordAction.MASK), Source("allowed", None)
LISTS = {
    MASKED: ["".join(signs) for signs in product("红绿蓝黄紫橙灰", repeat=4)],
    ALLOWED: ["红绿蓝黄紫", "紫橙灰"],
}
TEXT = "红绿蓝黄，红綠藍 黄紫。甲紫橙灰红-绿蓝黄"


def test_a_long_list_is_built_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon_builder, "lexicon_of", None)

    built = build_lexicon(LISTS)

    assert built.look(TEXT) == lexicon_of(LISTS).look(TEXT)
    assert built.look(TEXT).matches


def test_where_no_process_can_build_it_is_built_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lexicon_builder, "_PATIENCE_SECONDS", 0.001)

    assert build_lexicon(LISTS).look(TEXT) == lexicon_of(LISTS).look(TEXT)
    assert "the process that builds lexicons failed" in caplog.text
