"""Signing in at phone and at desktop width: by scanning, with and without events, and by the code where no QR is."""

import re
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

_CODE = re.compile(r"\b[A-Z2-9]{6}\b")


class Phone:
    """A follower's phone in the sandbox."""

    def __init__(self, context: BrowserContext) -> None:
        self._http = context.request
        self._path = f"/sandbox/phone/oTest{uuid4().hex[:20]}"

    def does(self, act: str, **body: str) -> Any:
        """One act; what the phone shows."""
        answer = self._http.post(f"{self._path}/{act}", data=body)
        assert answer.ok, answer.text()
        return answer.json()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def phone(context: BrowserContext) -> Phone:
    return Phone(context)


def open_login(page: Page) -> str:
    """Open the page at its QR code; what the code contains."""
    with page.expect_response(lambda answer: answer.url.endswith("/login-attempts")) as answer:
        page.goto("/login/?next=/shop/")
    if page.locator("#ways").is_visible():
        expect(page.locator("#id_code")).to_be_visible()  # a phone shows the code first, and buys no QR code for it
        assert "qr_content" not in answer.value.json()
        with page.expect_response(lambda answer: answer.url.endswith("/login-attempts")) as answer:
            page.locator("[data-way=qr]").click()
    expect(page.locator("#qr-code img")).to_be_visible()
    return str(answer.value.json()["qr_content"])


def in_state(page: Page, state: str) -> None:
    expect(page.locator("#qr-panel")).to_have_attribute("data-state", state)
    expect(page.locator("#qr-state")).not_to_be_empty()


def number_on(page: Page) -> str:
    """What the page asks its phone to send."""
    expect(page.locator("#qr-number")).to_be_visible()
    return str(page.locator("#qr-number").text_content())


def is_in(page: Page) -> None:
    page.wait_for_url(lambda url: url.endswith("/shop/") and "/login/" not in url)
    assert page.request.get("/api/v1/me").status == 200


def test_a_phone_scans_and_confirms(page: Page, phone: Phone) -> None:
    content = open_login(page)
    shown = phone.does("scan", content=content)
    assert "浏览器" in shown["replies"][0]
    in_state(page, "scanned")
    phone.does("confirm", content=content, number=number_on(page))
    is_in(page)


def test_a_page_that_is_loaded_again_goes_on_with_its_code(page: Page, phone: Phone) -> None:
    content = open_login(page)
    opened: list[str] = []
    page.on("request", lambda sent: opened.append(sent.url) if sent.url.endswith("/login-attempts") else None)
    page.reload()
    expect(page.locator("#qr-panel")).to_have_attribute("data-state", "waiting")
    if page.locator("#ways").is_visible():
        page.locator("[data-way=qr]").click()
    expect(page.locator("#qr-code img")).to_be_visible()
    assert opened == []
    phone.does("scan", content=content)
    in_state(page, "scanned")
    phone.does("confirm", content=content, number=number_on(page))
    is_in(page)


def test_a_refusal_is_shown_and_the_next_code_works(page: Page, phone: Phone) -> None:
    phone.does("scan", content=open_login(page))
    in_state(page, "scanned")
    phone.does("text", content="取消")
    in_state(page, "refused")
    with page.expect_response(lambda answer: answer.url.endswith("/login-attempts")) as answer:
        page.locator("#qr-renew").click()
    in_state(page, "waiting")
    content = answer.value.json()["qr_content"]
    phone.does("scan", content=content)
    in_state(page, "scanned")
    phone.does("confirm", content=content, number=number_on(page))
    is_in(page)


def test_where_events_do_not_come_through_the_page_asks(page: Page, phone: Phone) -> None:
    page.route("**/events", lambda route: route.abort())
    content = open_login(page)
    phone.does("scan", content=content)
    in_state(page, "scanned")
    phone.does("confirm", content=content, number=number_on(page))
    is_in(page)


def test_the_news_of_a_redeemed_code_does_not_overtake_its_answer(page: Page, phone: Phone) -> None:
    streams: list[Route] = []
    addresses: list[str] = []

    def hold(route: Route) -> None:
        streams.append(route)

    def answer_after_the_news(route: Route) -> None:
        # Sent past the browser, whose cookies shall change only with the answer.
        sent = route.request
        answer = httpx2.post(sent.url, content=sent.post_data, headers=sent.all_headers(), trust_env=False)
        streams[0].fulfill(response=streams[0].fetch())
        in_state(page, "confirmed")
        page.wait_for_timeout(1_000)
        addresses.append(page.url)
        cookies = "\n".join(answer.headers.get_list("set-cookie"))
        route.fulfill(status=answer.status_code, json=answer.json(), headers={"set-cookie": cookies})

    page.route("**/events", hold)
    page.route("**/code", answer_after_the_news)
    open_login(page)
    phone.does("follow")
    code = _CODE.search(phone.does("text", content="登录")["replies"][0])
    assert code
    if page.locator("#ways").is_visible():
        page.locator("[data-way=code]").click()
    page.locator("#id_code").fill(code[0])
    is_in(page)
    assert addresses[0].endswith("/login/?next=/shop/")


def test_without_a_qr_code_the_page_says_so_and_offers_the_code(page: Page) -> None:
    def code_only(route: Route) -> None:
        answer = route.fetch()
        told = {name: value for name, value in answer.json().items() if not name.startswith("qr_")}
        route.fulfill(response=answer, json={**told, "methods": ["code"]})

    page.route("**/login-attempts", code_only)
    page.goto("/login/")
    in_state(page, "none")
    expect(page.locator("#qr-code")).to_be_hidden()
    expect(page.locator("#ways")).to_be_hidden()
    expect(page.locator("#id_code")).to_be_visible()


def test_inside_wechat_one_tap_signs_in(context: BrowserContext, page: Page, phone: Phone) -> None:
    phone.does("follow")
    context.set_extra_http_headers({"User-Agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"})
    page.goto("/login/?next=/shop/")
    expect(page.locator("#qr-panel")).to_have_count(0)
    page.locator("#in-wechat").click()
    page.wait_for_url("**/connect/oauth2/authorize?**")
    page.locator("#page a.list-row").first.click()
    is_in(page)
