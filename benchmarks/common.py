"""What benchmarks share: the machine, databases and sites of their own, shares of many measurements."""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config import supervisor, valkey

ROOT = Path(__file__).resolve().parent.parent
_SERVER, _, _ = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres").rpartition("/")
_STARTS_WITHIN = 300.0  # seconds; a first start migrates
_ENDS_WITHIN = 60.0


def command_line(about: str | None) -> argparse.ArgumentParser:
    """What each takes: `--short` is one round of each, which tells no more than that it works."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one round of each")
    return parser


def options(about: str | None, **flags: str) -> argparse.Namespace:
    """What was asked for, of `--short` and these flags with their meaning."""
    parser = command_line(about)
    for name, meaning in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=meaning)
    return parser.parse_args()


def machine() -> str:
    """What the figures were taken on, and how busy it was before."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def share(values: Sequence[float], of: float) -> float:
    """The value below which this share of them lies."""
    return sorted(values)[min(int(len(values) * of), len(values) - 1)]


# Processes ----------------------------------------------------------------------------------------


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once /healthz answers; ended as Ctrl-C would. Raises SystemExit unless it starts in five minutes."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=said,
            preexec_fn=supervisor.dies_with_parent(),  # noqa: PLW1509  # this process has one thread
        )
        try:
            until = time.monotonic() + _STARTS_WITHIN
            while not supervisor.is_healthy(port):
                if process.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    raise SystemExit(f"did not start: {' '.join(command)}\n{said.read().decode()}")
                time.sleep(0.02)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=_ENDS_WITHIN)


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processor, without its children (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_mib(pid: int) -> float:
    """A process's share of the memory, shared pages divided among those who share them (Linux)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"no Pss of process {pid}")


# Databases and sites ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Site:
    """A site that runs: its port and its data folder."""

    port: int
    var: Path

    def pids(self) -> dict[str, int]:
        """Its processes by name."""
        return dict(json.loads((self.var / "pids.json").read_text()))

    def processor(self) -> dict[str, float]:
        """The seconds of the processor so far: of the web process, of the engine, and of all others."""
        took = {name: cpu_seconds(pid) for name, pid in self.pids().items()}
        web, engine = took.pop("web"), took.pop("generate")
        return {"web": web, "generate": engine, "others": sum(took.values())}


@contextmanager
def own_database(name: str) -> Iterator[str]:
    """The URL of a database of this name on the server of DATABASE_URL, gone afterwards."""
    _recreate(name, and_make=True)
    try:
        yield f"{_SERVER}/{name}"
    finally:
        _recreate(name, and_make=False)


def use_own_stores(name: str, *, embedded: bool = False) -> None:
    """Settings for this process and its children, before django.setup().

    A folder and a port of its own; a database of this name on the server of DATABASE_URL, or in that folder.
    """
    os.environ |= {
        "DATABASE_URL": "" if embedded else f"{_SERVER}/{name}",
        "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
        "CHATLOOP_VAR": tempfile.mkdtemp(prefix="chatloop-benchmark-"),
        "PORT": str(free_port()),
    }


@contextmanager
def own_stores() -> Iterator[None]:
    """The stores that use_own_stores() named, made, and gone afterwards; a given REDIS_URL is used as it is."""
    from django.conf import settings  # noqa: PLC0415  # once its settings are named
    from django.core.management import call_command  # noqa: PLC0415

    redis = None
    if "REDIS_URL" not in os.environ:
        redis_socket = Path(settings.REDIS_URL.removeprefix("unix://"))
        command = valkey.command(socket_path=redis_socket, directory=settings.VAR_DIR)
        redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        valkey.wait_until_ready(redis, redis_socket)
    try:
        with _own_place():
            call_command("migrate", verbosity=0)
            yield
    finally:
        if redis is not None:
            redis.terminate()
            redis.wait()


@contextmanager
def own_site() -> Iterator[Site]:
    """The whole site (`manage.py up`) on the stores that use_own_stores() named, and a Valkey; gone afterwards."""
    os.environ.pop("REDIS_URL", None)
    port, var = int(os.environ["PORT"]), Path(os.environ["CHATLOOP_VAR"])
    with _own_place(), serving([sys.executable, "manage.py", "up"], port, dict(os.environ)):
        yield Site(port, var)


def site_again(site: Site) -> AbstractContextManager[object]:
    """The same site, started again once all of its processes are gone."""
    return serving([sys.executable, "manage.py", "up"], site.port, dict(os.environ))


def terminate_one(name: str) -> int:
    """End a connection to this database, any one; how many were ended."""
    with psycopg.connect(f"{_SERVER}/postgres", autocommit=True) as server:
        ended = server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s ORDER BY random() LIMIT 1",
            [name],
        )
        return ended.rowcount


@contextmanager
def _own_place() -> Iterator[None]:
    """The database and the folder that the environment names; connections of this process are closed at the end."""
    name = os.environ["DATABASE_URL"].rpartition("/")[2]
    if name:
        _recreate(name, and_make=True)
    try:
        yield
    finally:
        _close_connections()
        if name:
            _recreate(name, and_make=False)
        shutil.rmtree(os.environ["CHATLOOP_VAR"], ignore_errors=True)


def _close_connections() -> None:
    from django.conf import settings  # noqa: PLC0415  # once its settings are named
    from django.db import connections  # noqa: PLC0415

    if settings.configured:
        connections.close_all()
        for connection in connections.all(initialized_only=True):
            if connection.vendor == "postgresql":
                connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's


def _recreate(name: str, *, and_make: bool) -> None:
    with psycopg.connect(f"{_SERVER}/postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        if and_make:
            server.execute(f'CREATE DATABASE "{name}"')
