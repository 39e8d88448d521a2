"""The page that says what answers cost says what is charged, in both languages, to everybody."""

import re
from html import unescape

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import PerTokens, Role, TextPart, Turn
from apps.chat.rules import asked_tokens, estimate_tokens
from apps.chat.rules.tariff import Share, tariff
from apps.kernel import clock
from tests.integration.chat.conftest import make_model, set_limits

pytestmark = pytest.mark.django_db

# As it was decided; the table on the page is asked of the rules that settle.
DECIDED = {
    "finished": (Share.WHOLE, Share.WHOLE),
    "longest": (Share.WHOLE, Share.WHOLE),
    "stopped": (Share.WHOLE, Share.KEPT),
    "filtered": (Share.WHOLE, Share.KEPT),
    "cut": (Share.WHOLE, Share.KEPT),
    "nothing": (Share.NOTHING, Share.NOTHING),
    "ours": (Share.NOTHING, Share.NOTHING),
}
WORDS = {
    "zh-hans": {
        "finished": ("正常写完", "全价", "读取的输入，加写出的输出"),
        "longest": ("写到了最长长度", "全价", "读取的输入，加写出的输出"),
        "stopped": ("被你停止", "全价", "读取的输入，加保留下来的输出"),
        "filtered": ("被模型方或本站拦下一部分", "全价", "读取的输入，加保留下来的输出"),
        "cut": ("被模型方中断", "全价", "读取的输入，加保留下来的输出"),
        "nothing": ("没有文字、思考，也没有调用工具就结束", "不收费", "不收费"),
        "ours": ("因本站原因中断", "不收费", "不收费"),
    },
    "en": {
        "finished": ("came to its end", "the price", "what was read and written"),
        "longest": ("reached its longest length", "the price", "what was read and written"),
        "stopped": ("was stopped by you", "the price", "what was read, and what was kept of the output"),
        "filtered": (
            "was held back in part, by its provider or by us",
            "the price",
            "what was read, and what was kept of the output",
        ),
        "cut": ("was cut off by its provider", "the price", "what was read, and what was kept of the output"),
        "nothing": ("ended without a word, a thought or a tool that it calls", "nothing", "nothing"),
        "ours": ("was broken off by us", "nothing", "nothing"),
    },
}


def page_in(language: str, client: Client, path: str = "/prices/") -> str:
    return unescape(client.get(path, headers={"accept-language": language}).content.decode())


def cells(row: str) -> tuple[str, ...]:
    return tuple(" ".join(cell.split()) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL))


def test_what_is_charged_is_what_was_decided() -> None:
    assert {line.code: (line.per_answer, line.per_tokens) for line in tariff()} == DECIDED


@pytest.mark.parametrize("language", WORDS)
def test_the_table_says_what_the_rules_do(language: str, visitor: Client) -> None:
    html = page_in(language, visitor)

    rows = dict(re.findall(r'<tr data-end="(\w+)">(.*?)</tr>', html, re.DOTALL))
    assert {code: cells(row) for code, row in rows.items()} == WORDS[language]
    shares = {code: tuple(re.findall(r'data-share="(\w+)"', row)) for code, row in rows.items()}
    assert shares == {code: tuple(share.value for share in decided) for code, decided in DECIDED.items()}


def test_every_model_that_can_be_asked_stands_there_with_its_price(visitor: Client) -> None:
    make_model("flat", price_milli=1500)
    make_model("one", price_milli=1000)
    make_model("exact", price=PerTokens(input_milli=200, cached_milli=50, output_milli=800))
    make_model("off", is_enabled=False)
    services.save_model(code="unserved", name="Unserved", price_milli=1000, now=clock.now())

    html = page_in("en", visitor)

    found = dict(re.findall(r'<tr data-model="(\w+)">(.*?)</tr>', html, re.DOTALL))
    assert {code: cells(row) for code, row in found.items()} == {
        "flat": ("Flat", "1.5 credits per answer"),
        "one": ("One", "1 credit per answer"),
        "exact": ("Exact", "Credits per 1,000 tokens: 0.2 read (0.05 from the cache), 0.8 written"),
    }


def test_what_we_count_is_told_whole(visitor: Client) -> None:
    # Of what is read a message more is told, too; of what is written there is nothing around it.
    assert asked_tokens([Turn(role=Role.USER, parts=(TextPart(text="你好, world"),))]) == 2 + 3 + 4
    assert estimate_tokens("你好, world") == 2 + 3

    told = "one for each Chinese character, one for three other signs, and of what is read 4 more for each message"
    assert told in page_in("en", visitor)
    assert "每个汉字一个，其他字符每三个一个；读取的内容每条消息另加 4 个" in page_in("zh-hans", visitor)


@pytest.mark.parametrize(("free_per_day", "is_said"), [(0, False), (3, True)])
def test_free_messages_are_spoken_of_only_where_there_are_some(
    visitor: Client, model: str, free_per_day: int, is_said: bool
) -> None:
    set_limits(free_per_day=free_per_day, max_unpaid_per_day=7)

    html = page_in("zh-hans", visitor)

    assert ("免费次数不扣额度" in html) is is_said
    assert "每天最多 7 次回答可以由本站承担成本" in html
    assert "不足 100 个 token 时不会开始" in html


@pytest.mark.parametrize("path", ["/chat/", "/shop/", "/account/movements/?of=quota", "/prices/"])
def test_it_is_linked_where_prices_stand(alice: Member, alice_browser: Client, model: str, path: str) -> None:
    assert 'href="/prices/"' in page_in("en", alice_browser, path)
