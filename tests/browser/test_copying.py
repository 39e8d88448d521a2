"""Copying where the browser's clipboard is missing, as on plain http, or half there, as in older WeChats."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.member import Member

MARK = "内容由 AI 生成 · AI-generated"
_NO = "() => Promise.reject(new Error('no'))"
# How a browser may be made that copies in another way.
BROWSERS = {
    "none": "Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined })",
    "texts only": "delete window.ClipboardItem",
    "refused": f"if (navigator.clipboard) navigator.clipboard.write = navigator.clipboard.writeText = {_NO}",
}


@pytest.mark.parametrize("browser_is", BROWSERS)
def test_an_answer_is_copied_whatever_the_browser_can(
    context: BrowserContext, page: Page, member: Member, browser_is: str
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    conversation = member.new_conversation()
    member.say(conversation, "repeat: **粗** 的字\n\n第二行", model="demo-swift")
    page.add_init_script(BROWSERS[browser_is])
    page.goto(f"/chat/{conversation}/")
    button = page.locator("[data-copy-answer]")

    button.click()

    expect(page.locator(".toast[data-kind=ok]")).to_have_text("已复制")
    expect(button).to_be_focused()
    page.locator("#composer-input").focus()
    page.keyboard.press("ControlOrMeta+V")
    expect(page.locator("#composer-input")).to_have_value(f"**粗** 的字\n\n第二行\n\n{MARK}")


def test_a_key_is_copied_out_of_its_sheet(page: Page) -> None:
    page.add_init_script(BROWSERS["none"])
    page.goto("/account/keys/")
    page.locator("[data-open=key-sheet]").first.click()
    page.locator("#id_name").fill("脚本")
    page.locator("#key-form button[type=submit]").click()
    key = page.locator("#made-key")
    expect(key).to_contain_text("sk-")
    made = key.inner_text()

    page.locator("[data-copy-from=made-key]").click()

    expect(page.locator(".toast[data-kind=ok]")).to_have_text("已复制")
    page.locator("#made-sheet [data-close]").click()
    page.locator("[data-open=key-sheet]").first.click()
    page.locator("#id_name").focus()
    page.keyboard.press("ControlOrMeta+V")
    expect(page.locator("#id_name")).to_have_value(made)
