"""A chat that is deleted on another device: the page says so, and what was not sent yet goes on in a new chat."""

import re

from playwright.sync_api import Page, expect

from tests.browser.test_kept_questions import choose, is_for, open_chat
from tests.browser.test_the_loop import say
from tests.member import Member

_BOX = "#composer-input"


def delete(member: Member, address: str) -> None:
    """On another device."""
    gone = member.send("DELETE", f"/api/v1/chat/conversations/{address.split('/')[2]}")
    assert gone.status_code == 204


def goes_on_in_a_new_chat(page: Page, words: str) -> None:
    """The page says what became of the chat, and its words begin another one when they are sent."""
    expect(page.locator("#gone")).to_contain_text("删除")
    expect(page).to_have_url(re.compile("/chat/$"))
    expect(page.locator(_BOX)).to_have_value(words)
    page.locator("#composer-send").click()
    expect(page.locator("#log article.message--answer").last).to_have_attribute("data-state", "finished")
    expect(page.locator("#log article.message--mine")).to_have_text(words)
    expect(page.locator("#gone")).to_be_hidden()
    page.reload()
    expect(page.locator("#log article.message--mine")).to_have_text(words)


def test_a_chat_deleted_elsewhere_is_said_to_be_gone(page: Page, member: Member) -> None:
    address = open_chat(page, member)
    choose(page, "demo-steady")
    page.locator(_BOX).fill("还没发的话")
    delete(member, address)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#gone")).to_be_visible()
    is_for(page, "demo-steady")
    goes_on_in_a_new_chat(page, "还没发的话")


def test_a_chat_deleted_elsewhere_is_noticed_by_sending(page: Page, member: Member) -> None:
    address = open_chat(page, member)
    delete(member, address)
    say(page, "发得晚了")
    goes_on_in_a_new_chat(page, "发得晚了")


def test_a_chat_deleted_elsewhere_is_noticed_by_answering_again(page: Page, member: Member) -> None:
    address = open_chat(page, member)
    page.locator(_BOX).fill("等等")
    delete(member, address)
    page.locator("[data-regenerate]").last.click()
    goes_on_in_a_new_chat(page, "等等")


def test_paying_leads_back_to_the_words_though_their_chat_was_deleted(page: Page, member: Member) -> None:
    address = open_chat(page, member)
    page.locator(_BOX).fill("付完再问")
    page.goto("/shop/")
    delete(member, address)
    page.goto(address)
    goes_on_in_a_new_chat(page, "付完再问")


def test_words_that_waited_in_a_new_chat_are_kept_too(page: Page, member: Member) -> None:
    page.goto("/chat/")
    page.locator(_BOX).fill("先写的")
    address = open_chat(page, member)
    page.locator(_BOX).fill("后写的")
    delete(member, address)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#gone")).to_be_visible()
    expect(page.locator(_BOX)).to_have_value("先写的\n后写的")


def test_deleting_what_was_deleted_elsewhere_is_no_error(page: Page, member: Member) -> None:
    other = member.new_conversation()
    member.say(other, "别处删掉的", model="demo-swift")
    open_chat(page, member)
    delete(member, f"/chat/{other}/")
    line = page.locator(f"#conversations [data-conversation='{other}']")
    line.locator("[data-delete]").evaluate("button => button.click()")
    page.locator("#delete-sheet button[value=yes]").click()
    expect(line).to_have_count(0)
    expect(page.locator(".toast")).to_have_count(0)
