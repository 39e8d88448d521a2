"""A key of a member's own, in the browser: refused, kept, tried, switched off and on, deleted; and what it asks."""

from playwright.sync_api import Locator, Page, expect

from apps.sandbox.rules.model_keys import OWN_KEY, OWN_KEY_EMPTY
from tests.member import Member

PATH = "/api/v1/chat/own-keys/sandbox"


def card(page: Page) -> Locator:
    """The card of the sandbox's models, on the page of keys."""
    page.goto("/account/own-keys/")
    return page.locator("[data-own-key=sandbox]")


def enter(key: Locator, value: str) -> None:
    key.locator("[name=api_key]").fill(value)
    key.get_by_role("button", name="测试并保存").click()


def test_a_key_is_entered_tried_switched_off_and_deleted(page: Page, member: Member) -> None:
    key = card(page)
    badge = key.locator(".badge")
    expect(badge).to_have_text("没有密钥")

    enter(key, OWN_KEY)
    expect(badge).to_have_text("使用中")
    expect(key.locator(".key-facts")).to_contain_text(f"…{OWN_KEY[-4:]}")
    assert OWN_KEY not in page.content()
    tried = member.get(PATH)["tested_at"]

    with page.expect_navigation():
        key.get_by_role("button", name="测试", exact=True).click()
    assert member.get(PATH)["tested_at"] > tried

    key.get_by_role("button", name="停用").click()
    expect(badge).to_have_text("已停用")
    key.get_by_role("button", name="启用").click()
    expect(badge).to_have_text("使用中")

    key.get_by_role("button", name="删除").click()
    sheet = page.get_by_role("dialog", name="删除这个密钥？")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    assert member.get(PATH)["is_entered"]
    key.get_by_role("button", name="删除").click()
    sheet.get_by_role("button", name="删除").click()
    expect(badge).to_have_text("没有密钥")
    assert not member.get(PATH)["is_entered"]


def test_a_key_that_is_refused_is_told_in_its_card_and_not_kept(page: Page, member: Member) -> None:
    key = card(page)
    told = key.get_by_role("alert")
    key.get_by_role("button", name="测试并保存").click()
    expect(told).to_have_text("请填写密钥。")
    expect(key.locator("[name=api_key]")).to_be_focused()

    enter(key, "sk-of-nobody-00000000")
    expect(told).to_have_text("服务商不接受这个密钥，没有保存。")
    assert not member.get(PATH)["is_entered"]

    enter(key, OWN_KEY_EMPTY)
    expect(key.locator(".badge")).to_have_text("测试未通过")
    expect(key).to_contain_text("服务商说这个密钥的账户余额不足。")


def test_what_it_asks_says_so_and_costs_nothing(page: Page, member: Member) -> None:
    enter(card(page), OWN_KEY)
    expect(page.locator("[data-own-key=sandbox] .badge")).to_have_text("使用中")
    before = member.balances()

    conversation = member.new_conversation()
    member.say(conversation, "repeat: one two three", model=member.cheapest_model())
    page.goto(f"/chat/{conversation}/")

    expect(page.locator("#log .message--answer")).to_contain_text("用自己的密钥")
    expect(page.locator(".model-option__price", has_text="用自己的密钥").first).to_be_attached()
    assert member.balances() == before


def test_what_it_asks_has_no_price_on_top_either(page: Page, member: Member) -> None:
    def search() -> Locator:
        page.goto("/chat/")
        page.locator('input[name="model"][value="demo-steady"]').evaluate("radio => radio.click()")
        return page.locator("[data-switch=search]")

    expect(search().locator(".composer__switch-price")).to_have_text("+0.5")
    enter(card(page), OWN_KEY)
    expect(page.locator("[data-own-key=sandbox] .badge")).to_have_text("使用中")

    expect(search()).to_be_visible()
    expect(search().locator(".composer__switch-price")).to_have_text("")
