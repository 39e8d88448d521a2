"""A real Chromium: the one on this machine, found by name. Without one the browser tests say so loudly."""

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.conftest import CHROMIUM
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
        page.goto("about:blank")
    assert troubles == []
