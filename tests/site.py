"""The real thing, started by `manage.py up` in a folder of its own: for journeys, browsers and kill -9."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from config import env, supervisor
from tests.databases import is_on_sqlite, own_database

_READY_WITHIN = 240.0  # seconds; four suites at a time start sites on two cores
_STOPPED_WITHIN = 15.0
# Of our own environment, the site inherits none of this.
_OURS = ("PYTEST_", "DJANGO_", "DATABASE_URL", "REDIS_URL")
# Of a given Redis, test workers empty the first databases from REDIS_URL's on; sites take later ones, each its own:
# two sites on one would work each other's tasks.
_REDIS_DATABASES = 16


class Site:
    """One site with its data folder; it can be stopped, killed piece by piece, and started again."""

    def __init__(self, var: Path, *, redis_url: str, database_url: str) -> None:
        """With an empty address the site brings its own: an embedded server, or a file in its data folder."""
        self.var = var
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
            "CHATLOOP_VAR": str(var),
            "PORT": str(self.port),
            # A server commonly takes a hundred connections, and is shared by several sites and the tests' own threads.
            "DATABASE_POOL_SIZE": "4",
            **{name: url for name, url in (("REDIS_URL", redis_url), ("DATABASE_URL", database_url)) if url},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the site answers; fails with what it said."""
        with (self.var / "up.out").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=env.ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not (self.answers() and "beat" in self.pids()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the site did not start:\n{self.output()}")
            time.sleep(0.05)

    def wait_for_workers(self) -> None:
        """Return when worker and engine work too: `up` waits for the web only, and they are late on a busy machine."""
        logs = [self.var / "log" / f"{name}.log" for name in ("worker", "generate")]
        deadline = time.monotonic() + _READY_WITHIN
        while not all(log.exists() and " ready" in log.read_text() for log in logs):
            if time.monotonic() > deadline:
                pytest.fail(f"the workers did not start:\n{self.log_tail()}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Does /healthz answer 200?"""
        return supervisor.is_healthy(self.port)

    def output(self) -> str:
        """Everything that `up` has printed, all starts together."""
        return (self.var / "up.out").read_text()

    def log_tail(self) -> str:
        """The last lines of each process's log."""
        logs = sorted((self.var / "log").glob("*.log"))
        return "\n".join(f"{log.name}:\n" + "\n".join(log.read_text().splitlines()[-30:]) for log in logs)

    def pids(self) -> dict[str, int]:
        """Running processes by name: supervisor, web, worker, beat, generate, and valkey unless REDIS_URL is given."""
        path = self.var / "pids.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def kill(self, name: str) -> None:
        """kill -9 of one process."""
        os.kill(self.pids()[name], signal.SIGKILL)

    def pause(self, name: str) -> None:
        """SIGSTOP one process: it holds what it holds and does nothing more, until it is killed."""
        os.kill(self.pids()[name], signal.SIGSTOP)

    def wait_until_stopped(self) -> int:
        """The exit code of `up`, once it has ended by itself."""
        assert self._process is not None
        return self._process.wait(timeout=_STOPPED_WITHIN)

    def stop(self) -> int:
        """SIGTERM, as a service manager would; the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        return self.wait_until_stopped()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one management command on the site's data; its output and exit code."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=env.ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@dataclass(frozen=True)
class Prepared:
    """What the first start of a site leaves: its data folder, and its database if that is a server's."""

    var: Path
    database_url: str


@contextmanager
def running_site(var: Path, *, like: Prepared | None = None) -> Iterator[Site]:
    """A started site; with DATABASE_URL and REDIS_URL it gets a database of its own on those servers.

    Its first start, or with `like` its second: a database is migrated in half a minute and copied at once.
    """
    if like is not None:
        shutil.copytree(like.var, var, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock", "*.lock", "valkey"))
    template = urlsplit(like.database_url).path[1:] if like else "template1"
    with _own_redis() as redis_url, own_database(var.name, template) as database_url:
        site = Site(var, redis_url=redis_url, database_url=database_url)
        try:
            site.start()
            yield site
        finally:
            site.stop()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, migrated: str, worker_id: str) -> Iterator[Prepared]:
    """A site that was started once and stopped, to be copied. Its tables were there before.

    As a folder it is made by the first worker that asks for it, and is of all workers of this run.
    """
    if is_on_sqlite() and worker_id != "master":
        folder = tmp_path_factory.getbasetemp().parent
        with (folder / "prepared-site.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "prepared-site").exists():
                with _started_once(tmp_path_factory, migrated) as made:
                    made.var.rename(folder / "prepared-site")
        yield Prepared(folder / "prepared-site", "")
        return
    with _started_once(tmp_path_factory, migrated) as made:
        yield made


@contextmanager
def _started_once(tmp_path_factory: pytest.TempPathFactory, migrated: str) -> Iterator[Prepared]:
    var = tmp_path_factory.mktemp("prepared-site")
    if is_on_sqlite():
        shutil.copy(migrated, var / "chatloop.sqlite3")
    with own_database(var.name, migrated) as database_url:
        with _own_redis() as redis_url:
            site = Site(var, redis_url=redis_url, database_url=database_url)
            site.start()
            assert site.stop() == 0
        yield Prepared(var, database_url)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, prepared: Prepared) -> Iterator[Site]:
    """The site that every journey of this run shares: do not break it."""
    with running_site(tmp_path_factory.mktemp("site"), like=prepared) as running:
        running.wait_for_workers()
        yield running


@pytest.fixture
def own_site(tmp_path_factory: pytest.TempPathFactory, prepared: Prepared) -> Iterator[Site]:
    """A site for one test, which may kill what it likes."""
    with running_site(tmp_path_factory.mktemp("own-site"), like=prepared) as running:
        yield running


@contextmanager
def _own_redis() -> Iterator[str]:
    """A database of REDIS_URL's server that no other site uses, or nothing for an embedded one."""
    server, _, first = env.text("REDIS_URL").rpartition("/")
    if not server:
        yield ""
        return
    first_of_sites = int(first) + int(env.text("PYTEST_XDIST_WORKER_COUNT", "1"))
    for number in range(first_of_sites, _REDIS_DATABASES):
        with (Path(tempfile.gettempdir()) / f"chatloop-redis-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            with redis.Redis.from_url(f"{server}/{number}") as client:
                client.flushdb()
            yield f"{server}/{number}"
            return
    pytest.fail(f"every Redis database from {first_of_sites} on is in use by another site; use fewer test workers")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
