"""Buying at phone and at desktop width: what is shown is what is ordered, and every way back leads somewhere."""

import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.member import Member, eventually
from tests.site import Site

_AHEAD = """
const real = Date;
globalThis.Date = class extends real {
  constructor(...parts) { parts.length ? super(...parts) : super(real.now() + 7_200_000); }
  static now() { return real.now() + 7_200_000; }
};
"""


@pytest.fixture
def buyer(site: Site) -> Iterator[Member]:
    """A member who has just signed in."""
    with Member(site.url) as member:
        member.sign_in()
        yield member


@pytest.fixture
def page(context: BrowserContext, site: Site, buyer: Member) -> Page:
    """The member's browser."""
    context.add_cookies(
        [{"name": cookie.name, "value": cookie.value or "", "url": site.url} for cookie in buyer.http.cookies.jar]
    )
    return context.new_page()


def buy(page: Page) -> None:
    page.goto("/shop/")
    page.locator("[data-buy]").first.click()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()


def orders_of(buyer: Member) -> list[dict[str, object]]:
    found: list[dict[str, object]] = buyer.get("/api/v1/orders")["results"]
    return found


def saved_pack(site: Site, code: str, credits: int) -> None:
    """An operator saves a pack for five yuan."""
    saved = site.manage(
        "shell",
        "-c",
        "from apps.kernel import clock; from apps.orders.services import save_product;"
        f"save_product(code={code!r}, title='小包', amount_fen=500, quota_milli={credits}000, sort=9, now=clock.now())",
    )
    assert saved.returncode == 0, saved.stderr


def test_back_closes_the_sheet_and_the_shop_remembers_the_order(page: Page, buyer: Member) -> None:
    page.goto("/welfare/")
    buy(page)

    page.go_back()

    sheet, reminder = page.locator("#pay-sheet"), page.locator("#open-order")
    expect(sheet).to_be_hidden()
    assert page.url.endswith("/shop/")
    expect(reminder).to_be_visible()

    # Forward, a reload and the reminder all lead to the same order; closing is as good as going back.
    page.go_forward()
    expect(sheet).to_be_visible()
    page.reload()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    page.locator("#pay-sheet .sheet__head [data-close]").click()
    expect(sheet).to_be_hidden()
    page.wait_for_function("() => history.state === null")  # closing goes back, which takes a moment
    page.reload()
    reminder.locator("[data-part=continue]").click()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    assert len(orders_of(buyer)) == 1

    page.go_back()
    reminder.locator("[data-part=cancel]").focus()
    page.keyboard.press("Enter")
    page.locator("#cancel-sheet button[value=yes]").focus()
    page.keyboard.press("Enter")
    expect(reminder).to_be_hidden()
    expect(page.locator("[data-buy]").first).to_be_focused()
    assert [order["state"] for order in orders_of(buyer)] == ["closed"]
    page.go_back()
    expect(page).to_have_url(re.compile("/welfare/$"))


def test_the_focus_stays_on_the_page_though_what_opened_the_sheet_is_gone(page: Page) -> None:
    buy(page)
    page.go_back()
    page.locator("#open-order [data-part=continue]").click()
    page.locator("#pay-sheet [data-pay=cancel]").click()
    page.locator("#cancel-sheet button[value=yes]").click()
    expect(page.locator("#open-order")).to_be_hidden()

    page.keyboard.press("Escape")

    expect(page.locator("#pay-sheet")).to_be_hidden()
    expect(page.locator("#page")).to_be_focused()


def test_a_phone_is_told_a_way_that_works(page: Page) -> None:
    buy(page)

    is_phone = page.evaluate("matchMedia('(pointer: coarse)').matches")
    expect(page.locator("[data-pay=hint-phone]")).to_be_visible(visible=is_phone)
    expect(page.locator("[data-pay=hint-desktop]")).to_be_visible(visible=not is_phone)
    for promised in ("长按", "相册", "截图"):
        assert promised not in page.locator("#pay-sheet").inner_text()


def test_paying_leads_back_to_the_question_that_was_kept(page: Page, buyer: Member) -> None:
    conversation = buyer.new_conversation()
    page.goto(f"/chat/{conversation}/")
    page.locator("#composer-input").fill("这句话要留着。")
    page.wait_for_timeout(300)  # the box keeps what is written 200 ms after the last key
    buy(page)
    (order,) = orders_of(buyer)

    buyer.pay(order)

    expect(page.locator("#pay-sheet [data-pay=state]")).to_have_attribute("data-state", "delivered")
    page.locator("#pay-sheet [data-pay=back]").click()
    expect(page).to_have_url(re.compile(f"/chat/{conversation}/$"))
    expect(page.locator("#composer-input")).to_have_value("这句话要留着。")


@pytest.mark.parametrize(
    "kept", ["https://evil.example/", "//evil.example", "/chat/../account/", "javascript:alert(1)"]
)
def test_only_a_chat_of_ours_is_led_back_to(page: Page, buyer: Member, kept: str) -> None:
    page.goto("/chat/")
    page.evaluate(
        "kept => localStorage.setItem(`chatloop:${document.documentElement.dataset.member}:last-chat`, kept)", kept
    )

    buy(page)

    expect(page.locator("#pay-sheet [data-pay=back]")).to_have_attribute("href", "/chat/")


def test_a_clock_two_hours_ahead_ends_no_order(context: BrowserContext, page: Page, buyer: Member) -> None:
    context.add_init_script(_AHEAD)

    buy(page)

    expect(page.locator("#pay-sheet [data-pay=countdown]")).to_have_text(re.compile(r"^(30:00|29:\d\d)$"))
    expect(page.locator("#pay-sheet [data-pay=frame]")).not_to_have_attribute("data-state", "expired")
    page.goto(f"/orders/{orders_of(buyer)[0]['id']}/")
    expect(page.locator("[data-pay=countdown]")).to_have_text(re.compile(r"^(30:00|2[89]:\d\d)$"))


def test_an_offer_that_changed_is_shown_before_it_is_bought(page: Page, buyer: Member, site: Site) -> None:
    code = f"pack-{uuid4().hex[:8]}"
    saved_pack(site, code, 100)
    page.goto("/shop/")
    card = page.locator(".product").last
    expect(card.locator("[data-part=credits]")).to_have_text("100")
    saved_pack(site, code, 1)

    card.locator("[data-buy]").click()

    question = page.locator("#offer-question")
    expect(question).to_contain_text("1 额度")
    expect(card.locator("[data-part=credits]")).to_have_text("1")
    assert orders_of(buyer) == []
    page.locator("#offer-sheet button[value=yes]").click()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    assert [order["quota_milli"] for order in orders_of(buyer)] == [1000]


def test_a_lost_answer_is_asked_for_again_and_orders_once(page: Page, buyer: Member) -> None:
    """The order is made, and the connection breaks before the page hears of it: once, then twice in a row."""
    lost = [True, False, True, True]

    def lose(route: Route) -> None:
        if route.request.method == "POST" and lost and lost.pop(0):
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/orders", lose)
    buy(page)
    assert len(orders_of(buyer)) == 1

    page.go_back()
    page.locator("[data-buy]").nth(1).click()
    expect(page.locator(".toast")).to_contain_text("不会重复下单")
    page.locator("[data-buy]").nth(1).click()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    assert len(orders_of(buyer)) == 2


# -- two orders --------------------------------------------------------------------------------------


def shows(page: Page, order: object) -> None:
    """The sheet is open, and it is this order's."""
    expect(page.locator("#pay-sheet [data-pay=code]")).to_have_attribute("src", f"/orders/{order}/qr.svg")
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()


def test_a_sheet_that_comes_late_after_a_reload_takes_no_other_order_s_place(page: Page, buyer: Member) -> None:
    buy(page)
    (first,) = orders_of(buyer)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/api/v1/orders/{first['id']}", hold)
    with page.expect_request(f"**/api/v1/orders/{first['id']}"):
        page.reload()
    page.locator("[data-buy]").nth(1).click()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    second = next(order for order in orders_of(buyer) if order["id"] != first["id"])
    with page.expect_response(f"**/api/v1/orders/{first['id']}"):
        held[0].continue_()
    with page.expect_response(f"**/api/v1/orders/{second['id']}"):  # followed after that, too
        pass
    shows(page, second["id"])
    page.reload()
    shows(page, second["id"])


def test_a_sheet_that_is_slow_to_leave_the_history_leaves_the_next_one_alone(page: Page, buyer: Member) -> None:
    page.add_init_script(
        """
        const back = history.back.bind(history);
        history.back = () => setTimeout(back, 3000);
        addEventListener("popstate", () => { window.wentBack = true; });
        """
    )
    buy(page)
    (first,) = orders_of(buyer)
    page.locator("#pay-sheet .sheet__head [data-close]").click()
    with page.expect_response("**/api/v1/orders"):
        page.locator("[data-buy]").nth(1).click()
    second = next(order for order in orders_of(buyer) if order["id"] != first["id"])
    page.wait_for_function("() => window.wentBack")
    shows(page, second["id"])
    page.wait_for_function("(id) => history.state?.order === id", arg=second["id"])
    page.reload()
    shows(page, second["id"])
    page.go_back()
    expect(page.locator("#pay-sheet")).to_be_hidden()


@pytest.fixture
def told_late(page: Page) -> Callable[[], None]:
    """Browsers tell of a closed sheet with their next frame; here, as on a slow phone, when the test lets them."""
    page.add_init_script(
        """
        const late = [];
        addEventListener("close", (event) => {
          if (!event.isTrusted) return;
          event.stopImmediatePropagation();
          late.push(event.target);
        }, true);
        window.tell = () => late.splice(0).forEach((sheet) => sheet.dispatchEvent(new Event("close")));
        window.hasClosed = () => late.length > 0;
        """
    )

    def tell() -> None:
        page.wait_for_function("() => window.hasClosed()")
        page.evaluate("window.tell()")

    return tell


def test_forward_right_after_back_opens_the_sheet_for_good(page: Page, told_late: Callable[[], None]) -> None:
    buy(page)

    page.go_back()
    expect(page.locator("#pay-sheet")).to_be_hidden()
    page.go_forward()
    told_late()

    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    page.reload()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()


def test_an_order_right_after_closing_the_last_one_keeps_its_sheet(
    page: Page, buyer: Member, told_late: Callable[[], None]
) -> None:
    buy(page)
    (first,) = orders_of(buyer)

    page.locator("#pay-sheet .sheet__head [data-close]").click()
    page.locator("[data-buy]").nth(1).click()
    expect(page.locator("#pay-sheet [data-pay=code]")).to_be_visible()
    second = next(order["id"] for order in orders_of(buyer) if order["id"] != first["id"])
    shows(page, second)
    told_late()

    with page.expect_response(f"**/api/v1/orders/{second}"):  # still followed
        pass
    shows(page, second)
    page.reload()
    shows(page, second)


def test_a_question_asked_again_at_once_has_its_own_answer(
    page: Page, buyer: Member, told_late: Callable[[], None]
) -> None:
    buy(page)
    page.go_back()
    told_late()
    reminder, question = page.locator("#open-order"), page.locator("#cancel-sheet")

    reminder.locator("[data-part=cancel]").click()
    question.locator(".sheet__foot [data-close]").first.click()
    reminder.locator("[data-part=cancel]").click()
    told_late()
    question.locator("button[value=yes]").click()
    told_late()

    expect(reminder).to_be_hidden()
    assert [order["state"] for order in orders_of(buyer)] == ["closed"]


def test_ordering_again_leaves_the_sheet_of_the_old_order(page: Page, buyer: Member) -> None:
    buy(page)
    page.locator("#pay-sheet [data-pay=cancel]").click()
    page.locator("#cancel-sheet button[value=yes]").click()
    page.locator("#pay-sheet a[href='/shop/']").click()
    expect(page.locator("#pay-sheet")).to_be_hidden()
    page.locator("[data-buy]").nth(1).click()
    second = eventually(lambda: [order["id"] for order in orders_of(buyer) if order["state"] == "paying"], bool)[0]
    shows(page, second)
    page.reload()
    shows(page, second)
    page.go_back()
    expect(page.locator("#pay-sheet")).to_be_hidden()
    page.reload()
    expect(page.locator("[data-buy]").first).to_be_visible()
    expect(page.locator("#pay-sheet")).to_be_hidden()
