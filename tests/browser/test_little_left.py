"""Before the quota is gone: how much is left of it for the chosen model, and where there is more."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_the_loop import say
from tests.member import Member, eventually
from tests.site import Site

_NOW = "from apps.kernel import clock; now = clock.now()"
# Every note that the last answer has had.
_WATCH_NOTES = """() => {
  window.notes = [];
  const look = () => {
    const words = [...document.querySelectorAll("#log [data-part=note]")].pop()?.textContent;
    if (words && words !== window.notes.at(-1)) window.notes.push(words);
  };
  new MutationObserver(look).observe(document.getElementById("log"), { subtree: true, childList: true });
}"""


def choose(page: Page, model: str) -> None:
    page.locator("#model-button").click()
    page.locator(f"#model-sheet input[value={model}]").check()
    page.keyboard.press("Escape")


def buy_a_pack(member: Member) -> int:
    """The shop's first, which is the demonstration's; other tests put smaller ones behind it. The quota that came."""
    member.pay(member.order(member.get("/api/v1/products")[0]))
    return int(eventually(lambda: member.balances()["quota_milli"], lambda quota: quota > 0))


@pytest.fixture
def dear_model(site: Site, member: Member) -> Iterator[str]:
    """A model of which the member's whole quota pays for 250 tokens written."""
    code = f"dear{uuid4().hex[:8]}"
    price = buy_a_pack(member) * 1000 // 250
    save = (
        f"chat.save_model(code={code!r}, name='贵', max_output_tokens=2000, is_in_free_allowance=False, now=now,"
        f" price=PerTokens(input_milli=0, cached_milli=0, output_milli={price}), is_enabled="
    )
    route = f"chat.save_route(model_code={code!r}, channel_code='demo', upstream_name='demo-deep', now=now)"
    bring = f"{_NOW}; from apps.chat import services as chat; from apps.chat.contracts import PerTokens; {save}"
    made = site.manage("shell", "-c", f"{bring}True); {route}")
    assert made.returncode == 0, made.stderr
    yield code
    assert site.manage("shell", "-c", f"{bring}False)").returncode == 0


def test_an_answer_that_the_quota_cuts_says_so_before_and_after(page: Page, member: Member, dear_model: str) -> None:
    page.goto("/chat/")
    choose(page, dear_model)
    expect(page.locator("#low-quota span")).to_have_text("最多还够这个模型写出 250 个 token。")
    page.evaluate(_WATCH_NOTES)

    say(page, "请写一篇很长的文章。")

    answer = page.locator("#log article.message--answer")
    note = answer.locator("[data-part=note]")
    expect(answer).to_have_attribute("data-state", "finished")
    expect(note).to_have_text("你的额度只够 250 个 token，回答就写到了这里。")
    assert page.evaluate("notes[0]") == "你的额度在这里还够 250 个 token，回答最多写到那里。"
    expect(page.locator("#low-quota span")).to_have_text("额度不够这个模型回答一次。")
    assert member.balances()["quota_milli"] == 0
    page.reload()
    expect(note).to_have_text("你的额度只够 250 个 token，回答就写到了这里。")


def test_little_is_told_for_the_chosen_model(page: Page, member: Member) -> None:
    left = member.balances()["free_left"]
    page.goto("/chat/")
    note = page.locator("#low-quota")
    expect(page.locator("#composer-hint")).to_have_text(f"今天还剩 {left} 条免费消息")
    expect(note).to_be_hidden()

    conversation = member.new_conversation()
    for _ in range(left - 2):
        member.say(conversation, "repeat: 好", model="demo-swift")
    page.reload()
    expect(note.locator("span")).to_have_text("还够这个模型回答 2 次。")
    expect(note.get_by_role("link", name="充值")).to_be_visible()
    expect(page.locator("html")).to_have_js_property("scrollWidth", page.evaluate("innerWidth"))
    member.say(conversation, "repeat: 好", model="demo-swift")
    page.reload()
    expect(note.locator("span")).to_have_text("还够这个模型回答 1 次。")
    # What is free pays for no answer by the token.
    choose(page, "demo-exact")
    expect(note.locator("span")).to_have_text("额度不够这个模型回答一次。")

    assert buy_a_pack(member) >= 3000
    page.reload()
    choose(page, "demo-swift")
    expect(page.locator("#composer-hint")).to_have_text("今天还剩 1 条免费消息")
    expect(note).to_be_hidden()


@pytest.mark.parametrize("context", ["phone"], indirect=True)
@pytest.mark.parametrize(
    ("quota_milli", "words"),
    [(89, "额度不够这个模型回答一次。"), (90, "最多还够这个模型写出 100 个 token。"), (2410, "")],
)
def test_by_the_token_as_much_is_told_as_may_be_written(page: Page, quota_milli: int, words: str) -> None:
    # Of a short question, 50 tokens are read at 0.2 for a thousand; what is written costs 0.8.
    said = {"quota_milli": quota_milli, "free_left": 5, "points": 0, "chances": 0, "activity_id": None}
    page.route("**/api/v1/balances", lambda route: route.fulfill(json=said))
    page.goto("/chat/")
    choose(page, "demo-exact")

    expect(page.locator("#composer-hint")).to_have_text("每千 token 0.2 / 0.8 额度")
    expect(page.locator("[data-balance=quota_milli]").first).not_to_have_text("0")
    expect(page.locator("#low-quota span")).to_have_text(words)
    expect(page.locator("#low-quota")).to_be_visible(visible=bool(words))
