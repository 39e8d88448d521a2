"""On a slow phone the page is there before its scripts: what is typed and tapped meanwhile counts."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.member import Member

_BOX = "#composer-input"
_SEND = "#composer-send"


@contextmanager
def waiting_for(page: Page, script: str, address: str) -> Iterator[None]:
    """The page at an address without this script, which arrives after the block."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    scripts = f"**/js/{script}*.js"
    page.route(scripts, hold)
    with page.expect_request(scripts):
        page.goto(address, wait_until="commit")
    yield
    for route in held:
        route.continue_()
    page.unroute(scripts)


def test_words_typed_early_win_over_the_draft(page: Page) -> None:
    page.goto("/chat/")
    page.locator(_BOX).fill("老草稿")
    with waiting_for(page, "chat/page", "/chat/"):
        page.locator(_BOX).press_sequentially("新的话")
        expect(page.locator(_SEND)).to_be_disabled()
    expect(page.locator(_SEND)).to_be_enabled()
    expect(page.locator(_BOX)).to_have_value("新的话")
    page.reload()
    expect(page.locator(_BOX)).to_have_value("新的话")


def test_an_early_tap_on_an_idea_is_carried_out(page: Page) -> None:
    with waiting_for(page, "chat/page", "/chat/"):
        idea = page.locator("[data-prompt]").first
        idea.click()
        expect(idea).to_have_attribute("aria-busy", "true")
    expect(page.locator(_BOX)).to_have_value(idea.get_attribute("data-prompt") or "")
    expect(page.locator("[aria-busy]")).to_have_count(0)


def test_an_early_search_is_carried_out(page: Page, member: Member) -> None:
    member.say(member.new_conversation(), "西湖边的龙井", model="demo-swift")
    with waiting_for(page, "chat/page", "/chat/"):
        page.locator("#chat-search").evaluate("box => { box.value = '龙井'; }")
    expect(page.locator("#search-hits")).to_contain_text("龙井")


def test_an_early_tap_on_buy_orders_once(page: Page, member: Member) -> None:
    with waiting_for(page, "orders/shop", "/shop/"):
        buy = page.locator("[data-buy]").first
        buy.click()
        expect(buy).to_have_attribute("aria-busy", "true")
        buy.dispatch_event("click")  # impatience
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    assert len(member.get("/api/v1/orders")["results"]) == 1


def test_an_early_tap_signs_in_for_today(page: Page) -> None:
    with waiting_for(page, "marketing/welfare", "/welfare/"):
        page.locator("#sign-in-button").click()
    expect(page.locator("#sign-in-button")).to_be_disabled()


def test_an_early_tap_opens_the_form_for_a_key(page: Page) -> None:
    with waiting_for(page, "accounts/keys", "/account/keys/"):
        page.locator("[data-open=key-sheet]").first.click()
    expect(page.locator("#key-sheet")).to_be_visible()


def test_an_early_name_lets_one_leave(page: Page, member: Member) -> None:
    with waiting_for(page, "accounts/own_data", "/account/data/"):
        page.locator("[data-open=close-sheet]").click()
        page.locator("#id_confirm").evaluate(
            "(box, name) => { box.value = name; }", member.get("/api/v1/me")["nickname"]
        )
    expect(page.locator("#close-sheet")).to_be_visible()
    expect(page.locator("#close-form button[type=submit]")).to_be_enabled()


@pytest.mark.parametrize("by", ["tap", "key"])
def test_an_early_code_is_sent_and_stays_in_its_box(context: BrowserContext, by: str) -> None:
    page = context.new_page()
    with page.expect_request("**/login-attempts/*/code") as sent, waiting_for(page, "accounts/login", "/login/"):
        page.locator("#id_code").fill("ABC234")
        if by == "tap":
            page.locator("#login-form [type=submit]").click()
        else:
            page.locator("#id_code").press("Enter")
        expect(page.locator("#id_code")).to_have_value("ABC234")
    assert sent.value.post_data_json == {"code": "ABC234"}


def test_a_page_whose_script_never_came_says_so(page: Page) -> None:
    page.route("**/js/core/dom*.js", lambda route: route.abort())
    page.goto("/chat/")
    expect(page.locator("#incomplete")).to_be_visible()
    page.unroute_all()
    page.locator("#incomplete a").click()
    expect(page.locator("#incomplete")).to_be_hidden()
    page.locator(_BOX).fill("还在")
    expect(page.locator(_SEND)).to_be_enabled()
