"""A picture asked for in a chat: its price beside the box, honest words while it is drawn, the same after a reload."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_little_left import buy_a_pack, choose
from tests.browser.test_the_loop import ended_answers, no_sideways_scroll, say
from tests.member import Member
from tests.site import Site

_SAVE = """
from apps.chat import services as chat
from apps.chat.contracts import PerImage, PerSize
from apps.kernel import clock
now = clock.now()
rates = (PerSize(size='512x512', milli={small}),)
chat.save_model(code={code!r}, name='画师', kind='image', is_enabled={on}, now=now,
    price=PerImage(image_milli={usual}, rates=rates))
chat.save_route(model_code={code!r}, channel_code='demo', upstream_name='demo-painter', now=now)
"""
_SIZE = "#image-size"


def save(site: Site, code: str, *, usual: int, small: int, on: bool = True) -> None:
    made = site.manage("shell", "-c", _SAVE.format(code=code, usual=usual, small=small, on=on))
    assert made.returncode == 0, made.stderr


@pytest.fixture
def dear_painter(site: Site, member: Member) -> Iterator[str]:
    """A model of images of which the member's quota pays for two of the usual size and for one small one."""
    code = f"painter{uuid4().hex[:8]}"
    quota = buy_a_pack(member)
    save(site, code, usual=quota // 2, small=quota)
    yield code
    save(site, code, usual=quota, small=quota, on=False)


def ask_for_a_picture(page: Page, words: str) -> Locator:
    """The answer, once it has ended; its picture is there."""
    say(page, words)
    drawing = page.locator("#log article.message--answer[data-kind=image]").last
    expect(drawing).to_be_visible()
    expect(page.locator("#log .drawn img").last).to_have_attribute("alt", re.compile(re.escape(words)))
    return ended_answers(page).last


def is_seen(picture: Locator, width: int) -> None:
    expect(picture).to_have_js_property("naturalWidth", width)


def test_a_picture_is_drawn_at_the_price_beside_the_box_and_is_there_after_a_reload(page: Page, member: Member) -> None:
    buy_a_pack(member)
    before = member.balances()["quota_milli"]
    page.goto("/chat/")
    choose(page, "demo-painter")
    expect(page.locator(_SIZE)).to_be_visible()
    expect(page.get_by_label("图片的尺寸和质量")).to_have_value("")
    expect(page.locator("#composer-hint")).to_have_text("2 额度/张")
    page.locator(_SIZE).select_option("512x512 ")
    expect(page.locator("#composer-hint")).to_have_text("1 额度/张")
    no_sideways_scroll(page)

    answer = ask_for_a_picture(page, "一座青山，山下有河")

    is_seen(answer.locator(".drawn img"), 512)
    expect(answer.locator("figcaption")).to_contain_text("AI 生成")
    expect(answer.get_by_role("link", name="保存图片")).to_have_attribute("download", "")
    expect(answer.locator("[data-part=cost]")).to_have_text("1 额度")
    expect(answer.locator("[data-part=thinking]")).to_be_hidden()
    assert member.balances()["quota_milli"] == before - 1000
    no_sideways_scroll(page)
    page.reload()
    is_seen(page.locator("#log .drawn img"), 512)
    expect(page.locator(_SIZE)).to_have_value("512x512 ")
    # By the back button from somewhere else, too.
    page.goto("/shop/")
    page.go_back()
    is_seen(page.locator("#log .drawn img"), 512)


def test_words_and_pictures_take_turns_in_one_chat(page: Page, member: Member) -> None:
    buy_a_pack(member)
    page.goto("/chat/")
    choose(page, "demo-painter")
    ask_for_a_picture(page, "一只红船")
    choose(page, "demo-swift")
    expect(page.locator(_SIZE)).to_be_hidden()
    say(page, "你好")
    expect(ended_answers(page)).to_have_count(2)
    expect(ended_answers(page).last.locator(".message__body")).not_to_be_empty()
    expect(ended_answers(page).last.locator(".drawn")).to_have_count(0)

    choose(page, "demo-painter")
    ask_for_a_picture(page, "一只白船")

    expect(page.locator("#log .drawn img")).to_have_count(2)


def test_whoever_cannot_pay_a_picture_has_the_words_again(page: Page) -> None:
    page.goto("/chat/")
    choose(page, "demo-painter")
    expect(page.locator("#low-quota")).to_contain_text("额度不够画这样的图片")

    say(page, "一座青山")

    expect(page.get_by_role("dialog", name="额度不够")).to_be_visible()
    expect(page.locator("#composer-input")).to_have_value("一座青山")
    expect(page.locator("#log .message")).to_have_count(0)


def test_what_is_left_is_told_in_pictures_of_the_chosen_kind(
    site: Site, page: Page, member: Member, dear_painter: str
) -> None:
    low = page.locator("#low-quota")
    page.goto("/chat/")
    choose(page, dear_painter)
    expect(low).to_contain_text("额度还够画 2 张这样的图片。")
    page.locator(_SIZE).select_option("512x512 ")
    expect(low).to_contain_text("额度还够画 1 张这样的图片。")

    # Dearer meanwhile: the new price is shown before anything is asked, and it is too much.
    quota = member.balances()["quota_milli"]
    save(site, dear_painter, usual=quota, small=quota + 500)
    say(page, "一座青山")

    sheet = page.get_by_role("dialog", name="价格已变更")
    expect(sheet).to_contain_text("512x512")
    expect(page.locator("#log .message")).to_have_count(0)
    sheet.get_by_role("button", name="取消").click()
    expect(low).to_contain_text("额度不够画这样的图片。")
    expect(page.locator("#composer-input")).to_have_value("一座青山")
    assert member.balances()["quota_milli"] == quota
