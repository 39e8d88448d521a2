"""Databases of tests and of their sites: each is a copy of one that was migrated once."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import django
import psycopg
import pytest
from django.conf import settings
from django.db import connection

from config import env


@pytest.fixture(scope="session")
def migrated(request: pytest.FixtureRequest) -> str:
    """A database with these migrations in it and nothing else, made once: a file, or the name of one on the server.

    It stays between runs while no migration changes; all of them together take half a minute.
    """
    return _once(request, _migrated_file if is_on_sqlite() else _migrated_on_the_server)


@pytest.fixture(scope="session")
def migrated_file(request: pytest.FixtureRequest) -> Path:
    """The same as a file, for sites that are embedded whatever the suite runs on."""
    return Path(_once(request, _migrated_file))


def _once(request: pytest.FixtureRequest, make: Callable[[Path, str], str]) -> str:
    folder = request.config.cache.mkdir("schema")
    kernel = Path("apps/kernel")
    sources = [*Path("apps").glob("*/migrations/*.py"), kernel / "append_only.py", kernel / "roles.py"]
    text = b"".join(str(path).encode() + path.read_bytes() for path in sorted(sources)) + django.__version__.encode()
    name = hashlib.blake2b(text, digest_size=8).hexdigest()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make(folder, name)


def _migrated_file(folder: Path, name: str) -> str:
    made, fresh = folder / f"{name}.sqlite3", folder / "fresh.sqlite3"
    if not made.exists():
        fresh.unlink(missing_ok=True)
        _migrate(f"sqlite:///{fresh}")
        fresh.rename(made)
    return str(made)


def _migrated_on_the_server(folder: Path, name: str) -> str:
    made, fresh = f"chatloop_schema_{name}", f"chatloop_schema_{name}_fresh"
    with _server() as server:
        server.execute("SELECT pg_advisory_lock(hashtext('chatloop_schema'))")  # of every clone's suite
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [made]).fetchone():
            server.execute(f"DROP DATABASE IF EXISTS {fresh} WITH (FORCE)".encode())
            server.execute(f"CREATE DATABASE {fresh}".encode())
            _migrate(_url_of(fresh))
            server.execute(f"ALTER DATABASE {fresh} RENAME TO {made}".encode())
    return made


def _migrate(database_url: str) -> None:
    environment = {**os.environ, "DATABASE_URL": database_url}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, check=True)


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None, migrated: str) -> bool:
    """A test database begins as a copy, over which Django still runs `migrate`."""
    test = connection.settings_dict["TEST"]
    if is_on_sqlite():
        shutil.copy(migrated, test["NAME"])
        return True
    test["TEMPLATE"] = migrated
    return False


@contextmanager
def own_database(name: str, template: str) -> Iterator[str]:
    """A copy of the template on DATABASE_URL's server, dropped afterwards; or nothing for SQLite."""
    if is_on_sqlite():
        yield ""
        return
    database = f"chatloop_{name.replace('-', '_')}_{os.getpid()}"
    with _server() as connection:
        connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"'.encode())
        try:
            yield _url_of(database)
        finally:
            connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)'.encode())


def _server() -> psycopg.Connection:
    """DATABASE_URL's server, to make databases on it."""
    return psycopg.connect(_url_of("postgres"), autocommit=True)


def _url_of(database: str) -> str:
    """The address of another database on DATABASE_URL's server."""
    return urlsplit(env.text("DATABASE_URL"))._replace(path=f"/{database}").geturl()


def is_on_sqlite() -> bool:
    """Is the suite on its own files, and not on a server?"""
    return bool(settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"))
