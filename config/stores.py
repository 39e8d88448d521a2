"""The database and the Redis of the environment, with the options that each engine needs to keep our promises."""

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

from config import env

_DATABASE = "DATABASE_URL must be postgres://user:password@host:port/name or sqlite:////path"
_REDIS = "REDIS_URL must be redis://host:port/number, rediss://host:port/number or unix:///path"
_QUERY = "the query of DATABASE_URL must be parameters that libpq knows, with their values"
_TLS = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# Nobody waits longer than this for a connection, for a lock of somebody else's, or for a host that is gone.
_POSTGRESQL = {
    "connect_timeout": 3,  # seconds
    "options": "-c lock_timeout=10s",
    "tcp_user_timeout": 10_000,  # milliseconds
    "keepalives_idle": 10,  # seconds
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# What libpq reads only when it connects, and then as a number.
_NUMBERS = (
    *("connect_timeout", "tcp_user_timeout"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
)
_POOL_PATIENCE = 10  # seconds
_SQLITE_PATIENCE = 20  # seconds

# What a client would learn of anything else is an error at its first question.
_REDIS_QUERY = {
    *("db", "username", "password", "client_name", "protocol", "max_connections"),
    *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout", "health_check_interval"),
}
_REDIS_TLS_QUERY = {
    *("ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"),
}
_CERTIFICATES = ("none", "optional", "required")

# Linux allows 107 bytes for a unix socket's path; a deep clone would exceed it.
_LONGEST_SOCKET_PATH = 100


def database(*, default_url: str = "") -> dict[str, Any]:
    """DATABASE_URL as Django's settings; what its query tells libpq, such as sslmode, is kept."""
    settings = _parsed(env.text("DATABASE_URL", default_url) or env.required("DATABASE_URL"))
    pool = {
        "min_size": 1,
        "max_size": env.number("DATABASE_POOL_SIZE", 16, at_least=1, at_most=1000),
        "timeout": _POOL_PATIENCE,
    }
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        # One per thread: to open it anew costs a request more than its queries do.
        settings["CONN_MAX_AGE"] = None
        # Measured: without IMMEDIATE, concurrent writers fail with "database is locked".
        settings["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": _SQLITE_PATIENCE,
            # What is deleted is overwritten: a closed account's texts do not stay in pages that are free.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;",
        }
    else:
        # The pool bounds them for all threads and streams; to take one from it costs a hundredth of a request.
        settings["OPTIONS"] = {
            **_POSTGRESQL,
            **_said_to_libpq(settings.get("OPTIONS", {})),
            "pool": pool,
            # Once is chance: what comes again is prepared. It concerns kernel.db.prepared_cursor() alone.
            "prepare_threshold": 1,
        }
    return settings


def redis_url(*, embedded_dir: Path | None = None) -> str:
    """REDIS_URL, or in the embedded set-up the socket of the server that `manage.py up` starts."""
    if embedded_dir is None:
        url = env.required("REDIS_URL")
    else:
        url = env.text("REDIS_URL", f"unix://{valkey_socket(embedded_dir)}")
    try:
        is_whole = _is_redis(url)
    except ValueError:
        raise ImproperlyConfigured(_REDIS) from None
    env.refuse(not is_whole, _REDIS)
    return url


def redis_url_of_test_worker(*, embedded_dir: Path) -> str:
    """REDIS_URL moved on by the number of the test worker (redis://…/7 gives 7, 8, …), or the embedded socket."""
    url = redis_url(embedded_dir=embedded_dir)
    if not env.text("REDIS_URL"):
        return url
    server, _, database_number = url.rpartition("/")
    worker = env.text("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
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


def _is_redis(url: str) -> bool:
    """Whether it is a whole address that the client will know what to do with; raises ValueError where it is none."""
    known = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py gives it no types
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(query)
    allowed = _REDIS_QUERY | (_REDIS_TLS_QUERY if parts.scheme == "rediss" else set())
    return (
        bool(known.get("path") if parts.scheme == "unix" else known.get("host"))
        and (parts.scheme == "unix" or re.fullmatch("(/[0-9]*)?", parts.path) is not None)
        and known.get("db", 0) >= 0
        and not parts.fragment
        and len(options) == len(query)
        and options.keys() <= allowed
        and all(options.values())
        and options.get("ssl_cert_reqs", "required") in _CERTIFICATES
    )


def _parsed(url: str) -> dict[str, Any]:
    try:
        said = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        settings: dict[str, Any] = dict(environ.Env.db_url_config(url))
        port = int(settings.get("PORT") or 1)
    except Exception:  # noqa: BLE001  # it raises what it likes, and its words quote the password
        raise ImproperlyConfigured(_DATABASE) from None
    known = ("django.db.backends.postgresql", "django.db.backends.sqlite3")
    is_whole = settings.get("ENGINE") in known and settings.get("NAME") and 0 < port < 65536
    env.refuse(not is_whole, _DATABASE)
    env.refuse(not all(value for _, value in said), _QUERY)
    env.refuse(settings["ENGINE"] == known[0] and not _names_a_server(settings), _DATABASE)
    return settings


def _names_a_server(settings: dict[str, Any]) -> bool:
    """With a slash too many or too few, all of a URL is the database's name: errors would print the password."""
    host = settings["HOST"] or settings.get("OPTIONS", {}).get("host")
    return bool(host) and set(settings["NAME"]).isdisjoint("@:/")


def _said_to_libpq(options: dict[str, Any]) -> dict[str, Any]:
    import psycopg  # noqa: PLC0415  # 6 MiB in each process, which a site on SQLite does without

    try:
        psycopg.conninfo.make_conninfo(**options)
    except psycopg.ProgrammingError:
        raise ImproperlyConfigured(_QUERY) from None
    numbers = [str(options[name]) for name in _NUMBERS if name in options]
    env.refuse(
        not all(re.fullmatch("[0-9]{1,9}", number) for number in numbers),
        f"{', '.join(_NUMBERS)} in DATABASE_URL must be whole numbers",
    )
    env.refuse(
        options.get("sslmode", "prefer") not in _TLS, f"sslmode in DATABASE_URL must be one of {', '.join(_TLS)}"
    )
    return options
