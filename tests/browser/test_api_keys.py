"""The limits of an API key: entered in the form, shown on its card, kept to by the site; what cannot be is told."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.member import Member


def open_form(page: Page, name: str) -> Locator:
    """The form of a new key with its further limits."""
    page.goto("/account/keys/")
    page.locator("[data-open=key-sheet]").first.click()
    page.locator("#id_name").fill(name)
    page.locator("#key-limits summary").click()
    return page.locator("#key-form button[type=submit]")


def make(page: Page, name: str, **limits: str) -> str:
    """A key with these limits, made by hand."""
    button = open_form(page, name)
    for field, value in limits.items():
        page.locator(f"#id_{field}").fill(value)
    button.click()
    key = page.locator("#made-key")
    expect(key).to_contain_text("sk-")
    made = key.inner_text()
    page.locator("#made-sheet [data-close]").click()
    expect(page.locator(".key-card").first).to_contain_text(name)
    return made


def ask(member: Member, key: str, text: str = "hello") -> tuple[int, Any]:
    """What a program is answered that asks with this key: the status, and the code of a refusal."""
    body = {"model": "demo-swift", "messages": [{"role": "user", "content": text}]}
    answer = member.http.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.json().get("error", {}).get("code")


def test_a_key_keeps_to_its_requests_of_a_minute(page: Page, member: Member) -> None:
    key = make(page, "脚本", rpm="1")

    fact = page.locator(".key-facts > div").filter(has_text="每分钟请求数")
    expect(fact.locator("dd")).to_have_text("1")
    expect(page.locator(".key-facts > div").filter(has_text="同时进行的回答数")).to_have_count(0)
    (detail,) = member.get("/api/v1/api-keys")
    assert (detail["requests_per_minute"], detail["max_parallel"]) == (1, None)
    assert ask(member, key) == (200, None)
    assert ask(member, key) == (429, "rate_limit_exceeded")


def test_a_key_keeps_to_its_answers_at_once(page: Page, member: Member) -> None:
    key = make(page, "编辑器", parallel="1")

    expect(page.locator(".key-facts > div").filter(has_text="同时进行的回答数").locator("dd")).to_have_text("1")
    (detail,) = member.get("/api/v1/api-keys")
    assert (detail["requests_per_minute"], detail["max_parallel"]) == (None, 1)
    slow = {"model": "demo-steady", "stream": True, "messages": [{"role": "user", "content": "请写一篇很长的文章。"}]}
    signed = {"Authorization": f"Bearer {key}"}
    with member.http.stream("POST", "/v1/chat/completions", json=slow, headers=signed) as answer:
        assert answer.status_code == 200
        assert ask(member, key) == (429, "concurrency")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("rpm", "10001", "限制为 1 到 10,000 的整数。"),
        ("rpm", "1.5", "限制为 1 到 10,000 的整数。"),
        ("parallel", "0", "限制为 1 到 1,000 的整数。"),
        ("cap", "0.0004", "上限为 0 到 1,000,000,000 的额度数，最多三位小数。"),
        ("cap", "1" + "0" * 39, "上限为 0 到 1,000,000,000 的额度数，最多三位小数。"),
    ],
)
def test_a_limit_that_cannot_be_is_told_below_its_field(
    page: Page, member: Member, field: str, value: str, words: str
) -> None:
    button = open_form(page, "脚本")
    entered = page.locator(f"#id_{field}")
    entered.fill(value)
    button.click()

    expect(entered).to_be_focused()
    expect(entered).to_have_attribute("aria-invalid", "true")
    told = page.locator(".field", has=entered).get_by_role("alert")
    expect(told).to_have_text(words)
    expect(told).to_be_in_viewport(ratio=1)
    foot = page.locator("#key-sheet .sheet__foot").bounding_box()
    box = told.bounding_box()
    assert foot
    assert box
    assert box["y"] + box["height"] <= foot["y"]
    assert member.get("/api/v1/api-keys") == []

    entered.fill("1")
    button.click()
    expect(page.locator("#made-key")).to_contain_text("sk-")
