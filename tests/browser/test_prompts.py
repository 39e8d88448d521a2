"""Prompts in the browser: kept on their page, chosen by card or after a slash, put into the box, never sent by it."""

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.member import Member

_BOX = "#composer-input"
PATH = "/api/v1/chat/prompts"


def keep(member: Member, title: str, text: str) -> Any:
    return member.post(PATH, {"title": title, "text": text, "client_id": f"act-of-{len(member.get(PATH)):04}"})


def typed(page: Page, words: str) -> Locator:
    """The menu, after these keys."""
    page.locator(_BOX).press_sequentially(words)
    return page.get_by_role("listbox", name="提示词")


def selected(page: Page) -> str:
    words: str = page.locator(_BOX).evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)")
    return words


def test_a_slash_opens_the_menu_which_the_keyboard_walks(page: Page, member: Member) -> None:
    keep(member, "周报", "写周报：{{本周}}，下周{{下周}}。")
    page.goto("/chat/")
    menu = typed(page, "/")
    box = page.get_by_role("combobox", name="消息")
    options = menu.get_by_role("option")
    expect(options.first).to_contain_text("周报")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    expect(page.locator("#prompt-status")).to_contain_text("个提示词")

    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    typed(page, "周")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")

    expect(menu).to_be_hidden()
    expect(page.locator(_BOX)).to_have_value("写周报：{{本周}}，下周{{下周}}。")
    expect(page.locator(_BOX)).not_to_have_attribute("role", "combobox")
    assert selected(page) == "{{本周}}"
    page.keyboard.type("上线")
    page.keyboard.press("Tab")
    assert selected(page) == "{{下周}}"
    page.keyboard.type("测试")
    page.keyboard.press("Tab")
    expect(page.locator(_BOX)).not_to_be_focused()
    expect(page.locator(_BOX)).to_have_value("写周报：上线，下周测试。")
    assert member.get("/api/v1/chat/conversations")["results"] == []


def test_escape_leaves_what_was_typed_and_what_matches_nothing_is_a_question(page: Page, member: Member) -> None:
    page.goto("/chat/")
    menu = typed(page, "/")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    typed(page, "w")
    expect(page.locator(_BOX)).to_have_value("/w")
    expect(menu).to_be_hidden()

    page.locator(_BOX).fill("")
    expect(typed(page, "/")).to_be_visible()
    typed(page, "没有这样的")
    expect(menu).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator(".message--mine .message__body")).to_have_text("/没有这样的")


def test_a_slash_inside_words_opens_nothing(page: Page) -> None:
    page.goto("/chat/")
    expect(typed(page, "1/2")).to_be_hidden()
    page.locator(_BOX).fill("")
    page.locator(_BOX).evaluate(
        "box => { box.value = '/usr/bin'; box.dispatchEvent(new InputEvent('input', { bubbles: true })); }"
    )
    expect(page.locator("#prompt-menu")).to_be_hidden()


def test_an_input_method_that_composes_is_left_alone(page: Page, member: Member) -> None:
    keep(member, "周报", "写周报。")
    page.goto("/chat/")
    expect(page.locator(_BOX)).to_be_editable()
    page.locator(_BOX).focus()
    method = page.context.new_cdp_session(page)
    compose = "Input.imeSetComposition"
    method.send(compose, {"text": "/", "selectionStart": 1, "selectionEnd": 1})
    expect(page.locator(_BOX)).to_have_value("/")
    expect(page.locator("#prompt-menu")).to_be_hidden()
    method.send("Input.insertText", {"text": ""})

    menu = typed(page, "/")
    expect(menu).to_be_visible()
    method.send(compose, {"text": "zhou", "selectionStart": 4, "selectionEnd": 4})
    # Its Enter is its own: nothing is chosen, and nothing is sent.
    page.locator(_BOX).dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
    expect(page.locator(_BOX)).to_have_value("/zhou")
    method.send("Input.insertText", {"text": "周"})
    expect(menu.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(_BOX)).to_have_value("写周报。")


def test_a_card_gives_way_back_to_the_draft_and_sends_nothing(page: Page, member: Member) -> None:
    keep(member, "周报", "写周报：{{本周}}")
    page.goto("/chat/")
    page.locator(_BOX).fill("写了一半的话")
    card = page.locator("[data-prompt]").first
    expect(card).to_contain_text("周报")
    card.click()
    expect(page.locator(_BOX)).to_have_value("写周报：{{本周}}")
    expect(page.locator(_BOX)).to_be_focused()
    assert selected(page) == "{{本周}}"

    # Another one takes the place of one that nobody touched, and not of the draft.
    page.locator("[data-prompt]").nth(1).click()
    page.get_by_role("button", name="换回来").click()
    expect(page.locator(_BOX)).to_have_value("写了一半的话")
    expect(page.locator("#draft-kept")).to_be_hidden()
    page.reload()
    expect(page.locator(_BOX)).to_have_value("写了一半的话")
    assert member.get("/api/v1/chat/conversations")["results"] == []


def test_the_menu_fits_the_page_and_takes_a_tap(page: Page) -> None:
    page.goto("/chat/")
    menu = typed(page, "/")
    expect(menu).to_be_visible()
    box = menu.bounding_box()
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert box
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    option = menu.get_by_role("option").nth(1)
    assert (option.bounding_box() or {"height": 0})["height"] >= 44
    option.click()
    expect(page.locator(_BOX)).to_be_focused()
    expect(page.locator(_BOX)).not_to_have_value("/")


def test_prompts_are_kept_changed_and_deleted_on_their_page(page: Page, member: Member) -> None:
    page.goto("/account/prompts/")
    page.get_by_role("button", name="新建提示词").click()
    sheet = page.get_by_role("dialog", name="新建提示词")
    sheet.get_by_role("button", name="保存").click()
    expect(sheet.get_by_role("alert")).to_have_text("请填写提示词内容。")
    sheet.locator("[name=text]").fill("第一行\n第二行")
    with page.expect_navigation():
        sheet.get_by_role("button", name="保存").click()
    expect(page.locator("[data-own-prompt] h2")).to_have_text("第一行 第二行")
    (kept,) = member.get(PATH)
    assert kept["text"] == "第一行\n第二行"

    page.get_by_role("button", name="修改“第一行 第二行”").click()
    sheet = page.get_by_role("dialog", name="修改提示词")
    expect(sheet.locator("[name=text]")).to_have_value("第一行\n第二行")
    sheet.locator("[name=title]").fill("两行")
    # Another window was faster: it is told, shown, and only then replaced.
    member.send("PUT", f"{PATH}/{kept['id']}", {"title": "别处改的", "text": "别处", "version": 1})
    sheet.get_by_role("button", name="保存").click()
    expect(sheet.get_by_role("alert")).to_contain_text("已在另一个窗口里改过")
    expect(sheet.locator("#prompt-now")).to_contain_text("别处改的")
    expect(sheet.locator("[name=title]")).to_have_value("两行")
    assert member.get(PATH)[0]["title"] == "别处改的"
    with page.expect_navigation():
        sheet.get_by_role("button", name="保存").click()
    assert [(row["title"], row["version"]) for row in member.get(PATH)] == [("两行", 3)]

    page.get_by_role("button", name="删除“两行”").click()
    with page.expect_navigation():
        page.get_by_role("dialog", name="删除这个提示词？").get_by_role("button", name="删除").click()
    expect(page.get_by_text("还没有提示词。")).to_be_visible()
    assert member.get(PATH) == []


def test_a_question_is_kept_as_a_prompt_once(page: Page, member: Member) -> None:
    conversation = member.new_conversation()
    member.say(conversation, "写一首关于{{季节}}的诗", model="demo-swift")
    page.goto(f"/chat/{conversation}/")
    star = page.get_by_role("button", name="存为提示词")
    star.click()
    expect(page.get_by_text("已存为提示词")).to_be_visible()
    expect(star).to_be_disabled()
    assert [row["text"] for row in member.get(PATH)] == ["写一首关于{{季节}}的诗"]
    option = typed(page, "/写一首").get_by_role("option")
    expect(option).to_have_count(1)
