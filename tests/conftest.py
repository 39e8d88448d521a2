"""What every test stands on: a Redis of its own, emptied after each test, and Chinese texts that are up to date."""

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import hypothesis
import pytest
import redis
from django.conf import settings

from apps.kernel import fresh, wakes
from apps.kernel.redis import sync_redis
from config import stores, supervisor, translations, valkey

pytest_plugins = ["tests.cast", "tests.rows", "tests.databases", "tests.site", "tests.names"]

# The browser of this machine; Playwright brings none. The shell without windows first: the same engine, but a whole
# browser spends 0.9 s of processor time on the window of each test's own context, the shell 0.2.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_EIGHT_HOURS, _LAST_OF_DAY = 8 * 60 * 60, 30
NO_CLIENTS = "not fetched (make clients)"
_NO_CHROMIUM = "no chromium-headless-shell, chromium, chromium-browser or google-chrome on PATH"


class _Loggers(dict[str, logging.Logger | logging.PlaceHolder]):
    """The names of `logging`, in a form that may be walked through while another thread adds one.

    pytest 9.1 walks through them before and after each test (`catching_logs`), while an engine's thread that has just
    begun still imports: "dictionary changed size during iteration", in whichever test it meets.
    """

    def values(self) -> list[logging.Logger | logging.PlaceHolder]:  # type: ignore[override]
        return list(super().values())


def pytest_configure(config: pytest.Config) -> None:
    """Compile the texts once, in the process that starts the workers; no test fails because a machine is slow."""
    logging.root.manager.loggerDict = _Loggers(logging.root.manager.loggerDict)
    for (
        name
    ) in supervisor.proxy_variables():  # of the shell: tests talk to loopback, and browsers and clients would obey
        del os.environ[name]
    # A found example is told as it is: making it smaller takes up to five minutes, which is when a test counts as hung.
    # `--hypothesis-profile=smaller` does it.
    untimed = hypothesis.settings(
        deadline=None, phases=[phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.shrink]
    )
    hypothesis.settings.register_profile("untimed", untimed)
    hypothesis.settings.register_profile("smaller", deadline=None)
    if not config.getoption("--hypothesis-profile"):
        hypothesis.settings.load_profile("untimed")
    if not hasattr(config, "workerinput"):
        translations.compile_stale()


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, with the reason; tests that share one site run in one worker."""
    on_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)
            # Only here: elsewhere what fails once is a race of ours. The summary names each, with its first failure.
            item.add_marker(pytest.mark.flaky(reruns=1))
        # With --dist loadgroup each group is one worker's: those who share a site (a browser's width has one of its
        # own, since waiting is most of what they do), and the sites of single tests.
        if "own_site" in getattr(item, "fixturenames", ()) or item.path.parent.name == "fuzzing":
            item.add_marker(pytest.mark.xdist_group("own-sites"))
        elif item.path.parent.name == "browser":
            width = item.callspec.params.get("context") if hasattr(item, "callspec") else None
            item.add_marker(pytest.mark.xdist_group(f"browser-{width}"))
        elif item.path.parent.name in ("journeys", "clients"):
            item.add_marker(pytest.mark.xdist_group("journeys"))
        if on_sqlite and (item.get_closest_marker("race") or item.get_closest_marker("services")):
            item.add_marker(pytest.mark.skip(reason="needs PostgreSQL and Redis: make test-services"))
        if CHROMIUM is None and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=_NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what did not run for want of a browser or a client: a green suite without them proves less."""
    for kind, reason in (("BROWSER", _NO_CHROMIUM), ("CLIENT", NO_CLIENTS)):
        skipped = [each for each in terminalreporter.stats.get("skipped", []) if reason in str(each.longrepr)]
        if skipped:
            terminalreporter.section(f"{len(skipped)} {kind} TESTS DID NOT RUN: {reason}", red=True)


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[redis.Redis]:
    """The suite's Redis: the given one, or an embedded server that lives as long as this process's tests."""
    sync_redis()  # the process's own client is of this Redis, whichever a test names afterwards
    settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not settings.REDIS_URL.startswith("unix://"):
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            yield client
        return
    socket_path = stores.valkey_socket(settings.VAR_DIR)
    server = subprocess.Popen(
        valkey.command(socket_path=socket_path, directory=settings.VAR_DIR / "valkey"),
        stdout=subprocess.DEVNULL,
    )
    try:
        valkey.wait_until_ready(server, socket_path)
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            yield client
    finally:
        while not wakes._asked.empty():  # it would say that the broker went away
            time.sleep(0.01)
        server.kill()
        server.wait()
        shutil.rmtree(settings.VAR_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def empty_redis(redis_server: redis.Redis) -> Iterator[None]:
    """Leave nothing in the cache, the streams or the queues for the next test."""
    yield
    redis_server.flushdb()


@pytest.fixture(autouse=True)
def no_turn_of_the_day() -> None:
    """No test begins in a day's last half minute, here or in UTC: what is counted by the day would begin anew in it.

    Tests of the turn itself say what time it is.
    """
    left = _EIGHT_HOURS - time.time() % _EIGHT_HOURS  # both days end with one of these
    if left < _LAST_OF_DAY:
        time.sleep(left)


@pytest.fixture(autouse=True)
def fresh_settings() -> None:
    """What the last test let operators set was rolled back; the process's copies must not outlive that."""
    fresh.forget_all()
