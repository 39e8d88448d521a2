"""The phone page by hand: scanning in, opening the site inside WeChat, several owners, faults and kinds of account."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_the_loop import no_sideways_scroll, take_a_new_phone


@pytest.fixture
def phone(context: BrowserContext) -> Iterator[Page]:
    page = take_a_new_phone(context, "小满")
    yield page
    context.request.delete("/sandbox/faults")


def go(phone: Page, *screens: str) -> None:
    """Press the tab of the first screen, then what leads on from it."""
    phone.bring_to_front()
    phone.locator(f".handset__tab[data-screen={screens[0]}]").click()
    for screen in screens[1:]:
        phone.locator(f"#screen-people [data-screen={screen}]").click()
    expect(phone.locator(f"#screen-{screens[-1]}")).to_be_visible()
    no_sideways_scroll(phone)


def show_qr_code(context: BrowserContext) -> tuple[Page, str]:
    """The sign-in page, and what its QR code holds."""
    page = context.new_page()
    with page.expect_response("**/api/v1/auth/login-attempts") as answer:
        page.goto("/login/")
    switch = page.locator("#ways [data-way=qr]")
    if switch.is_visible():
        with page.expect_response("**/api/v1/auth/login-attempts") as answer:
            switch.click()
    content = str(answer.value.json()["qr_content"])
    expect(page.locator("#qr-panel")).to_have_attribute("data-state", "waiting")
    return page, content


def scan(phone: Page, content: str) -> None:
    go(phone, "scan")
    # Of the codes that are open, the one that this test's page shows.
    phone.locator(f"#logins [data-scan='{content}']").click()
    expect(phone.locator("#screen-chat")).to_be_visible()


def test_a_scanned_login_is_confirmed_with_the_number_on_the_page(context: BrowserContext, phone: Page) -> None:
    page, content = show_qr_code(context)
    scan(phone, content)
    expect(page.locator("#qr-panel")).to_have_attribute("data-state", "scanned")

    phone.locator(".line__number").last.fill(str(page.locator("#qr-number").text_content()))
    phone.locator("[data-answer=confirm]").last.click()

    page.wait_for_url("**/chat/**")
    expect(phone.locator("[data-answer=confirm]")).to_have_count(0)


def test_a_scanned_login_is_refused_with_one_press(context: BrowserContext, phone: Page) -> None:
    page, content = show_qr_code(context)
    scan(phone, content)

    phone.locator("[data-answer=refuse]").last.click()

    expect(page.locator("#qr-panel")).to_have_attribute("data-state", "refused")
    assert page.url.endswith("/login/")


def test_the_site_opens_inside_wechat(context: BrowserContext, phone: Page) -> None:
    go(phone, "people")

    with context.expect_page() as opened:
        phone.locator("a[href='/login/wechat/']").click()
    page = opened.value
    page.locator("a.list-row").filter(has=page.locator(".badge")).click()

    page.wait_for_url("**/chat/**")


def test_each_owner_has_a_chat_of_their_own(context: BrowserContext, phone: Page) -> None:
    go(phone, "people")
    phone.locator("#new-name").fill("小满二世")
    phone.locator("#renaming button").click()
    expect(phone.locator("#owner")).to_have_text("小满二世")

    phone.locator("#nickname").fill("阿博")
    phone.locator("#newcomer button").click()
    expect(phone.locator("#owner")).to_have_text("阿博")
    expect(phone.locator("#invitation")).to_be_visible()

    go(phone, "people")
    phone.locator("#people button").filter(has_text="小满二世").first.click()
    expect(phone.locator("#writer")).to_be_visible()


def test_a_fault_is_switched_on_seen_and_used_up(phone: Page) -> None:
    go(phone, "people", "faults")
    phone.locator("[data-fault=bad_signature][data-switch=once]").click()
    expect(phone.locator("#faults-on")).to_be_visible()

    go(phone, "chat")
    phone.locator("[data-say=登录]").click()
    expect(phone.locator("#lines")).to_contain_text("暂时无法提供服务")
    expect(phone.locator("#faults-on")).to_be_hidden()

    go(phone, "people", "faults")
    phone.locator("[data-fault=quota][data-switch=always]").click()
    phone.locator("#all-off").click()
    expect(phone.locator("#faults-on")).to_be_hidden()


def test_the_kind_of_account_is_chosen(phone: Page) -> None:
    go(phone, "people", "account")
    scanning = phone.locator("[data-permission=qr_code]")
    expect(scanning).to_have_attribute("data-allowed", "true")

    phone.locator("input[value='subscription verified']").check()
    expect(scanning).to_have_attribute("data-allowed", "false")
    expect(phone.locator("[data-permission=user_info]")).to_have_attribute("data-allowed", "true")

    phone.locator("input[value='service verified']").check()
    expect(scanning).to_have_attribute("data-allowed", "true")
