"""The whole loop by hand, with the phone page beside the site, at phone and at desktop width."""

import re

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.member import eventually
from tests.site import Site

_CODE = re.compile(r"\b[A-Z2-9]{6}\b")


def take_a_new_phone(context: BrowserContext, owner: str) -> Page:
    phone = context.new_page()
    phone.goto("/sandbox/")
    phone.locator(".handset__tab[data-screen=people]").click()
    phone.locator("#nickname").fill(owner)
    phone.locator("#newcomer button[type=submit]").click()
    phone.locator("#follow").click()
    expect(phone.locator("#writer")).to_be_visible()
    return phone


def sign_in(site_page: Page, phone: Page) -> None:
    site_page.goto("/login/")
    phone.locator("[data-say=登录]").click()
    reply = phone.locator("#lines").get_by_text(_CODE).last
    expect(reply).to_be_visible()
    code = _CODE.search(reply.inner_text())
    assert code
    site_page.locator("#id_code").fill(code[0])
    site_page.wait_for_url("**/chat/**")


def say(page: Page, words: str) -> None:
    box = page.locator("#composer-input")
    box.fill(words)
    box.press("Enter")


def ended_answers(page: Page) -> Locator:
    return page.locator("#log article.message--answer:not([data-state=queued], [data-state=running])")


def chat_until_the_free_messages_are_gone(page: Page) -> None:
    for number in range(20):
        say(page, f"第 {number + 1} 个问题：复利是什么？")
        asked_to_pay = page.locator("#topup-sheet[open]")
        asked_to_pay.or_(ended_answers(page).nth(number)).first.wait_for()
        if asked_to_pay.is_visible():
            assert number > 0
            expect(page.locator("#composer-input")).not_to_be_empty()
            return
        expect(ended_answers(page).nth(number)).to_have_attribute("data-state", "finished")
    raise AssertionError("the free allowance never ended")


def balance(page: Page, name: str) -> float:
    return float(page.locator(f".account-band [data-balance={name}]").inner_text().replace(",", ""))


def buy_the_first_pack(page: Page, phone: Page) -> None:
    page.goto("/shop/")
    page.locator("[data-buy]").first.click()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    phone.bring_to_front()
    phone.locator(".handset__tab[data-screen=scan]").click()
    phone.locator("#payments button").first.click()
    phone.locator("#checkout button[value=success]").click()
    expect(phone.locator("#pay-done")).to_be_visible()
    page.bring_to_front()
    expect(page.locator("#pay-sheet [data-pay=state]")).to_have_attribute("data-state", "delivered")


def no_sideways_scroll(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_newcomer_walks_the_loop_by_hand(context: BrowserContext, site: Site) -> None:
    phone = take_a_new_phone(context, "新来的")
    page = context.new_page()
    sign_in(page, phone)
    no_sideways_scroll(page)

    # Chat until it costs; the words stay in the box.
    chat_until_the_free_messages_are_gone(page)

    # Pay with the phone; the quota arrives on the page by itself.
    buy_the_first_pack(page, phone)
    no_sideways_scroll(page)

    # The payment has earned something; so does today's sign-in.
    page.goto("/welfare/")
    expect(page.locator(".account-band [data-balance=chances]")).not_to_have_text("0")
    page.locator("#sign-in-button").click()
    expect(page.locator("#sign-in-button")).to_be_disabled()
    eventually(lambda: balance(page, "chances"), lambda chances: chances >= 2)
    no_sideways_scroll(page)

    # Points buy a chance.
    points, chances = balance(page, "points"), balance(page, "chances")
    page.locator("[data-exchange]:not([disabled])").first.click()
    page.locator("#exchange-sheet button[value=yes]").click()
    eventually(lambda: balance(page, "points"), lambda left: left < points)
    assert balance(page, "chances") > chances

    # Draw: the grid stops at the server's result, which a dialog tells.
    page.locator("#draw").click()
    expect(page.locator("#result-sheet")).to_be_visible()
    expect(page.locator("#result-title")).not_to_be_empty()
    page.locator("#result-sheet [data-close]").click()

    # Chat on: the kept words are still in the box.
    page.goto("/chat/")
    page.locator(".chat-list__link").first.evaluate("link => link.click()")
    say(page, "谢谢，继续。")
    expect(page.locator("#log article.message--answer").last).to_have_attribute("data-state", "finished")
    expect(page.locator("#log [data-part=cost]").last).not_to_be_empty()

    audit = site.manage("audit")
    assert audit.returncode == 0, audit.stdout


def test_an_answer_survives_a_reload_and_shows_in_a_second_tab(context: BrowserContext) -> None:
    phone = take_a_new_phone(context, "爱刷新的")
    page = context.new_page()
    sign_in(page, phone)

    say(page, "请写一篇长一点的介绍。")
    body = page.locator("#log article.message--answer [data-part=body]").last
    expect(body).not_to_be_empty()
    page.reload()
    second = context.new_page()
    second.goto(page.url)

    for tab in (page, second):
        expect(tab.locator("#log article.message--answer").last).to_have_attribute("data-state", "finished")
    assert body.inner_text() == second.locator("#log article.message--answer [data-part=body]").last.inner_text()
    assert page.locator("#log article.message--answer").count() == 1


def test_stop_keeps_what_was_written(context: BrowserContext) -> None:
    phone = take_a_new_phone(context, "急性子")
    page = context.new_page()
    sign_in(page, phone)
    page.locator("#model-button").click()
    page.locator("#model-sheet input[value=demo-steady]").check()
    page.keyboard.press("Escape")

    say(page, "请写一篇很长的文章。")
    expect(page.locator("#log article.message--answer [data-part=body]").last).not_to_be_empty()
    page.locator("#composer-send").click()

    expect(page.locator("#log article.message--answer").last).to_have_attribute("data-state", "stopped")
    expect(page.locator("#log [data-part=body]").last).not_to_be_empty()
