"""Reporting an answer, with the keyboard alone; and the note that AI wrote it, which stays."""

from playwright.sync_api import Page, expect

from tests.member import Member


def answered(page: Page, member: Member) -> str:
    """A conversation with one answer, open in the browser."""
    conversation = member.new_conversation()
    model = member.cheapest_model()
    member.say(conversation, "repeat: one two three", model=model)
    page.goto(f"/chat/{conversation}/")
    return conversation


def test_an_answer_is_reported_by_the_keyboard_and_says_so_below(page: Page, member: Member) -> None:
    answered(page, member)
    button = page.get_by_role("button", name="举报此回答")

    button.focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name="举报此回答")
    expect(sheet.get_by_role("group", name="哪里有问题？")).to_be_visible()
    expect(sheet.get_by_role("radio", name="错误或编造")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(sheet.get_by_role("radio", name="残缺、中断或无法阅读")).to_be_checked()
    sheet.get_by_label("补充说明").fill("第二行")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    line = page.locator("#log .message--answer [data-part=report]")
    expect(line).to_contain_text("已举报：残缺、中断或无法阅读。")
    expect(line).to_be_focused()
    expect(button).to_be_hidden()
    said = line.inner_text()
    page.reload()
    expect(line).to_have_text(said)
    (report,) = member.get("/api/v1/chat/reports")["results"]
    assert (report["reason"], report["note"], report["state"]) == ("broken", "第二行", "open")
    page.goto("/chat/reports/")
    expect(page.get_by_role("link", name="残缺、中断或无法阅读")).to_be_visible()


def test_escape_reports_nothing_and_gives_the_focus_back(page: Page, member: Member) -> None:
    answered(page, member)
    button = page.get_by_role("button", name="举报此回答")
    button.click()

    page.keyboard.press("Escape")

    expect(button).to_be_focused()
    assert member.get("/api/v1/chat/reports")["results"] == []


def test_the_note_that_ai_wrote_it_stays_in_view_and_on_paper(page: Page, member: Member) -> None:
    conversation = answered(page, member)
    note = page.get_by_role("note")

    expect(note).to_contain_text("内容由 AI 生成 · AI-generated")
    expect(note).to_be_in_viewport()
    page.emulate_media(media="print")
    expect(note).to_be_visible()
    page.emulate_media(media="screen")
    item = page.locator(f'#conversations [data-conversation="{conversation}"]')
    assert item.locator("[data-file=markdown]").get_attribute("href") == (
        f"/api/v1/chat/conversations/{conversation}/file?type=markdown"
    )
    expect(page.locator("html")).to_have_js_property("scrollWidth", page.evaluate("innerWidth"))
