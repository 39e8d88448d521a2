"""A question that was not sent yet is kept as it was meant: its words, and the model that they are for."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_the_loop import say
from tests.member import Member

_BOX = "#composer-input"


def choose(page: Page, model: str) -> None:
    page.locator("#model-button").click()
    page.locator(f"#model-sheet input[value={model}]").check()
    page.keyboard.press("Escape")
    expect(page.locator("#model-sheet")).to_be_hidden()


def is_for(page: Page, model: str) -> None:
    """The page would ask this model, and says so."""
    chosen = page.locator("input[name=model]:checked")
    expect(chosen).to_have_attribute("value", model)
    expect(page.locator("#model-name")).to_have_text(str(chosen.get_attribute("data-name")))


def open_chat(page: Page, member: Member) -> str:
    """A conversation that talks to the quick model; its address."""
    conversation = member.new_conversation()
    member.say(conversation, "你好", model="demo-swift")
    page.goto(f"/chat/{conversation}/")
    is_for(page, "demo-swift")
    return f"/chat/{conversation}/"


def refuse(page: Page, code: str, status: int) -> None:
    """The next question is refused."""

    def handle(route: Route) -> None:
        problem = {"code": code, "title": "现在不行。", "status": status}
        route.fulfill(status=status, content_type="application/problem+json", body=json.dumps(problem))

    page.route("**/messages", handle, times=1)


@pytest.mark.parametrize("refusal", [("quota_exhausted", 409), ("chat_switched_off", 503), None])
def test_a_question_comes_back_with_its_model(page: Page, member: Member, refusal: tuple[str, int] | None) -> None:
    address = open_chat(page, member)
    choose(page, "demo-deep")
    if refusal:
        refuse(page, *refusal)
        say(page, "想一想再说")
        expect(page.locator(_BOX)).to_have_value("想一想再说")
    else:
        page.locator(_BOX).fill("想一想再说")
    page.goto("/shop/")
    page.goto(address)
    expect(page.locator(_BOX)).to_have_value("想一想再说")
    is_for(page, "demo-deep")


def test_another_model_chosen_after_a_refusal_is_the_one_that_counts(page: Page, member: Member) -> None:
    address = open_chat(page, member)
    choose(page, "demo-deep")
    refuse(page, "quota_exhausted", 409)
    say(page, "想一想再说")
    page.locator("#topup-sheet[open] [data-close]").click()
    choose(page, "demo-steady")
    page.goto("/shop/")
    page.goto(address)
    is_for(page, "demo-steady")


def test_a_new_chat_s_first_question_keeps_its_model_when_no_chat_could_be_made(page: Page, member: Member) -> None:
    page.goto("/chat/")
    choose(page, "demo-deep")
    page.route("**/chat/conversations", lambda route: route.abort())
    say(page, "第一句")
    expect(page.locator(".toast")).to_be_visible()
    other = page.context.new_page()
    open_chat(other, member)
    choose(other, "demo-steady")
    page.reload()
    expect(page.locator(_BOX)).to_have_value("第一句")
    is_for(page, "demo-deep")


def test_a_question_that_was_sent_leaves_no_choice_behind(page: Page, member: Member) -> None:
    """What the next visit proposes is the model that answered last, wherever it was asked."""
    address = open_chat(page, member)
    choose(page, "demo-steady")
    say(page, "快问")
    expect(page.locator("#log article.message--answer").last).to_have_attribute("data-state", "finished")
    member.say(address.split("/")[2], "慢答", model="demo-deep")
    page.goto(address)
    is_for(page, "demo-deep")
