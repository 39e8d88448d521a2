"""How words are found, whatever their disguise, and what becomes of a text that has them."""

import pytest

from apps.chat.contracts import WordAction, WordsFound
from apps.chat.words.gate import Gate, Sifted, sift
from apps.chat.words.lexicon import EMPTY, MASK, MOST_HELD, Source, lexicon_of
from apps.chat.words.signs import letters_of

MASKED = Source("masked", WordAction.MASK)
REJECTED = Source("rejected", WordAction.REJECT)
FLAGGED = Source("flagged", WordAction.FLAG)
ALLOWED = Source("allowed", None)
LEXICON = lexicon_of(
    {
        MASKED: ["红苹果", "plum", "六四五", "甲", "长长", "长长的蓝梨"],
        REJECTED: ["绿香蕉", "长长的"],
        FLAGGED: ["台湾", "plum"],
        ALLOWED: ["红苹果派", "plum tree", "绿香蕉树"],
    }
)


def shown(text: str) -> str:
    """What is shown of a text."""
    return sift(text, LEXICON).text


@pytest.mark.parametrize(
    ("sign", "letters"),
    {
        "Ａ": "a",
        "É": "e",
        "ß": "ss",
        "㎏": "kg",
        "⑩": "10",
        "①": "1",
        "➀": "1",
        "❶": "1",
        "⒈": "1",
        "٣": "3",
        "三": "3",
        "叁": "3",
        "貳": "2",
        "〇": "0",
        "國": "国",
        "가": "가",
        "が": "が",
        "\u0627": "\u0627",
        "\u0915": "\u0915",
        "\u093f": "\u093f",
        "\u0301": "",
        "\u200b": "",
        "\u3164": "",
        "*": "",
        "，": "",
        "😀": "",
        " ": "",
        "\n": "",
        "\ue000": "",
    }.items(),
)
def test_a_sign_counts_as_its_plain_letters_or_as_nothing(sign: str, letters: str) -> None:
    assert letters_of(sign) == letters


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "plain": ("一个红苹果。", "一个＊＊＊。"),
        "traditional": ("紅蘋果", "＊＊＊"),
        "case and width": ("PＬuM", "＊＊＊＊"),
        "accents and strokes": ("p\u0336lúm", "＊\u0336＊＊＊"),
        "unseen signs": ("红\u200b苹\ufeff果", "＊\u200b＊\ufeff＊"),
        "separators": ("红 * 苹-果", "＊ * ＊-＊"),
        "another line": ("红\n苹果", "＊\n＊＊"),
        "figures": ("⑥肆5 645", "＊＊＊ ＊＊＊"),
        "a sign of two letters": ("㎏红苹果", "㎏＊＊＊"),
        "the widest gap": ("红........苹果", "＊........＊＊"),
        "a gap too wide": ("红.........苹果", "红.........苹果"),
        "twice": ("甲甲", "＊＊"),
    }.values(),
    ids=str,
)
def test_a_word_is_masked_where_it_stands_in_the_text_as_it_was_written(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize("text", ["plums", "replum", "up lum", "16453", "红苹 plu"])
def test_part_of_a_longer_word_or_number_is_not_found(text: str) -> None:
    assert shown(text) == text


def test_an_allowed_longer_word_covers_what_is_in_it_and_nothing_beside_it() -> None:
    assert shown("红苹果派和红苹果") == "红苹果派和＊＊＊"
    assert shown("plum tree, plum trees") == "plum tree, ＊＊＊＊ trees"
    assert sift("绿香蕉树", LEXICON) == Sifted("绿香蕉树", (), is_rejected=False)


@pytest.mark.parametrize(("masked", "allowed"), [("k", "kg"), ("g", "kg"), ("kg", "k"), ("k", "g")])
def test_an_allowed_word_of_the_same_sign_lets_it_pass(masked: str, allowed: str) -> None:
    lexicon = lexicon_of({MASKED: [masked], ALLOWED: [allowed]})

    assert sift("5㎏", lexicon).text == "5㎏"


def test_what_an_allowed_word_covers_passes_though_its_beginning_has_gone_through() -> None:
    lexicon = lexicon_of({MASKED: ["果派", "果派对"], ALLOWED: ["红苹果派"]})
    gate = Gate(lambda: lexicon)

    assert [gate.take(piece) for piece in ("红苹果派", "好")] == ["红苹", "果派好"]
    assert gate.found == ()


def test_a_rejected_word_ends_the_text_where_it_begins() -> None:
    assert sift("甲，绿 香蕉，甲", LEXICON) == Sifted(
        "＊，",
        (
            WordsFound(found_by="masked", action=WordAction.MASK, times=1),
            WordsFound(found_by="rejected", action=WordAction.REJECT, times=1),
        ),
        is_rejected=True,
    )


def test_of_words_that_begin_together_only_the_one_that_ends_the_text_is_told() -> None:
    found = sift("梨甲乙", lexicon_of({MASKED: ["甲", "甲乙丙"], REJECTED: ["甲乙"]})).found

    assert [(one.found_by, one.times) for one in found] == [("rejected", 1)]


def test_a_flagged_word_is_only_recorded() -> None:
    assert sift("臺灣。臺灣", LEXICON) == Sifted(
        "臺灣。臺灣", (WordsFound(found_by="flagged", action=WordAction.FLAG, times=2),), is_rejected=False
    )


def test_a_word_of_two_lists_is_found_for_both() -> None:
    found = sift("plum", LEXICON)

    assert found.text == MASK * 4
    assert {(hit.found_by, hit.times) for hit in found.found} == {("masked", 1), ("flagged", 1)}


def test_without_words_everything_passes_at_once() -> None:
    gate = Gate(lambda: EMPTY)

    assert gate.take("红苹果") == "红苹果"
    assert gate.take("", is_end=True) == ""
    assert sift("", LEXICON) == Sifted("", (), is_rejected=False)


def test_words_that_nobody_could_find_are_no_words() -> None:
    lexicon = lexicon_of({MASKED: ["", " * ", "蓝" * 41, "蓝" * 40]})

    assert sift("蓝" * 39, lexicon).text == "蓝" * 39
    assert sift("蓝" * 40, lexicon).text == MASK * 40


def test_nothing_is_held_back_while_no_word_may_come() -> None:
    gate = Gate(lambda: LEXICON)

    assert [gate.take(sign) for sign in "苹果，梨。香蕉 pl"] == [*"苹果，梨。香蕉 ", "", ""]
    assert gate.take("ane") == "plane"
    # No word begins within another.
    assert [gate.take(sign) for sign in " ap"] == [" ", "a", "p"]


def test_what_is_held_back_begins_where_the_longest_beginning_of_a_word_does() -> None:
    gate = Gate(lambda: LEXICON)

    assert gate.take("吃红") == "吃"
    assert gate.take("红苹") == "红"
    assert gate.take("果") == ""
    assert gate.take("酱") == "＊＊＊酱"
    assert gate.take("红........") == ""
    assert gate.take(".") == "红........."
    assert gate.take("plum") == ""
    assert gate.take("s plum") == "plums "
    assert gate.take("", is_end=True) == "＊＊＊＊"


def test_a_word_of_which_the_next_sign_tells_whether_it_ends_is_held_back() -> None:
    lexicon = lexicon_of({MASKED: ["fig"]})
    gate = Gate(lambda: lexicon)

    assert [gate.take(piece) for piece in ("a fig", "s", " fig", ".")] == ["a ", "figs", " ", "＊＊＊."]


def test_no_more_is_held_back_than_the_longest_word_with_the_widest_gaps() -> None:
    lexicon = lexicon_of({MASKED: ["蓝" * 40]})
    gate = Gate(lambda: lexicon)

    letters = "蓝........" * 39
    assert gate.take(letters) == ""
    assert len(letters) == MOST_HELD
    assert gate.take(".") == letters + "."


def test_words_that_begin_together_are_judged_when_the_longest_is_known() -> None:
    assert shown("长长短") == "＊＊短"
    assert sift("长长的蓝", LEXICON).text == ""
    gate = Gate(lambda: LEXICON)
    assert [gate.take(sign) for sign in "看长长的蓝"] == ["看", "", "", "", ""]
    assert gate.take("色") == ""
    assert gate.is_shut


def test_a_gate_that_is_shut_lets_nothing_through() -> None:
    gate = Gate(lambda: LEXICON)

    assert gate.take("买绿香蕉吃") == "买"
    assert gate.is_shut
    assert gate.take("更多") == gate.take("", is_end=True) == ""


def test_a_change_of_the_lists_counts_for_a_text_that_is_coming() -> None:
    lexicon = EMPTY
    gate = Gate(lambda: lexicon)

    before = gate.take("红苹果。")
    lexicon = LEXICON

    assert before + gate.take("红苹果好。") == "红苹果。＊＊＊好。"
