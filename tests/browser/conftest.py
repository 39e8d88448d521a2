"""A real Chromium: the one on this machine, found by name. Without one the browser tests say so loudly."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests.conftest import CHROMIUM
from tests.member import Member
from tests.site import Site

_QUIET = [
    "--no-sandbox",  # root, as in a container, may not use Chromium's own
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Above what a loaded machine needs; a page that is right answers at once.
_PATIENCE_MS = 45_000
SignIn = Callable[..., Member]
WIDTHS = {"phone": (360, 740), "desktop": (1440, 900)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its pages said, and what the site logged last."""
    report = yield
    if report.when == "call" and report.failed:
        given = getattr(item, "funcargs", {})
        for page in given["context"].pages if "context" in given else ():
            report.sections.append((page.url, page.locator("body").inner_text()))
        if "site" in given:
            report.sections.append(("the site's logs", given["site"].log_tail()))
    return report


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture(params=list(WIDTHS))
def context(request: pytest.FixtureRequest, chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    """A fresh browser at phone and at desktop width; a script error or a refused resource fails the test."""
    width, height = WIDTHS[request.param]
    context = chromium.new_context(
        base_url=site.url,
        viewport={"width": width, "height": height},
        locale="zh-CN",
        is_mobile=request.param == "phone",
        has_touch=request.param == "phone",
    )
    context.set_default_timeout(_PATIENCE_MS)
    expect.set_options(timeout=_PATIENCE_MS)
    troubles: list[str] = []
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    context.on(
        "console",
        lambda message: troubles.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield context
    # Contexts end with their browser: seen once in some hundred runs, Chromium never answers to closing a single one.
    for page in context.pages:
        _leave(page)
    assert troubles == []


def _leave(page: Page) -> None:
    """Nothing of a page shall happen after its test; it may just be going somewhere itself, or on its way here."""
    for _ in range(5):
        with suppress(Error):
            page.goto("about:blank")
            return


def take_over(context: BrowserContext, site: Site, member: Member) -> None:
    """The member's session moves into the real browser."""
    cookies = [{"name": name, "value": value, "url": site.url} for name, value in member.http.cookies.items()]
    context.add_cookies(cookies)  # type: ignore[arg-type]  # Playwright's own type is a TypedDict


@pytest.fixture
def sign_in(site: Site) -> Iterator[SignIn]:
    """Signs a member in, a new one or again, in a browser without a window."""
    with ExitStack() as browsers:

        def sign_in(openid: str | None = None) -> Member:
            member = browsers.enter_context(Member(site.url, openid))
            member.sign_in()
            return member

        yield sign_in


@pytest.fixture
def member(sign_in: SignIn) -> Member:
    """Somebody who has just signed in, outside the browser."""
    return sign_in()


@pytest.fixture
def page(context: BrowserContext, site: Site, member: Member) -> Page:
    """A page in the browser of the same member."""
    take_over(context, site, member)
    return context.new_page()
