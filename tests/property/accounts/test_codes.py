"""What holds for every code and every nickname."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from apps.accounts import rules
from apps.accounts.errors import NicknameNotValid, NicknameReserved
from apps.accounts.services import randomness

CONFUSED = [set("0OQD"), set("1IL"), set("2Z"), set("5S"), set("8B"), set("UV")]


@given(st.builds(randomness.new_code))
def test_every_code_has_six_signs_of_the_alphabet_and_survives_typing(code: str) -> None:
    assert len(code) == rules.CODE_LENGTH >= 6
    assert set(code) <= set(rules.CODE_ALPHABET)
    assert rules.normalise_code(f" {code[:3].lower()}-{code[3:]} ") == code


def test_no_two_signs_of_the_alphabet_are_mistaken_for_each_other() -> None:
    assert len(set(rules.CODE_ALPHABET)) == len(rules.CODE_ALPHABET)
    for group in CONFUSED:
        assert len(group & set(rules.CODE_ALPHABET)) <= 1


def test_guessing_takes_more_than_a_hundred_million_tries() -> None:
    assert len(rules.CODE_ALPHABET) ** rules.CODE_LENGTH > 100_000_000


def test_every_sign_of_the_alphabet_is_drawn() -> None:
    assert set("".join(randomness.new_code() for _ in range(400))) == set(rules.CODE_ALPHABET)


@given(st.text(max_size=60))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert rules.normalise_command(rules.normalise_command(text)) == rules.normalise_command(text)
    assert rules.normalise_code(rules.normalise_code(text)) == rules.normalise_code(text)


@given(st.text(max_size=60))
def test_a_nickname_is_visible_and_short_or_refused(text: str) -> None:
    try:
        nickname = rules.clean_nickname(text)
    except (NicknameNotValid, NicknameReserved):  # Hypothesis tries the words of our code, too
        return
    assert 1 <= len(nickname) <= 24
    assert nickname == nickname.strip()
    # Ideographs of the planes 2 and 3 that this Python's Unicode does not know yet are somebody's name.
    assert any(unicodedata.category(sign)[0] in "LNPS" or 0x20000 <= ord(sign) < 0x40000 for sign in nickname)
    assert rules.clean_nickname(nickname) == nickname


@given(st.builds(randomness.default_nickname))
def test_a_default_nickname_is_a_valid_one(nickname: str) -> None:
    assert rules.clean_nickname(nickname) == nickname
