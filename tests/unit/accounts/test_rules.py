"""Codes, nicknames, words and addresses, without a database."""

import re
from datetime import UTC, datetime

import pytest

from apps.accounts import rules
from apps.accounts.errors import NicknameNotValid, NicknameReserved
from apps.accounts.services import randomness

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["34AC79", "34ac79", " 34A C79 ", "34A-C79", "３４ＡＣ７９"])
def test_a_code_is_understood_however_it_is_typed(typed: str) -> None:
    assert rules.normalise_code(typed) == "34AC79"


@pytest.mark.parametrize(
    "word", ["登录", " 登录。", "「登录」", "“登录”", "登录？", "\u200b登录\ufeff", "登\u2060录\u3164", "\u200e登录"]
)
def test_a_keyword_is_understood_with_what_keyboards_add(word: str) -> None:
    assert rules.normalise_command(word) == "登录"


def test_english_words_are_understood_in_any_case_and_width() -> None:
    assert rules.normalise_command(" ＬＯＧＩＮ!") == "login"


@pytest.mark.parametrize("seconds", [0, -300, 300])
def test_a_timestamp_within_five_minutes_is_fresh(seconds: int) -> None:
    assert rules.is_fresh(str(int(NOW.timestamp()) + seconds), now=NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_timestamp_beyond_five_minutes_is_not(seconds: int) -> None:
    assert not rules.is_fresh(str(int(NOW.timestamp()) + seconds), now=NOW)


@pytest.mark.parametrize("timestamp", ["", "x", "-1", "1e9", "١٧٠٠٠٠٠٠٠٠", "9" * 400])
def test_what_is_not_a_timestamp_is_not_fresh(timestamp: str) -> None:
    assert not rules.is_fresh(timestamp, now=NOW)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [(" 小鹿 ", "小鹿"), ("a  b", "a b"), ("e\u0301", "\u00e9"), ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧")],
)
def test_a_nickname_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert rules.clean_nickname(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        *("", "   ", "x" * 25, "a\x01b", "\u202eevil", "a\u200bb", "\x00", "\u200d", "\u200d \u200d"),
        *("\u3164", "\u115f\u1160", "\uffa0", "\u2800\u2800", "a\u3164", "\u034f", "\ufe0f", "\U000e0041", "\u17b4"),
    ],
)
def test_a_nickname_that_cannot_be_seen_is_refused(typed: str) -> None:
    with pytest.raises(NicknameNotValid):
        rules.clean_nickname(typed)


@pytest.mark.parametrize(
    "name",
    ["\U00031350", "\U000323b0三", "\U0002ebf0", "鿿", "\U0001fae9 笑", "葛\U000e0100飾", "Ünal", "한글", "⠓⠊", "1"],
)
def test_a_name_may_have_any_sign_that_shows_something(name: str) -> None:
    assert rules.clean_nickname(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "官方客服",
            "圈 聊 小助手",
            "客·服",
            "Chatloop",
            "ｃｈａｔｌｏｏｐ",
            "СhаtIооp",
            "chat1oop team",
            "Ćhatlööp",
            "CHATL00P",
        ),
        *("0fficial", "Officia1", "of.fic.ial", "管理員", "圏聊", "admin", "Аdmіn", "Support", "系统", "𝐂𝐡𝐚𝐭𝐥𝐨𝐨𝐩"),
    ],
)
def test_nobody_is_called_as_if_they_were_us(name: str) -> None:
    with pytest.raises(NicknameReserved):
        rules.clean_nickname(name)


@pytest.mark.parametrize(
    "name", ["云上的鹿", "loop", "Office cat", "老管", "supporter", "badminton", "聊得来", "系统化"]
)
def test_names_that_only_come_near_stay_free(name: str) -> None:
    assert rules.clean_nickname(name) == name


def test_default_nicknames_are_possible() -> None:
    for _ in range(200):
        name = randomness.default_nickname()
        assert rules.clean_nickname(name) == name


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_one_household_is_one_network(address: str, network: str) -> None:
    assert rules.network_of(address) == network


@pytest.mark.parametrize(
    ("network", "is_local"),
    [
        ("127.0.0.0/24", True),
        ("192.168.7.0/24", True),
        ("::/48", True),
        ("fd00:1::/48", True),
        ("203.0.113.0/24", False),
        ("2001:db8:1::/48", False),
        ("unknown", False),
    ],
)
def test_a_local_network_is_told_from_the_internet(network: str, is_local: bool) -> None:
    assert rules.is_local_network(network) is is_local


@pytest.mark.parametrize(
    ("network", "beginning"),
    [("203.0.113.0/24", "203.0.113"), ("2001:db8:1::/48", "2001:db8:1"), ("2001:db8::/48", "2001:db8:0")],
)
def test_a_network_is_named_by_how_its_addresses_begin(network: str, beginning: str) -> None:
    assert rules.beginning_of(network) == beginning


def test_scenes_are_random_and_in_wechats_signs() -> None:
    scenes = {randomness.new_scene(confirm_number="47") for _ in range(1000)}
    assert len(scenes) == 1000
    assert all(re.fullmatch(r"login_[A-Za-z0-9_-]{22}_47", scene) for scene in scenes)


def test_placeholders_are_plain_names() -> None:
    assert rules.placeholders_of("{a} and {b}, {{not this}}") == {"a", "b"}
    for odd in ("{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{}", "{0}", "{a"):
        with pytest.raises(ValueError):  # noqa: PT011  # the formatter has words of its own
            rules.placeholders_of(odd)
