"""A member's own pages at phone and at desktop width: avatar, devices, keys, data, leaving."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn
from tests.member import Member


def test_an_avatar_is_chosen_with_the_keyboard(page: Page) -> None:
    page.goto("/account/")
    before = page.locator("#avatar").get_attribute("src")
    page.locator("[data-open=profile-sheet]").press("Enter")
    for group in ("shape", "colour"):
        page.locator(f"input[name={group}]:checked").focus()
        page.keyboard.press("ArrowRight")
    chosen = page.locator("#avatar-preview").get_attribute("src")
    assert chosen != before
    page.locator("#id_nickname").fill("月下的鹤")
    page.keyboard.press("Enter")
    expect(page.locator("#nickname")).to_have_text("月下的鹤")
    expect(page.locator("#profile-sheet")).to_be_hidden()
    page.reload()
    expect(page.locator("#avatar")).to_have_attribute("src", str(chosen))


def test_a_key_is_shown_once_works_and_is_revoked(page: Page) -> None:
    page.goto("/account/keys/")
    page.locator("[data-open=key-sheet]").first.click()
    page.locator("#key-form button[type=submit]").click()
    expect(page.locator("#key-state")).not_to_be_empty()  # no name yet
    page.locator("#id_name").fill("脚本")
    page.locator("#id_cap").fill("2.5")
    page.locator("#key-form [value=account]").check()
    page.locator("#key-limits summary").click()
    expect(page.locator("#key-models input").first).to_be_visible()
    page.locator("#key-form button[type=submit]").click()
    expect(page.locator("#made-key")).to_be_visible()
    key = page.locator("#made-key").inner_text()
    asked = page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {key}", "Cookie": ""})
    assert asked.status == 200
    page.locator("#made-sheet [data-close]").click()
    expect(page.locator(".key-card")).to_contain_text("2.5")
    assert key not in page.content()
    page.locator("[data-revoke]").click()
    page.locator("#revoke-sheet button[value=yes]").click()
    expect(page.locator(".key-card")).to_have_count(0)
    asked = page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {key}", "Cookie": ""})
    assert asked.status == 401


def test_other_devices_are_signed_out(page: Page, sign_in: SignIn, member: Member) -> None:
    others = [sign_in(member.openid) for _ in range(3)]
    page.goto("/account/security/")
    expect(page.locator("#sessions > li")).to_have_count(4)
    page.locator("[data-end-session]").first.click()
    expect(page.locator("#sessions > li")).to_have_count(3)
    page.locator("#end-others").click()
    page.locator("#end-others-sheet button[value=yes]").click()
    expect(page.locator("#sessions > li")).to_have_count(1)
    assert [other.http.get("/api/v1/me").status_code for other in others] == [401] * 3
    assert member.http.get("/api/v1/me").status_code == 200


def test_a_member_takes_a_copy_and_leaves(page: Page, member: Member) -> None:
    before = member.get("/api/v1/me")
    page.goto("/account/data/")
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename.endswith(".zip")
    page.locator("[data-open=close-sheet]").click()
    leave = page.locator("#close-form button[type=submit]")
    page.locator("#id_confirm").fill("somebody else")
    expect(leave).to_be_disabled()
    page.locator("#id_confirm").fill(before["nickname"])
    leave.click()
    page.wait_for_url(lambda url: not url.endswith("/account/data/"))
    assert page.request.get("/api/v1/me").status == 401
    assert member.http.get("/api/v1/me").status_code == 401
    assert member.sign_in()["id"] != before["id"]
