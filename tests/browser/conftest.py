"""A real Chromium: the one on this machine, found by name. Without one the browser tests say so loudly."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.site import Site

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
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


def _chromium() -> str | None:
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test; skipped, with the reason shown, where no Chromium is found."""
    missing = pytest.mark.skip(reason="NO CHROMIUM ON THIS MACHINE: the browser tests did not run")
    for item in items:
        if item.path.is_relative_to(__file__.removesuffix("conftest.py")):
            item.add_marker(pytest.mark.browser)
            if _chromium() is None:
                item.add_marker(missing)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=_QUIET)
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
