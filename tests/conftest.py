"""What every test stands on: a Redis of its own, emptied after each test, and Chinese texts that are up to date."""

import shutil
import subprocess
from collections.abc import Iterator

import hypothesis
import pytest
import redis
from django.conf import settings

from apps.kernel import switches
from config import env, messages, valkey

pytest_plugins = ["tests.cast", "tests.rows", "tests.site"]

# The browser of this machine; Playwright brings none.
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_NO_CHROMIUM = "no chromium, chromium-browser or google-chrome on PATH"


def pytest_configure(config: pytest.Config) -> None:
    """Compile the texts once, in the process that starts the workers; no test fails because a machine is slow."""
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")
    if not hasattr(config, "workerinput"):
        messages.compile_stale()


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, with the reason; tests that share one site run in one worker."""
    on_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)
        # With --dist loadgroup each group is one worker's: first the two shared sites, then the sites of single tests.
        if "own_site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("own-sites"))
        elif item.path.parent.name in {"browser", "journeys"}:
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))
        if on_sqlite and (item.get_closest_marker("race") or item.get_closest_marker("services")):
            item.add_marker(pytest.mark.skip(reason="needs PostgreSQL and Redis: make test-services"))
        if CHROMIUM is None and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=_NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that the browser tests did not run: a green suite without them proves less."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if _NO_CHROMIUM in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"{len(skipped)} BROWSER TESTS DID NOT RUN: {_NO_CHROMIUM}", red=True)


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[redis.Redis]:
    """The suite's Redis: the given one, or an embedded server that lives as long as this process's tests."""
    settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not settings.REDIS_URL.startswith("unix://"):
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            yield client
        return
    socket_path = env.valkey_socket(settings.VAR_DIR)
    server = subprocess.Popen(
        valkey.command(socket_path=socket_path, directory=settings.VAR_DIR / "valkey"),
        stdout=subprocess.DEVNULL,
    )
    try:
        valkey.wait_until_ready(server, socket_path)
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            yield client
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(settings.VAR_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def empty_redis(redis_server: redis.Redis) -> Iterator[None]:
    """Leave nothing in the cache, the streams or the queues for the next test."""
    yield
    redis_server.flushdb()


@pytest.fixture(autouse=True)
def forgotten_switches() -> None:
    """A switch that the last test turned off was rolled back; the process's copy of it must not outlive that."""
    if switches._cache.switched_off:
        switches._cache.read_at = float("-inf")
