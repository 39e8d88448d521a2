"""What was done and whose answer was lost is never done twice, and the page never says that it was not done."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.proxy import wire_to
from tests.browser.test_the_loop import say
from tests.member import Member, eventually
from tests.site import Site

ANSWER = "#log article.message--answer"
LOSE = "lose"
_GATEWAY = "gateway"


@pytest.fixture
def points(member: Member) -> int:
    """Enough points for an exchange."""
    before = eventually(lambda: member.balances()["points"], bool)  # of signing up
    member.pay(member.order(member.get("/api/v1/products")[-1]))
    return int(eventually(lambda: member.balances()["points"], lambda points: points > before))


def answering(*fates: str | int) -> tuple[Callable[[Route], None], list[str | None]]:
    """Requests meet these fates, then the server: answers that are lost, a gateway's page, refusals with a status."""
    keys: list[str | None] = []

    def handle(route: Route) -> None:
        fate = fates[len(keys)] if len(keys) < len(fates) else None
        keys.append(route.request.headers.get("idempotency-key"))
        if fate is None:
            route.continue_()
        elif fate == LOSE:
            route.fetch()
            route.abort()
        elif fate == _GATEWAY:
            route.fetch()
            route.fulfill(status=504, content_type="text/html", body="<h1>504 Gateway Time-out</h1>")
        else:
            problem = {"code": "rate_limited", "title": "慢一点。", "status": fate}
            route.fulfill(status=int(fate), content_type="application/problem+json", body=json.dumps(problem))

    return handle, keys


def exchange(page: Page) -> None:
    page.locator("[data-exchange]:not(:disabled)").first.click()
    page.locator("#exchange-sheet[open] [value=yes]").click()
    expect(page.locator("[data-exchange][aria-busy]")).to_have_count(0)


def stand_before_an_answer(page: Page, member: Member) -> None:
    conversation = member.new_conversation()
    member.say(conversation, "你好", model="demo-swift")
    page.goto(f"/chat/{conversation}/")


def test_a_gateways_page_is_a_lost_answer(page: Page, points: int, member: Member) -> None:
    page.goto("/welfare/")
    price = int(page.locator("[data-item]").first.get_attribute("data-price") or 0)
    handle, keys = answering(_GATEWAY)
    page.route("**/exchange/orders", handle)
    exchange(page)
    expect(page.locator(".toast[data-kind=ok]")).to_be_visible()
    assert len(set(keys)) == 1
    assert member.balances()["points"] == points - price


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429])
@pytest.mark.parametrize("context", ["phone"], indirect=True)
def test_being_turned_away_at_the_door_forgets_nothing(page: Page, points: int, member: Member, status: int) -> None:
    page.goto("/welfare/")
    price = int(page.locator("[data-item]").first.get_attribute("data-price") or 0)
    handle, keys = answering(LOSE, LOSE, status)
    page.route("**/exchange/orders", handle)
    for _ in range(3):
        exchange(page)
    assert len(keys) == 4
    assert len(set(keys)) == 1
    assert member.balances()["points"] == points - price


@pytest.mark.parametrize("context", ["phone"], indirect=True)
def test_after_a_lost_draw_nothing_is_said_of_chances(page: Page, member: Member) -> None:
    member.post("/api/v1/sign-in")
    eventually(lambda: member.balances()["chances"], lambda chances: chances >= 1)
    page.goto("/welfare/")
    handle, keys = answering(LOSE, 429)
    page.route("**/draws", handle)
    for _ in range(2):
        page.locator("#draw").click()
        expect(page.locator("#draw-problem")).to_contain_text("没有收到")
        expect(page.locator("#draw[aria-disabled]")).to_have_count(0)
    page.locator("#draw").click()
    expect(page.locator("#result-sheet")).to_be_visible()
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_answering_again_is_one_answer_though_its_answer_was_lost(page: Page, member: Member) -> None:
    stand_before_an_answer(page, member)
    before = member.balances()["free_left"]
    handle, keys = answering(LOSE)
    page.route("**/regenerate", handle)
    page.route("**/chat/*/", lambda route: route.abort())
    page.locator("[data-regenerate]").last.click()
    expect(page.locator("#toasts")).not_to_be_empty()
    page.unroute("**/chat/*/")
    with page.expect_request("**/chat/*/"):
        page.locator("[data-regenerate]").last.click()
    expect(page.locator(ANSWER).last).to_have_attribute("data-state", "finished")
    assert keys[0] == keys[1]
    assert member.balances()["free_left"] == before - 1


def test_a_lost_answer_to_answering_again_is_looked_for(page: Page, member: Member) -> None:
    stand_before_an_answer(page, member)
    first = page.locator(ANSWER).get_attribute("data-message") or ""
    handle, keys = answering(LOSE)
    page.route("**/regenerate", handle)
    page.locator("[data-regenerate]").last.click()
    expect(page.locator(ANSWER)).not_to_have_attribute("data-message", first)
    expect(page.locator(ANSWER)).to_have_attribute("data-state", "finished")
    assert len(keys) == 1


@pytest.mark.parametrize("context", ["phone"], indirect=True)
def test_a_line_that_dies_after_answering_again_leaves_the_composer_open(
    context: BrowserContext, site: Site, member: Member
) -> None:
    with wire_to(site.port) as wire:
        cookies = [{"name": name, "value": value, "url": wire.url} for name, value in member.http.cookies.items()]
        context.add_cookies(cookies)  # type: ignore[arg-type]  # Playwright's own type is a TypedDict
        page = context.new_page()
        conversation = member.new_conversation()
        member.say(conversation, "你好", model="demo-swift")
        page.goto(f"{wire.url}/chat/{conversation}/")

        def answer_and_die(route: Route) -> None:
            answer = route.fetch()
            wire.freeze()
            route.fulfill(response=answer)

        page.route("**/regenerate", answer_and_die)
        with page.expect_request(f"**/chat/{conversation}/"):  # which nothing answers
            page.locator("[data-regenerate]").last.click()
        say(page, "还能问吗")
        expect(page.locator("#log article.message--mine")).to_have_count(2)


@pytest.mark.parametrize("what", ["search", "menu", "drawer"])
def test_an_escape_that_closes_something_else_does_not_stop_the_answer(page: Page, what: str) -> None:
    is_phone = (page.viewport_size or {"width": 0})["width"] < 768
    page.goto("/chat/")
    page.locator("#model-button").click()
    page.locator("#model-sheet input[value=demo-deep]").check()
    page.keyboard.press("Escape")
    # Half a minute of text: whatever the machine does, the answer is still being written when the keys are pressed.
    say(page, "复述：" + "慢慢写，不着急。" * 200)
    page.locator("#log [data-state=running] [data-part=body] > *").first.wait_for()
    stops: list[str] = []
    page.on("request", lambda request: stops.append(request.url) if request.url.endswith("/stop") else None)
    if is_phone:
        page.locator("[data-drawer]").first.click()
    if what == "search":
        page.locator("#chat-search").fill("杭州")
    elif what == "menu":
        page.locator("#conversations details.menu summary").first.click()  # once the drawer stands still
        expect(page.locator("#conversations details.menu[open]")).to_have_count(1)
    if what != "drawer" or is_phone:
        page.keyboard.press("Escape")
        expect(page.locator(ANSWER).last).to_have_attribute("data-state", "running")
        assert stops == []
    with page.expect_request("**/stop"):  # and with everything closed, it does stop
        page.locator("#composer-input").press("Escape")
    expect(page.locator(ANSWER).last).to_have_attribute("data-state", "stopped")


def test_a_question_whose_answer_was_lost_is_asked_once_after_a_reload(page: Page, member: Member) -> None:
    page.goto("/chat/")
    handle, _ = answering(LOSE)
    page.route("**/messages", handle)
    page.locator("#model-button").click()
    page.locator("#model-sheet input[value=demo-swift]").check()
    page.keyboard.press("Escape")
    say(page, "我只问一次")
    expect(page.locator("#composer-input")).to_have_value("我只问一次")
    page.reload()
    expect(page.locator("#composer-send")).to_be_enabled()
    page.locator("#composer-send").click()
    expect(page.locator(ANSWER).last).to_have_attribute("data-state", "finished")
    (conversation,) = member.get("/api/v1/chat/conversations")["results"]
    assert conversation["title"] == "我只问一次"
    assert page.url.endswith(f"/chat/{conversation['id']}/")
    assert page.title().startswith("我只问一次")
    expect(page.locator("#chat h1")).to_have_text("我只问一次")


@pytest.mark.parametrize("context", ["phone"], indirect=True)
def test_tomorrows_free_messages_are_promised_only_where_they_pay(page: Page) -> None:
    problem = {"code": "quota_exhausted", "title": "不够了。", "status": 402}
    page.route(
        "**/messages",
        lambda route: route.fulfill(status=402, content_type="application/problem+json", body=json.dumps(problem)),
    )
    page.goto("/chat/")
    say(page, "免费的模型")
    expect(page.locator("#topup-wait")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("input[name=model]:checked").evaluate("radio => { radio.dataset.free = 'false'; }")
    page.locator("#composer-send").click()
    expect(page.locator("#topup-sheet")).to_be_visible()
    expect(page.locator("#topup-wait")).to_be_hidden()


@pytest.mark.parametrize("act", ["rename", "delete"])
def test_the_focus_goes_back_to_the_menu_of_the_chat(page: Page, member: Member, act: str) -> None:
    stand_before_an_answer(page, member)
    menu, drawer = page.locator("#conversations details.menu summary").first, page.locator("[data-drawer]")
    if is_drawn := drawer.is_visible():
        drawer.click()
    menu.focus()
    page.keyboard.press("Enter")
    page.locator(f"[data-{act}]").first.focus()
    page.keyboard.press("Enter")
    page.locator(f"#{act}-sheet[open]").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(menu).to_be_focused()
    if is_drawn:
        expect(drawer).to_have_attribute("aria-expanded", "true")


@pytest.mark.parametrize("context", ["phone"], indirect=True)
def test_a_code_never_enters_an_address(context: BrowserContext) -> None:
    page = context.new_page()
    page.route("**/js/accounts/login*.js", lambda route: route.abort())
    page.goto("/login/")
    page.locator("#id_code").fill("ABC234")
    with page.expect_navigation():
        page.locator("#login-form [type=submit]").click()
    assert "ABC234" not in page.url
