"""Static files as a site has them that was started: by content, kept for ever, compressed, and new when a source is."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client
from pytest_django.fixtures import Settings

from config import static_files

HASHED = re.compile(r"\.[0-9a-f]{12}\.(css|js|svg)$")


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Callable[[], Client]:
    """As `up` and the web process start, one after the other; who then asks."""
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = False

    def again() -> Client:
        # With each change of it Django forgets what the last storage has read.
        settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "config.static_files.Storage"}}
        static_files.collect_changed()
        return Client()

    return again


def body_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


@pytest.mark.django_db
def test_what_a_page_asks_for_is_named_by_its_content_and_compressed(start: Callable[[], Client]) -> None:
    client = start()
    page = client.get("/login/").text
    asked = re.findall(r'(?:href|src)="(/static/[^"#]+)', page)
    assert {Path(url).suffix for url in asked} >= {".css", ".js"}
    for url in asked:
        assert HASHED.search(url), url
        answer = client.get(url, headers={"accept-encoding": "gzip"})
        assert answer.headers["Cache-Control"] == "max-age=315360000, public, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(body_of(answer)) == body_of(client.get(url))


@pytest.mark.django_db
def test_a_script_asks_for_its_modules_by_their_content(start: Callable[[], Client]) -> None:
    client = start()
    script = re.findall(r'src="(/static/js/accounts/[^"]+)', client.get("/login/").text)[0]
    modules = re.findall(r'^import [^;]* from "([^"]+)"', body_of(client.get(script)).decode(), re.MULTILINE)
    assert modules
    assert all(HASHED.search(module) for module in modules)


def test_a_changed_source_is_served_from_the_next_start_on(
    start: Callable[[], Client], settings: Settings, tmp_path: Path
) -> None:
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [sources := tmp_path / "sources"]
    sources.mkdir()
    sheet, gone = sources / "sheet.css", sources / "gone.css"
    sheet.write_text("a { color: red }")
    gone.write_text("")
    start()
    before = staticfiles_storage.url("sheet.css")
    collected = (settings.STATIC_ROOT / "sheet.css").stat().st_mtime_ns

    start()
    assert (settings.STATIC_ROOT / "sheet.css").stat().st_mtime_ns == collected  # nothing had changed

    sheet.write_text("a { color: blue }")
    gone.unlink()
    client = start()
    url = staticfiles_storage.url("sheet.css")
    assert url != before
    assert body_of(client.get(url)) == b"a { color: blue }"
    assert not (settings.STATIC_ROOT / "gone.css").exists()
