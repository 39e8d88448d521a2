"""Pictures in the box and in the chat: chosen, seen, kept over a reload, and refused by a model that is blind."""

import base64
import re

from playwright.sync_api import Page, expect

from tests.browser.test_kept_questions import choose, open_chat, refuse
from tests.browser.test_the_loop import no_sideways_scroll, say
from tests.integration.chat.drawn import drawn
from tests.member import Member

# A browser lets no script paste or drop: this is what its own events hold when somebody does.
_HAND_OVER = """([target, kind, content]) => {
    const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "screen.png", { type: "image/png" }));
    const details = { bubbles: true, cancelable: true };
    const event = kind === "paste"
        ? new ClipboardEvent(kind, { ...details, clipboardData: data })
        : new DragEvent(kind, { ...details, dataTransfer: data });
    document.querySelector(target).dispatchEvent(event);
    return event.defaultPrevented;
}"""
_CHOSEN = "#composer-pictures li[data-picture]"


def hand_over(page: Page, target: str, kind: str, content: bytes) -> bool:
    """Whether the page took it, so that the browser does not."""
    return bool(page.evaluate(_HAND_OVER, [target, kind, base64.b64encode(content).decode()]))


def choose_pictures(page: Page, *sizes: tuple[int, int]) -> None:
    files = [
        {"name": f"{at}.png", "mimeType": "image/png", "buffer": drawn(size=size)} for at, size in enumerate(sizes)
    ]
    page.locator("#composer-file").set_input_files(files)  # type: ignore[arg-type]  # as playwright takes them
    expect(page.locator(_CHOSEN)).to_have_count(len(sizes))


def test_a_question_shows_its_pictures_and_the_model_says_what_it_sees(page: Page) -> None:
    page.goto("/chat/")
    choose(page, "demo-swift")
    choose_pictures(page, (40, 20), (300, 200))
    no_sideways_scroll(page)
    # One is taken back; the other waits for the words, over a reload too.
    page.locator("#composer-pictures button").first.click()
    expect(page.locator("#composer-pictures li")).to_have_count(1)
    page.reload()
    expect(page.locator(_CHOSEN)).to_have_count(1)
    expect(page.locator("#composer-send")).to_be_enabled()

    # A model that does not see says who does; nothing is lost.
    page.locator("#composer-send").click()
    expect(page.locator(".toast").last).to_contain_text("沉思")
    choose(page, "demo-steady")
    page.locator("#composer-input").fill("这是什么？")
    page.locator("#composer-send").click()

    question = page.locator(".message--mine").last
    expect(question.locator(".pictures img")).to_have_count(1)
    expect(page.locator("#composer-pictures li")).to_have_count(0)
    expect(page.locator(".message").last).to_contain_text("我看到了 1 张图片：PNG 300×200", timeout=60_000)
    page.reload()
    image = page.locator(".message--mine").last.locator(".pictures img")
    expect(image).to_have_js_property("naturalWidth", 300)
    expect(image).to_have_attribute("alt", re.compile("1"))
    no_sideways_scroll(page)


def test_pictures_are_pasted_and_dropped_and_what_is_none_is_refused(page: Page) -> None:
    page.goto("/chat/")
    assert hand_over(page, "#composer-input", "paste", drawn(size=(60, 60)))
    expect(page.locator(_CHOSEN)).to_have_count(1)
    assert hand_over(page, "#transcript", "drop", drawn(size=(80, 60)))
    expect(page.locator(_CHOSEN)).to_have_count(2)

    # Beside the chat nobody takes it, and the browser does not open it either.
    assert hand_over(page, "header", "drop", drawn(size=(80, 60)))
    expect(page.locator("#composer-pictures li")).to_have_count(2)

    assert hand_over(page, "#composer-input", "paste", b"no picture at all")
    expect(page.locator(".toast").last).to_contain_text("PNG")
    expect(page.locator("#composer-pictures li")).to_have_count(2)

    # With the keyboard alone; who took one away goes on writing.
    page.get_by_role("button", name="移除第 1 张图片").focus()
    page.keyboard.press("Enter")
    expect(page.locator(_CHOSEN)).to_have_count(1)
    expect(page.locator("#composer-input")).to_be_focused()


def test_a_refused_question_has_its_pictures_again(page: Page, member: Member) -> None:
    open_chat(page, member)
    choose(page, "demo-steady")
    choose_pictures(page, (40, 20))
    refuse(page, "chat_switched_off", 503)
    say(page, "看这张")
    expect(page.locator("#composer-input")).to_have_value("看这张")
    expect(page.locator(_CHOSEN)).to_have_count(1)

    page.locator("#composer-send").click()
    answer = page.locator(".message--answer").last
    expect(answer).to_contain_text("PNG 40×20")
    expect(answer).to_have_attribute("data-state", "finished")

    # Answered again by a model that is blind: it says who sees, and the answer stays.
    choose(page, "demo-swift")
    page.locator("[data-regenerate]").last.click()
    expect(page.locator(".toast").last).to_contain_text("沉思")
    expect(page.locator(".message--answer").last).to_contain_text("PNG 40×20")
