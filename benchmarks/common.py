"""What benchmarks share: the machine, a database and a Redis of their own, shares of many measurements."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
_SERVER, _, _ = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres").rpartition("/")


def machine() -> str:
    """What the figures were taken on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def share(values: Sequence[float], of: float) -> float:
    """The value below which this share of them lies."""
    return sorted(values)[min(int(len(values) * of), len(values) - 1)]


@contextmanager
def own_database(name: str) -> Iterator[str]:
    """The URL of a database of this name on the server of DATABASE_URL, gone afterwards."""
    _recreate(name, and_make=True)
    try:
        yield f"{_SERVER}/{name}"
    finally:
        _recreate(name, and_make=False)


def use_own_stores(name: str) -> None:
    """Settings for this process, before django.setup(): a database of this name on the server of DATABASE_URL."""
    os.environ |= {
        "DATABASE_URL": f"{_SERVER}/{name}",
        "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
        "CHATLOOP_VAR": tempfile.mkdtemp(prefix="chatloop-benchmark-"),
    }


@contextmanager
def own_stores() -> Iterator[None]:
    """The stores that use_own_stores() named, made, and gone afterwards; a given REDIS_URL is used as it is."""
    from django.conf import settings  # noqa: PLC0415  # once its settings are named
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    from config import valkey  # noqa: PLC0415

    name = settings.DATABASES["default"]["NAME"]
    redis = None
    if "REDIS_URL" not in os.environ:
        socket = Path(settings.REDIS_URL.removeprefix("unix://"))
        command = valkey.command(socket_path=socket, directory=settings.VAR_DIR)
        redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        valkey.wait_until_ready(redis, socket)
    _recreate(name, and_make=True)
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connections.close_all()
        for connection in connections.all():
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's
        _recreate(name, and_make=False)
        if redis is not None:
            redis.terminate()
            redis.wait()
        shutil.rmtree(settings.VAR_DIR)


def _recreate(name: str, *, and_make: bool) -> None:
    with psycopg.connect(f"{_SERVER}/postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        if and_make:
            server.execute(f'CREATE DATABASE "{name}"')
