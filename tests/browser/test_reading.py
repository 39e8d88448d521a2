"""An answer as it is read: what Chinese answers are written with, copied as written, reached by the keyboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.member import Member, eventually
from tests.site import Site

CODE = """def compound_interest(principal, rate, years):  # 一行很长的注释，长到任何手机都放不下，要能用键盘滚动
    return principal * (1 + rate) ** years
"""
ANSWER = rf"""# 复利

**注意：**请看 https://chatloop.example/a?b=1，谢谢[^1]。~~删除。~~完。

$$
\begin{{aligned}} a &= b \\ &= d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s + t + u \end{{aligned}}
$$

其中 \(\frac12\) 是一半，\(\ce{{H2O}}\) 画不出来。

```python
{CODE}```

| 年份 | 说明 | 金额 | 备注 | 再一列 | 又一列 |
|:--|:--:|--:|---|---|---|
| 第一年 | 存入<br>计息 | 10,000.00 | **重点：**看 | 长长的一格内容 | 长长的一格内容 |

[^1]: 数据来自示例。"""
# Of generated text, wherever it goes; code is copied as it runs.
MARK = "内容由 AI 生成 · AI-generated"


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Iterator[Page]:
    """A member who reads the answer."""
    with Member(site.url) as member:
        member.sign_in()
        conversation = member.new_conversation()
        model = member.cheapest_model()
        member.say(conversation, f"repeat: {ANSWER}", model=model)
        context.add_cookies(
            [{"name": name, "value": value, "url": site.url} for name, value in member.http.cookies.items()]
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
        page = context.new_page()
        page.goto(f"/chat/{conversation}/")
        yield page


def clipboard(page: Page) -> str:
    """What was copied."""
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_an_answer_is_read_as_it_was_meant_and_copied_as_it_was_written(page: Page) -> None:
    body = page.locator("#log .message--answer [data-part=body]")
    expect(body.locator("strong").first).to_have_text("注意：")
    expect(body.get_by_role("link")).to_have_text("https://chatloop.example/a?b=1")
    expect(body.locator("td br")).to_have_count(1)
    expect(body.locator("mtr")).to_have_count(2)
    expect(body.locator(".formula-source")).to_have_text(r"\ce{H2O}")
    expect(body.locator("p.footnote")).to_have_text("1 数据来自示例。")

    page.locator("[data-copy-answer]").click()
    assert eventually(lambda: clipboard(page), lambda copied: copied == f"{ANSWER}\n\n{MARK}")

    page.locator("[data-copy-code]").click()
    assert eventually(lambda: clipboard(page), lambda copied: copied == CODE)


def test_what_scrolls_is_reached_and_scrolled_by_the_keyboard(page: Page) -> None:
    for name in ("代码块 python", "表格", "公式"):
        region = page.get_by_role("region", name=name)
        region.focus()
        expect(region).to_be_focused()
        if page.viewport_size and page.viewport_size["width"] < 500:
            assert region.evaluate("(region) => region.scrollWidth > region.clientWidth"), name
            page.keyboard.press("ArrowRight")
            page.wait_for_function("(region) => region.scrollLeft > 0", arg=region.element_handle())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
