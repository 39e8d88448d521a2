"""A line that died while everything thinks it lives: the page waits for seconds, says what it knows, and asks once."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.proxy import Wire, wire_to
from tests.browser.test_lost_answers import ANSWER, LOSE, answering, stand_before_an_answer
from tests.browser.test_the_loop import say
from tests.member import Member
from tests.site import Site


def page_on(wire: Wire, context: BrowserContext, member: Member) -> Page:
    """A page of the member behind the wire, whose clock tests move on."""
    cookies = [{"name": name, "value": value, "url": wire.url} for name, value in member.http.cookies.items()]
    context.add_cookies(cookies)  # type: ignore[arg-type]  # Playwright's own type is a TypedDict
    page = context.new_page()
    page.clock.install()
    return page


@pytest.mark.parametrize("context", ["phone"], indirect=True)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_question_on_a_dead_line_comes_back_soon_and_is_asked_once(
    context: BrowserContext, site: Site, member: Member, is_new: bool
) -> None:
    with wire_to(site.port) as wire:
        page = page_on(wire, context, member)
        page.goto(f"{wire.url}/chat/" if is_new else f"{wire.url}/chat/{member.new_conversation()}/")
        wire.freeze()
        say(page, "有人吗")
        expect(page.locator("#log article.message--mine")).to_have_text("有人吗")
        page.clock.run_for(15_500)
        expect(page.locator(".toast")).to_contain_text("不会重复提问")
        expect(page.locator("#composer-input")).to_have_value("有人吗")
        wire.cut()  # by now the phone has noticed
        wire.mend()
        page.locator("#composer-send").click()
        expect(page.locator(ANSWER)).to_have_attribute("data-state", "finished")
    (conversation,) = [each for each in member.get("/api/v1/chat/conversations")["results"] if each["title"]]
    said = member.get(f"/api/v1/chat/conversations/{conversation['id']}/messages")["results"]
    assert [message["content"] for message in said if message["role"] == "user"] == ["有人吗"]


def test_a_lost_question_is_asked_once_though_another_model_is_chosen_for_the_next_try(
    page: Page, member: Member
) -> None:
    stand_before_an_answer(page, member)
    before = member.balances()["free_left"]
    handle, _ = answering(LOSE)
    page.route("**/messages", handle)
    say(page, "我只问一次")
    expect(page.locator("#composer-input")).to_have_value("我只问一次")
    page.locator("#model-button").click()
    page.locator("#model-sheet input[value=demo-deep]").check()
    page.keyboard.press("Escape")
    page.locator("#composer-send").click()
    expect(page.locator("#log article.message--mine")).to_have_count(2)
    expect(page.locator(ANSWER).last).to_have_attribute("data-state", "finished")
    expect(page.locator(f"{ANSWER} [data-part=model]").last).to_have_text(
        page.locator(f"{ANSWER} [data-part=model]").first.inner_text()
    )
    assert member.balances()["free_left"] == before - 1


@pytest.mark.parametrize("context", ["phone"], indirect=True)
@pytest.mark.parametrize(("address", "tap"), [("/shop/", "[data-buy]"), ("/welfare/", "#sign-in-button")])
def test_a_tap_on_a_dead_line_is_answered_soon(
    context: BrowserContext, site: Site, member: Member, address: str, tap: str
) -> None:
    with wire_to(site.port) as wire:
        page = page_on(wire, context, member)
        page.goto(f"{wire.url}{address}")
        wire.freeze()
        page.locator(tap).first.click()
        expect(page.locator(tap).first).to_have_attribute("aria-busy", "true")
        page.clock.run_for(15_500)
        expect(page.locator(".toast")).to_contain_text("没有收到")
