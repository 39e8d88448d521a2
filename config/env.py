"""The only module that reads the environment; everything else asks settings."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent

_env = environ.Env()

# Linux allows 107 bytes for a unix socket's path; a deep clone would exceed it.
_LONGEST_SOCKET_PATH = 100


def text(name: str, default: str = "") -> str:
    """The value of one variable, or the default."""
    return str(_env.str(name, default=default))


def number(name: str, default: int) -> int:
    """The value of one variable as an integer, or the default."""
    try:
        return int(_env.int(name, default=default))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number") from error


def flag(name: str, *, default: bool) -> bool:
    """The value of one variable as a boolean, or the default."""
    return bool(_env.bool(name, default=default))


def words(name: str, default: list[str]) -> list[str]:
    """A comma-separated variable as a list, or the default."""
    return list(_env.list(name, default=default))


def required(name: str) -> str:
    """The value of one variable; without it the process refuses to start."""
    value = text(name)
    if not value:
        raise ImproperlyConfigured(f"{name} must be set; see docs/operations.md")
    return value


def required_https(name: str, default: str = "") -> str:
    """The https address of one variable, without a final slash; otherwise the process refuses to start."""
    value = (text(name, default) or required(name)).rstrip("/")
    refuse(not value.startswith("https://"), f"{name} must be an https address")
    return value


def refuse(condition: bool, reason: str) -> None:
    """Raise ImproperlyConfigured with the reason if the condition holds."""
    if condition:
        raise ImproperlyConfigured(reason)


def proxy_tls_header(name: str, default: str) -> tuple[str, str] | None:
    """The header by which the proxy says https, as Django wants it; the empty string means there is no proxy."""
    header = text(name, default)
    return (f"HTTP_{header.upper().replace('-', '_')}", "https") if header else None


def var_dir() -> Path:
    """Where the embedded set-up keeps its database, keys and sockets."""
    return Path(text("CHATLOOP_VAR", str(ROOT / "var"))).resolve()


def database(*, default_url: str) -> dict[str, Any]:
    """DATABASE_URL as Django's settings, with the options that each engine needs to keep our promises."""
    settings: dict[str, Any] = dict(_env.db_url("DATABASE_URL", default=default_url))
    if settings["ENGINE"].endswith("sqlite3"):
        # Measured: without IMMEDIATE, concurrent writers fail with "database is locked".
        settings["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    else:
        # Under ASGI, CONN_MAX_AGE does not hold connections; the pool does.
        settings["OPTIONS"] = {"pool": {"min_size": 1, "max_size": number("DATABASE_POOL_SIZE", 16), "timeout": 20}}
    return settings


def redis_url(*, embedded_dir: Path | None = None) -> str:
    """REDIS_URL, or in the embedded set-up the socket of the server that `manage.py up` starts."""
    url = text("REDIS_URL")
    if url or embedded_dir is None:
        return url
    return f"unix://{valkey_socket(embedded_dir)}"


def redis_url_of_test_worker(*, embedded_dir: Path) -> str:
    """REDIS_URL moved on by the number of the test worker (redis://…/7 gives 7, 8, …), or the embedded socket."""
    url = text("REDIS_URL")
    if not url:
        return redis_url(embedded_dir=embedded_dir)
    server, _, database_number = url.rpartition("/")
    worker = text("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return f"{server}/{int(database_number) + int(worker)}"


def valkey_socket(directory: Path) -> Path:
    """The socket of the embedded Valkey: in the data folder, or in the temporary one when that path is too long."""
    socket = directory / "valkey.sock"
    if len(str(socket)) <= _LONGEST_SOCKET_PATH:
        return socket
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"chatloop-{digest}" / "valkey.sock"


def broker_url(url: str) -> str:
    """The same server in Celery's spelling, which names unix sockets differently."""
    return url.replace("unix://", "redis+socket://", 1) if url.startswith("unix://") else url
