"""A page finds its way back: after a cut line, a slept phone, midnight; with a wrong clock, without storage."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import SignIn, take_over
from tests.browser.proxy import Wire, wire_to
from tests.browser.test_the_loop import say
from tests.member import Member, eventually
from tests.site import Site

pytestmark = pytest.mark.parametrize("context", ["desktop"], indirect=True)

_ANSWER = "#log article.message--answer"
_FORBID_STORAGE = """
  for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });
  }
"""
_LOOKED_AT_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def wire(site: Site) -> Iterator[Wire]:
    with wire_to(site.port) as wire:
        yield wire


def choose(page: Page, model: str) -> None:
    page.locator("#model-button").click()
    page.locator(f"#model-sheet input[value={model}]").check()
    page.keyboard.press("Escape")


def ask_for_a_long_answer(page: Page) -> None:
    choose(page, "demo-steady")
    say(page, "请写一篇很长的文章。")
    expect(page.locator(f"{_ANSWER} [data-part=body]").last).not_to_be_empty()


def is_whole(page: Page) -> None:
    expect(page.locator(_ANSWER).last).to_have_attribute("data-state", "finished")
    expect(page.locator("#reconnecting")).to_be_hidden()


# -- the line ----------------------------------------------------------------------------------------


def test_an_answer_is_followed_on_after_the_line_was_cut(page: Page, wire: Wire) -> None:
    page.goto(f"{wire.url}/chat/")
    ask_for_a_long_answer(page)
    wire.cut()
    expect(page.locator("#reconnecting")).to_be_visible()
    wire.mend()
    is_whole(page)


def test_a_502_of_several_minutes_does_not_end_the_tries(page: Page) -> None:
    page.clock.install()
    page.goto("/chat/")
    page.route("**/events?view=html", lambda route: route.fulfill(status=502, body="bad gateway"))
    choose(page, "demo-steady")
    say(page, "请写一篇很长的文章。")
    with page.expect_response(lambda answer: answer.status == 502):
        pass
    for _ in range(60):
        page.clock.run_for(5_000)
        page.wait_for_timeout(20)
    expect(page.locator("#reconnecting")).to_be_visible()
    page.unroute_all()
    page.clock.run_for(60_000)
    is_whole(page)


def test_a_line_that_died_in_the_sleep_is_noticed_on_waking(page: Page, wire: Wire) -> None:
    page.clock.install()
    page.goto(f"{wire.url}/chat/")
    ask_for_a_long_answer(page)
    wire.freeze()
    page.clock.fast_forward("05:00")
    wire.mend()
    page.clock.fast_forward("00:20")
    is_whole(page)


def test_a_page_that_the_back_button_kept_asks_how_things_stand(page: Page, wire: Wire) -> None:
    page.clock.install()
    page.goto(f"{wire.url}/chat/")
    ask_for_a_long_answer(page)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    wire.freeze()
    wire.mend()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    for _ in range(8):  # the browser tries connections that died, one after the other
        page.wait_for_timeout(100)
        page.clock.fast_forward("00:20")
    is_whole(page)


def test_back_to_a_chat_whose_answer_ended_meanwhile(page: Page) -> None:
    page.goto("/chat/")
    ask_for_a_long_answer(page)
    page.goto("/shop/")
    page.go_back()
    is_whole(page)


def test_what_a_second_device_writes_is_seen(page: Page, member: Member) -> None:
    conversation = member.new_conversation()
    member.say(conversation, "第一句", model="demo-swift")
    page.clock.install()
    page.goto(f"/chat/{conversation}/")
    expect(page.locator(_ANSWER)).to_have_count(1)
    member.say(conversation, "第二句", model="demo-swift")
    other = member.new_conversation()
    running = member.ask(other, "请写一篇很长的文章。", model="demo-steady")

    page.clock.run_for(31_000)

    expect(page.locator(_ANSWER)).to_have_count(2)
    line = page.locator(f"#conversations [data-conversation='{other}']")
    expect(line).to_contain_text("请写一篇很长的文章")
    dot = line.locator(".chat-list__dot")
    expect(dot).to_have_attribute("data-state", "running")
    member.post(f"/api/v1/chat/generations/{running}/stop")
    member.follow(running)
    page.clock.run_for(6_000)
    expect(dot).to_have_attribute("data-state", "")


def test_balances_follow_another_device(page: Page, member: Member) -> None:
    page.clock.install()
    page.goto("/account/")
    points = page.locator(".account-band [data-balance=points]")
    before = member.balances()["points"]
    expect(points).to_have_text(str(before))
    member.post("/api/v1/sign-in")
    now = eventually(lambda: member.balances()["points"], lambda now: now > before)
    page.clock.run_for(31_000)
    expect(points).to_have_text(str(now))


# -- the clock ---------------------------------------------------------------------------------------


def test_a_browser_two_hours_ahead_in_another_zone_counts_as_the_server_does(
    context: BrowserContext, site: Site, member: Member, sign_in: SignIn
) -> None:
    sign_in(member.openid)
    take_over(context, site, member)
    page = context.new_page()
    page.add_init_script(
        "const zone = Intl.DateTimeFormat; window.zoneOfTheBrowser = new zone().resolvedOptions().timeZone;"
    )
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "America/New_York"})
    page.clock.install(time=datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(hours=2))
    page.goto("/account/security/")
    assert page.evaluate("zoneOfTheBrowser") == "America/New_York"
    used = page.locator("#sessions time").first
    expect(used).to_have_text("刚刚")
    hour = datetime.fromisoformat(str(used.get_attribute("datetime"))).astimezone(ZoneInfo("Asia/Shanghai"))
    expect(used).to_have_attribute("title", f"{hour:%Y年%-m月%-d日 GMT+8 %H:%M}")


def test_over_midnight_the_page_offers_the_new_day(page: Page, member: Member) -> None:
    member.post("/api/v1/sign-in")
    page.clock.install()
    page.goto("/welfare/")
    expect(page.locator("#sign-in-button")).to_be_disabled()

    def tomorrow(route: Route) -> None:
        body = re.sub(r'(id="sign-in-button"[^>]*) disabled', r"\1", route.fetch().text())
        route.fulfill(body=body, content_type="text/html; charset=utf-8")

    page.route("**/welfare/", tomorrow)
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    midnight = now.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    with page.expect_response("**/api/v1/balances"):
        page.clock.fast_forward(int((midnight - now).total_seconds() + 61) * 1000)
    expect(page.locator("#sign-in-button")).to_be_enabled()


# -- the storage -------------------------------------------------------------------------------------


def test_without_storage_everything_works_and_the_price_is_the_chosen_model_s(page: Page) -> None:
    page.add_init_script(_FORBID_STORAGE)
    page.goto("/chat/")
    choose(page, "demo-steady")
    name = page.locator("#model-sheet input[value=demo-steady]").get_attribute("data-name")
    expect(page.locator("#model-name")).to_have_text(str(name))
    say(page, "你好")
    is_whole(page)
    page.goto("/account/")
    page.locator("[data-theme-switch]:visible").first.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.goto("/sandbox/")
    # Nothing says which phone was mine: it is the one that was made last, and it may follow already or not.
    expect(page.locator("#writer, #follow").filter(visible=True)).to_have_count(1)


def test_storage_full_of_rubbish_is_not_believed(page: Page) -> None:
    page.goto("/chat/")
    page.evaluate(
        """() => {
          const { member } = document.documentElement.dataset;
          localStorage.setItem("theme", "<b>");
          localStorage.setItem(`chatloop:${member}:model`, '"] input, *');
        }"""
    )
    page.reload()
    say(page, "你好")
    is_whole(page)


def draft_of(page: Page) -> str:
    return page.locator("#composer-input").input_value()


def stored(page: Page) -> list[str]:
    """What is left in the browser that is neither the device's nor the present member's."""
    mine = "`chatloop:${document.documentElement.dataset.member}:`"
    left = f"Object.keys(localStorage).filter((key) => key !== 'theme' && !key.startsWith({mine}))"
    keys: list[str] = page.evaluate(left)
    return keys


def test_a_draft_stays_with_its_member(context: BrowserContext, site: Site, page: Page, sign_in: SignIn) -> None:
    page.goto("/chat/")
    page.locator("#composer-input").fill("我的秘密")
    page.reload()
    assert draft_of(page) == "我的秘密"
    left_open = context.new_page()
    left_open.goto("/chat/")
    assert draft_of(left_open) == "我的秘密"

    def late(route: Route) -> None:
        left_open.wait_for_url("**/login/**")  # it said so to this tab, which is on its way already
        route.continue_()

    page.route(f"{site.url}/", late)
    page.goto("/account/")
    page.locator("#logout").click()
    page.wait_for_url(f"{site.url}/")

    assert stored(page) == []
    take_over(context, site, sign_in())
    page.goto("/chat/")
    assert draft_of(page) == ""
    left_open.wait_for_url("**/chat/")
    assert draft_of(left_open) == ""
    assert stored(page) == []


def test_who_follows_without_a_sign_out_finds_nothing_either(
    context: BrowserContext, site: Site, page: Page, sign_in: SignIn
) -> None:
    page.goto("/chat/")
    page.evaluate("localStorage.setItem('chat:draft:new', '老版本留下的')")
    page.locator("#composer-input").fill("我的秘密")
    take_over(context, site, sign_in())
    page.goto("/chat/")
    assert draft_of(page) == ""
    assert stored(page) == []


def test_a_page_made_for_another_member_asks_nothing_in_their_name(
    context: BrowserContext, site: Site, page: Page, sign_in: SignIn
) -> None:
    # No tab tells another here, and nobody looks away: the server has to notice.
    page.add_init_script("delete window.BroadcastChannel")
    page.goto("/chat/")
    page.locator("#composer-input").fill("我的秘密")
    follower = sign_in()
    take_over(context, site, follower)

    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert draft_of(page) == ""
    assert follower.get("/api/v1/chat/conversations")["results"] == []


def test_a_session_that_ended_elsewhere_ends_here_on_return(page: Page, member: Member) -> None:
    page.goto("/chat/")
    page.locator("#composer-input").fill("我的秘密")
    member.post("/api/v1/auth/logout")
    page.evaluate(_LOOKED_AT_AGAIN)
    page.wait_for_url("**/login/**")
    assert stored(page) == []


def test_a_frozen_member_s_drafts_go_with_the_next_page(site: Site, page: Page, member: Member) -> None:
    page.goto("/chat/")
    page.locator("#composer-input").fill("我的秘密")
    page.reload()
    frozen = site.manage(
        "shell",
        "-c",
        "from uuid import UUID; from apps.accounts import services; from apps.kernel import clock;"
        f"services.freeze(user_id=UUID('{member.get('/api/v1/me')['id']}'),"
        " actor='system', reason='a test', now=clock.now())",
    )
    assert frozen.returncode == 0, frozen.stderr
    page.goto("/account/")
    expect(page.locator(".banner--warn")).to_be_visible()
    assert stored(page) == []
