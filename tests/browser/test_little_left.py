"""Before the quota is gone: how much is left of it for the chosen model, and where there is more."""

import pytest
from playwright.sync_api import Page, expect

from tests.member import Member, eventually


def choose(page: Page, model: str) -> None:
    page.locator("#model-button").click()
    page.locator(f"#model-sheet input[value={model}]").check()
    page.keyboard.press("Escape")


def test_little_is_told_for_the_chosen_model(page: Page, member: Member) -> None:
    left = member.balances()["free_left"]
    page.goto("/chat/")
    note = page.locator("#low-quota")
    expect(page.locator("#composer-hint")).to_have_text(f"今天还剩 {left} 条免费消息")
    expect(note).to_be_hidden()

    conversation = member.new_conversation()
    for _ in range(left - 2):
        member.say(conversation, "repeat: 好", model="demo-swift")
    page.reload()
    expect(note.locator("span")).to_have_text("还够这个模型回答 2 次。")
    expect(note.get_by_role("link", name="充值")).to_be_visible()
    expect(page.locator("html")).to_have_js_property("scrollWidth", page.evaluate("innerWidth"))
    # What is free pays for no answer by the token.
    choose(page, "demo-exact")
    expect(note.locator("span")).to_have_text("额度不够这个模型回答一次。")

    product = min(member.get("/api/v1/products"), key=lambda product: product["amount_fen"])
    member.pay(member.order(product))
    eventually(lambda: member.balances()["quota_milli"], lambda quota: quota >= 3000)
    page.reload()
    choose(page, "demo-swift")
    expect(page.locator("#composer-hint")).to_have_text("今天还剩 2 条免费消息")
    expect(note).to_be_hidden()


@pytest.mark.parametrize("context", ["phone"], indirect=True)
@pytest.mark.parametrize(
    ("quota_milli", "words"),
    [(89, "额度不够这个模型回答一次。"), (90, "最多还够这个模型写出 100 个 token。"), (2410, "")],
)
def test_by_the_token_as_much_is_told_as_may_be_written(page: Page, quota_milli: int, words: str) -> None:
    # Of a short question, 50 tokens are read at 0.2 for a thousand; what is written costs 0.8.
    said = {"quota_milli": quota_milli, "free_left": 5, "points": 0, "chances": 0, "activity_id": None}
    page.route("**/api/v1/balances", lambda route: route.fulfill(json=said))
    page.goto("/chat/")
    choose(page, "demo-exact")

    expect(page.locator("#composer-hint")).to_have_text("每千 token 0.2 / 0.8 额度")
    expect(page.locator("[data-balance=quota_milli]").first).not_to_have_text("0")
    expect(page.locator("#low-quota span")).to_have_text(words)
    expect(page.locator("#low-quota")).to_be_visible(visible=bool(words))
