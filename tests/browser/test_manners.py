"""Small manners of the pages: keys, focus, names, news, and a draw that nothing tells before its time."""

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from apps.chat.rules import title_from
from apps.kernel.templatetags.units import credit_number, yuan
from tests.browser.test_the_loop import say
from tests.member import Member, eventually

PAGES = ["/chat/", "/welfare/", "/shop/", "/account/", "/account/movements/", "/account/security/", "/account/keys/"]

# What a control says aloud holds what it shows, or who speaks to a machine cannot name it (WCAG 2.5.3).
_MISNAMED = """
  () => [...document.querySelectorAll("a, button, summary, [role=button]")]
    .filter((control) => control.hasAttribute("aria-label") && control.checkVisibility())
    .map((control) => [control.getAttribute("aria-label"), control.innerText.trim().replace(/\\s+/g, " ")])
    .filter(([said, shown]) => shown && !said.toLowerCase().includes(shown.toLowerCase()))
"""
# What the header showed, and whether the light was still running.
_WATCH_THE_HEADER = """
  () => {
    window.toldEarly = [];
    const header = document.querySelector(".balances");
    new MutationObserver(() => {
      if (!document.getElementById("result-sheet").open) window.toldEarly.push(header.innerText);
    }).observe(header, { subtree: true, childList: true, characterData: true });
    setInterval(() => document.dispatchEvent(new CustomEvent("balances:changed")), 200);
  }
"""


@pytest.mark.parametrize("context", ["desktop"], indirect=True)
def test_keys_of_an_input_method_neither_stop_nor_send(page: Page) -> None:
    page.goto("/chat/")
    page.locator("#model-button").click()
    page.locator("#model-sheet input[value=demo-steady]").check()
    page.keyboard.press("Escape")
    say(page, "请写一篇很长的文章。")
    answer = page.locator("#log article.message--answer").last
    expect(answer.locator("[data-part=body]")).not_to_be_empty()
    page.locator("#composer-input").focus()
    browser = page.context.new_cdp_session(page)
    browser.send("Input.imeSetComposition", {"text": "nihao", "selectionStart": 5, "selectionEnd": 5})

    for key, code in (("Escape", 229), ("Enter", 229)):
        browser.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": key, "windowsVirtualKeyCode": code})
        browser.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "windowsVirtualKeyCode": code})

    expect(answer).to_have_attribute("data-state", "finished")
    expect(page.locator("#log article")).to_have_count(2)


@pytest.mark.parametrize("context", ["desktop"], indirect=True)
def test_an_older_search_does_not_overwrite_a_newer(page: Page, member: Member) -> None:
    for words in ("苹果怎么种", "香蕉怎么种"):
        member.say(member.new_conversation(), words, model="demo-swift")
    page.goto("/chat/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/conversations?q=%E8%8B%B9%E6%9E%9C", hold)
    with page.expect_request("**/conversations?q=%E8%8B%B9%E6%9E%9C"):
        page.locator("#chat-search").fill("苹果")
    page.locator("#chat-search").fill("香蕉")
    expect(page.locator("#search-hits li")).to_contain_text("香蕉")

    held[0].continue_()
    page.wait_for_timeout(500)

    expect(page.locator("#search-hits")).not_to_contain_text("苹果")


def test_the_focus_stays_on_the_page_and_the_header_keeps_the_secret(page: Page, member: Member) -> None:
    member.post("/api/v1/sign-in")
    eventually(lambda: member.balances()["chances"], lambda chances: chances >= 1)
    page.goto("/welfare/")
    expect(page.locator("#draws-left")).not_to_be_empty()
    before = str(member.balances()["chances"])
    expect(page.locator(".account-band [data-balance=chances]")).to_have_text(before)
    page.evaluate(_WATCH_THE_HEADER)
    page.locator("#draw").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#result-sheet")).to_be_visible()
    assert page.evaluate("toldEarly") == []
    page.keyboard.press("Escape")
    expect(page.locator("#result-sheet")).to_be_hidden()
    expect(page.locator("#draw")).to_be_focused()
    expect(page.locator(".account-band [data-balance=chances]")).not_to_have_text(before)


def test_the_focus_stays_where_the_daily_sign_in_was(page: Page) -> None:
    page.goto("/welfare/")
    page.locator("#sign-in-button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sign-in-button")).to_be_disabled()
    expect(page.locator("#sign-in")).to_be_focused()


@pytest.mark.parametrize("context", ["desktop"], indirect=True)
def test_the_focus_stays_in_the_talk_when_its_answers_change(page: Page, member: Member) -> None:
    conversation = member.new_conversation()
    member.say(conversation, "你好", model="demo-swift")
    page.goto(f"/chat/{conversation}/")
    answer = page.locator("#log article.message--answer")
    answer.locator("[data-regenerate]").focus()

    page.keyboard.press("Enter")
    expect(answer).to_contain_text("2/2")
    expect(answer).to_have_attribute("data-state", "finished")
    expect(answer).to_be_focused()
    answer.get_by_label("上一个回答").focus()
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("1/2")
    expect(answer).to_be_focused()
    answer.get_by_label("下一个回答").focus()
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("2/2")
    expect(answer).to_be_focused()


def test_controls_are_called_what_they_show(page: Page) -> None:
    misnamed = {}
    for address in PAGES:
        page.goto(address)
        if found := page.evaluate(_MISNAMED):
            misnamed[address] = found
    assert misnamed == {}


def test_news_does_not_cover_the_composer(page: Page) -> None:
    page.goto("/chat/")
    page.route("**/messages", lambda route: route.abort())
    say(page, "你好")
    news = page.locator(".toast").bounding_box()
    composer = page.locator("#composer").bounding_box()
    assert news
    assert composer
    assert news["y"] + news["height"] <= composer["y"]


@pytest.mark.parametrize("context", ["desktop"], indirect=True)
def test_an_answer_is_copied_as_it_was_written(context: BrowserContext, page: Page, member: Member) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    conversation = member.new_conversation()
    written = member.say(conversation, "请写一段代码", model="demo-swift").text
    page.goto(f"/chat/{conversation}/")
    page.locator("[data-copy-answer]").click()
    expect(page.locator(".toast[data-kind=ok]")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{written}\n\n内容由 AI 生成 · AI-generated"


@pytest.mark.parametrize("context", ["desktop"], indirect=True)
def test_who_sends_with_a_key_goes_on_writing(page: Page) -> None:
    page.goto("/chat/")
    page.locator("#composer-input").fill("你好")
    page.keyboard.press("Tab")
    page.locator("#composer-send").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#log article.message--answer")).to_have_attribute("data-state", "finished")
    expect(page.locator("#composer-input")).to_be_focused()
    ids = page.evaluate("[...document.querySelectorAll('#log [id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))
    assert "m-" not in ids


@pytest.mark.parametrize("context", ["phone"], indirect=True)
def test_text_twice_as_large_stays_on_the_page(page: Page) -> None:
    for place in ("/chat/", "/welfare/", "/shop/", "/account/"):
        page.goto(place)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, place
        for balance in page.locator(".balances [data-balance]").all():
            box = balance.bounding_box()
            assert box is not None, place
            assert 0 <= box["x"] <= 360 - box["width"], place


@pytest.mark.parametrize("context", ["desktop"], indirect=True)
def test_a_new_chat_is_titled_by_the_server(page: Page) -> None:
    # A family is one sign of seven characters, which a title does not cut.
    words = f"{'字' * 29}👨‍👩‍👧‍👦在旅行"
    page.goto("/chat/")

    say(page, words)

    expect(page.locator("#conversations [aria-current]")).to_have_text(title_from(words))
    assert page.title().startswith(f"{title_from(words)} · ")


def test_scripts_write_amounts_as_templates_do(page: Page) -> None:
    amounts = [0, 1, 5, 990, 1000, 12_500, 123_456, 1_234_567, 10**12]
    page.goto("/shop/")

    script = "async ([name, amounts]) => amounts.map((await import('/static/js/core/format.js'))[name])"
    assert page.evaluate(script, ["creditNumber", amounts]) == [credit_number(milli) for milli in amounts]
    assert page.evaluate(script, ["money", amounts]) == [f"¥{yuan(fen)}" for fen in amounts]
