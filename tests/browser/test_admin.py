"""The admin at phone and at desktop width: nothing runs off, states are words, an act asks why and comes back."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.member import Member
from tests.site import Site

PASSWORD = "a long demo password"
LISTS = (
    "accounts/user",
    "accounts/loginevent",
    "chat/answerusage",
    "chat/channel",
    "chat/channelkey",
    "chat/chatmodel",
    "chat/route",
    "chat/chatrule",
    "chat/generation",
    "chat/report",
    "chat/wordhit",
    "chat/wordlist",
    "kernel/auditentry",
    "ledger/account",
    "ledger/transfer",
    "marketing/activity",
    "marketing/exchangeitem",
    "marketing/oddsversion",
    "marketing/rebaterule",
    "orders/order",
    "orders/product",
)
# How far the page is wider than the window, and on a desktop how far its table is wider than its place.
RUN_OFF = """() => {
  const table = document.querySelector(".results");
  const isWide = table && innerWidth >= 1024;
  return [document.documentElement.scrollWidth - innerWidth, isWide ? table.scrollWidth - table.clientWidth : 0];
}"""


# What of the head reaches below it, where the page's own words stand.
BELOW_THE_HEAD = """() => [...document.querySelectorAll("#header :is(a, button)")]
  .filter(control => control.getBoundingClientRect().bottom > control.closest("#header").getBoundingClientRect().bottom)
  .map(control => control.textContent.trim())"""
# The fields of a form that reach out of their box.
BEYOND_THE_BOX = """() => [...document.querySelectorAll("#content fieldset.module :is(input, textarea, select)")]
  .filter(field => field.getBoundingClientRect().right > field.closest("fieldset").getBoundingClientRect().right)
  .map(field => field.name)"""
# What is wider than its box, and cut there: nobody can scroll to it.
CUT = """() => [...document.querySelectorAll("#content :not(input, textarea, select)")]
  .filter(box => ["clip", "hidden"].includes(getComputedStyle(box).overflowX) && box.clientWidth > 1)
  .filter(box => box.scrollWidth > box.clientWidth + 1)
  .map(box => box.tagName + "." + box.className)"""
# Fields that a screen reader calls nothing, and links in running words that only their colour tells.
NAMELESS = """() => [...document.querySelectorAll("#content :is(input, textarea, select)")]
  .filter(field => !["hidden", "submit"].includes(field.type) && !field.labels.length && !field.ariaLabel)
  .map(field => field.name)"""
UNMARKED = """() => [...document.querySelectorAll(".breadcrumbs a")]
  .filter(link => getComputedStyle(link).textDecorationLine !== "underline")
  .map(link => link.textContent)"""


@pytest.fixture
def member(site: Site) -> Iterator[Member]:
    """A member who has just signed in: somebody to look at."""
    with Member(site.url) as member:
        member.sign_in()
        yield member


@pytest.fixture
def page(context: BrowserContext, site: Site, member: Member) -> Page:
    """An operator's browser, signed in by the form."""
    name = f"op{uuid4().hex[:8]}"
    made = site.manage(
        "shell",
        "-c",
        "from apps.accounts.services import create_operator; from apps.kernel import clock;"
        f"create_operator(username={name!r}, password={PASSWORD!r}, now=clock.now())",
    )
    assert made.returncode == 0, made.stderr
    page = context.new_page()
    page.goto("/admin/")
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.locator("#content-main")).to_contain_text("会员与运营")
    return page


def test_no_list_runs_off_its_window(page: Page) -> None:
    width = page.viewport_size["width"] if page.viewport_size else 0
    for size in {width, 1280 if width > 1000 else width}:
        page.set_viewport_size({"width": size, "height": 800})
        for name in LISTS:
            page.goto(f"/admin/{name}/")
            assert page.evaluate(RUN_OFF) == [0, 0], (name, size)


def test_the_head_of_a_page_holds_what_stands_in_it(page: Page) -> None:
    # So narrow that its links take two lines, and lower than the page is long.
    page.set_viewport_size({"width": 280, "height": 500})
    page.goto("/admin/chat/blockednetwork/add/")
    assert page.evaluate(BELOW_THE_HEAD) == []


def test_rows_and_forms_fit_too(page: Page) -> None:
    pages = ("accounts/user", "marketing/activity", "orders/product", "marketing/oddsversion", "kernel/outboxdelivery")
    for name in pages:
        page.goto(f"/admin/{name}/")
        page.locator("#result_list tbody :is(th, td) a").first.click()
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate(RUN_OFF) == [0, 0], name
        assert page.evaluate(BEYOND_THE_BOX) == [], name
        assert page.evaluate(CUT) == [], name
        assert page.evaluate(NAMELESS) == [], name
        assert page.evaluate(UNMARKED) == [], name


def test_an_act_asks_why_and_comes_back_to_its_page(page: Page, member: Member) -> None:
    page.goto(f"/admin/accounts/user/{member.get('/api/v1/me')['id']}/change/")
    address = page.url
    expect(page.locator(".badge")).to_have_text("正常")
    expect(page.locator(".timeline")).to_contain_text("注册")

    page.get_by_role("button", name="冻结").click()
    page.locator("#id_reason").fill("群里刷屏")
    page.locator(".reason [type=submit]").click()

    expect(page.locator(".badge")).to_have_text("已冻结")
    assert page.url == address
    expect(page.locator(".timeline")).to_contain_text("群里刷屏")
