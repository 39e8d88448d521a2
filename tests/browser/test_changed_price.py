"""A page that is open since before a price changed: it shows the new one, and asks at it when the member says so."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_little_left import buy_a_pack, choose
from tests.browser.test_the_loop import say
from tests.member import Member
from tests.site import Site

_SAVE = """
from apps.chat import services as chat
from apps.kernel import clock
now = clock.now()
chat.save_model(code={code!r}, name='好价', price_milli={price}, is_in_free_allowance=False, is_enabled={on}, now=now)
chat.save_route(model_code={code!r}, channel_code='demo', upstream_name='demo-swift', now=now)
"""


def save(site: Site, code: str, *, price: int, on: bool = True) -> None:
    made = site.manage("shell", "-c", _SAVE.format(code=code, price=price, on=on))
    assert made.returncode == 0, made.stderr


@pytest.fixture
def cheap_model(site: Site, member: Member) -> Iterator[str]:
    """A model at a tenth of a credit, and quota for it."""
    code = f"cheap{uuid4().hex[:8]}"
    buy_a_pack(member)
    save(site, code, price=100)
    yield code
    save(site, code, price=100, on=False)


def test_a_changed_price_is_shown_before_anything_is_asked(
    site: Site, page: Page, member: Member, cheap_model: str
) -> None:
    before = member.balances()["quota_milli"]
    page.goto("/chat/")
    choose(page, cheap_model)
    save(site, cheap_model, price=300)

    say(page, "你好")

    sheet = page.get_by_role("dialog", name="价格已变更")
    expect(sheet).to_contain_text("好价现在的价格：0.3 额度／次。")
    expect(page.locator("#log .message")).to_have_count(0)
    assert member.balances()["quota_milli"] == before
    # Who says no keeps the words, and sees the price.
    sheet.get_by_role("button", name="取消").click()
    box = page.locator("#composer-input")
    expect(box).to_have_value("你好")
    expect(page.locator("#composer-hint")).to_contain_text("0.3")
    assert page.locator(f"#model-sheet input[value={cheap_model}]").is_checked()

    # It knows the price by now, so nobody is asked again.
    box.press("Enter")

    answer = page.locator("#log article.message--answer")
    expect(answer).to_have_count(1)
    expect(answer).to_have_attribute("data-state", "finished")
    assert member.balances()["quota_milli"] == before - 300

    # Another answer, too.
    save(site, cheap_model, price=500)
    answer.locator("[data-regenerate]").first.click()
    expect(sheet).to_contain_text("0.5")
    sheet.get_by_role("button", name="按此价格提问").click()
    expect(answer.get_by_text("2/2")).to_be_visible()
    expect(answer).to_have_attribute("data-state", "finished")
    assert member.balances()["quota_milli"] == before - 800
