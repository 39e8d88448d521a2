"""What a member wrote before a prompt is never lost; and a menu that comes late, in parts or for another member."""

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import SignIn, take_over
from tests.browser.test_prompts import PATH, keep, typed
from tests.browser.test_way_back import _FORBID_STORAGE
from tests.member import Member
from tests.site import Site

pytestmark = pytest.mark.parametrize("context", ["desktop"], indirect=True)

_BOX = "#composer-input"
_WAY_BACK = "#draft-kept"


def choose_card(page: Page, number: int = 0) -> str:
    """Chooses one of the cards of an empty chat; its text."""
    card = page.locator("[data-prompt]").nth(number)
    words = card.get_attribute("data-prompt") or ""
    card.click()
    expect(page.locator(_BOX)).to_have_value(words)
    return words


def bring_back(page: Page) -> None:
    page.get_by_role("button", name="换回来").click()


# --- what gave way


@pytest.mark.parametrize("storage", ["allowed", "forbidden"])
def test_a_draft_survives_a_prompt_that_was_touched_and_gave_way_itself(page: Page, storage: str) -> None:
    if storage == "forbidden":
        page.add_init_script(_FORBID_STORAGE)
    page.goto("/chat/")
    page.locator(_BOX).fill("写了一半的话")
    first = choose_card(page)
    page.locator(_BOX).press("Control+End")
    page.keyboard.type("啊")
    choose_card(page, 1)

    bring_back(page)
    expect(page.locator(_BOX)).to_have_value("写了一半的话")
    # What was typed into the first prompt was somebody's work as well.
    bring_back(page)
    expect(page.locator(_BOX)).to_have_value(f"{first}啊")
    bring_back(page)
    expect(page.locator(_BOX)).to_have_value("写了一半的话")


def test_a_draft_survives_a_prompt_of_the_menu(page: Page) -> None:
    page.goto("/chat/")
    page.locator(_BOX).fill("写了一半的话")
    choose_card(page)
    page.locator(_BOX).fill("")
    expect(typed(page, "/")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(_BOX)).not_to_have_value("/")
    bring_back(page)
    expect(page.locator(_BOX)).to_have_value("写了一半的话")
    expect(page.locator(_WAY_BACK)).to_be_hidden()


def test_the_way_back_is_there_after_a_reload_until_it_was_gone(page: Page) -> None:
    page.goto("/chat/")
    page.locator(_BOX).fill("写了一半的话")
    words = choose_card(page)
    page.reload()
    expect(page.locator(_BOX)).to_have_value(words)
    expect(page.locator(_WAY_BACK)).to_be_visible()
    # It is still known as a prompt that nobody touched.
    choose_card(page, 1)
    page.reload()
    bring_back(page)
    expect(page.locator(_BOX)).to_have_value("写了一半的话")
    expect(page.locator(_WAY_BACK)).to_be_hidden()
    page.reload()
    expect(page.locator(_BOX)).to_have_value("写了一半的话")
    expect(page.locator(_WAY_BACK)).to_be_hidden()


def test_a_draft_goes_with_its_chat_when_the_prompt_was_sent(page: Page, member: Member) -> None:
    page.goto("/chat/")
    page.locator(_BOX).fill("写了一半的话")
    choose_card(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**/chat/*-*/")
    page.reload()
    bring_back(page)
    expect(page.locator(_BOX)).to_have_value("写了一半的话")
    page.goto("/chat/")
    expect(page.locator(_WAY_BACK)).to_be_hidden()


def test_rubbish_in_the_storage_is_no_draft(page: Page) -> None:
    page.goto("/chat/")
    for rubbish in ("{", "null", "5", '{"0": "a"}', '[5, null, " "]'):
        page.evaluate(
            "kept => localStorage.setItem(`chatloop:${document.documentElement.dataset.member}:aside:new`, kept)",
            rubbish,
        )
        page.reload()
        expect(page.locator("#composer-send")).to_be_disabled()
        expect(page.locator(_WAY_BACK)).to_be_hidden()
        choose_card(page)
        page.locator(_BOX).fill("")


# --- the menu


def test_enter_sends_while_the_menu_has_not_come(page: Page) -> None:
    page.route(f"**{PATH}", lambda route: None)
    page.goto("/chat/")
    with page.expect_request(f"**{PATH}"):
        typed(page, "/")
    page.keyboard.type("没等到")
    page.keyboard.press("Enter")
    expect(page.locator(".message--mine .message__body")).to_have_text("/没等到", timeout=9_000)


def test_what_never_comes_is_not_waited_for(page: Page) -> None:
    page.clock.install()
    page.route(f"**{PATH}", lambda route: None)
    page.goto("/chat/")
    with page.expect_response("**/chat/starters"):
        menu = typed(page, "/")
    page.clock.run_for(3_100)
    expect(menu.get_by_role("option").first).to_be_visible(timeout=9_000)
    expect(page.locator(".toast")).to_have_text("有些提示词没能加载。")


def test_own_prompts_are_found_where_others_fail_and_that_is_said_once(page: Page, member: Member) -> None:
    keep(member, "周报", "写周报。")
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=500, body="")

    page.route("**/chat/starters", fail)
    page.goto("/chat/")
    options = typed(page, "/").get_by_role("option")
    expect(options).to_have_count(1)
    for sign in "周报":
        page.keyboard.type(sign)
        expect(options).to_have_count(1)
    expect(page.locator(".toast")).to_have_count(1)
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    expect(page.locator(_BOX)).to_have_value("/")
    expect(options).to_contain_text("周报")
    page.keyboard.type("什么也不是")
    expect(options).to_have_count(0)
    assert len(asked) == 1
    expect(page.locator(".toast")).to_have_count(1)


def test_a_menu_of_a_page_of_somebody_else_shows_nothing_from_memory(
    context: BrowserContext, site: Site, page: Page, member: Member, sign_in: SignIn
) -> None:
    # No tab tells another here, and what else would notice is not answered: the menu has to ask.
    page.add_init_script("delete window.BroadcastChannel")
    keep(member, "我的秘密", "只给我看。")
    page.goto("/chat/")
    expect(typed(page, "/我的").get_by_role("option")).to_have_count(1)
    of_whom = page.locator("html").get_attribute("data-member") or ""
    page.locator(_BOX).fill("")
    for others in ("**/api/v1/balances", "**/api/v1/chat/conversations?*"):
        page.route(others, lambda route: route.abort())
    take_over(context, site, sign_in())

    with page.expect_response(lambda answer: answer.url.endswith(PATH) and answer.status == 409):
        page.locator(_BOX).press_sequentially("/")

    # The page gives way to that of who is signed in.
    expect(page.locator("html")).not_to_have_attribute("data-member", of_whom)
    expect(page.get_by_text("我的秘密")).to_have_count(0)


def test_the_menu_after_a_sent_question_is_loaded_anew(page: Page, member: Member) -> None:
    page.goto("/chat/")
    typed(page, "/没有这样的")
    page.keyboard.press("Enter")
    expect(page.locator("article.message--answer")).to_have_attribute("data-state", "finished")
    keep(member, "周报", "写周报。")
    expect(typed(page, "/周报").get_by_role("option")).to_have_count(1)
