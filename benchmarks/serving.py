"""What a request costs: `DATABASE_URL=postgres://… python benchmarks/serving.py [--sqlite] [--servers]`.

Serves the site as `manage.py up` does, and beside it, by the same server, the least that answers as much
(benchmarks/bare.py), on two databases of their own; asks both in turn over kept connections, and prints medians of the
rounds. With --servers the site is also served by what else is installed of granian and gunicorn.
"""

import asyncio
import contextlib
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.common import cpu_seconds, free_port, machine, options, own_database, serving  # noqa: E402
from config.supervisor import programs  # noqa: E402

WANTED = options(__doc__, sqlite="on SQLite", servers="by what else is installed of granian and gunicorn, too")
ROUNDS, SECONDS, WARM_SECONDS = (1, 0.5, 0.2) if WANTED.short else (5, 1.5, 0.2)
CONNECTIONS = (1, 8, 16)
MAKE_KEY = """
from apps.accounts import services
from apps.kernel import clock
member = services.register_member(openid="oBenchmark", now=clock.now())
print(services.create_api_key(user_id=member.id, name="benchmark", scopes=("marketing",), now=clock.now()).key)
"""


@dataclass
class Served:
    """A server, how it is asked, and what was seen of it: by line of the table, (requests a second, CPU in ms)."""

    port: int
    process: subprocess.Popen[bytes]
    path: str
    key: str
    seen: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def measure(self, name: str, method: str, path: str, connections: int) -> None:
        """Ask for a while, and note it."""
        headers = f"Host: 127.0.0.1:{self.port}\r\nAuthorization: {self.key}\r\n\r\n"
        request = f"{method} {path} HTTP/1.1\r\n{headers}".encode()
        began = of_all(self.process.pid)
        count, rate = uvloop.run(load(self.port, request, connections))
        self.seen[name].append((rate, (of_all(self.process.pid) - began) / count * 1000))


class Asker(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes) -> None:
        self._request, self._read = request, bytearray()
        self._has_body = not request.startswith(b"HEAD")
        self.count, self.failure = 0, ""

    def connection_made(self, transport: Any) -> None:
        """Ask first."""
        self.transport = transport
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Ask again once the answer is whole."""
        self._read += data
        head, end, body = bytes(self._read).lower().partition(b"\r\n\r\n")
        if end and not head.startswith(b"http/1.1 200"):
            self.failure = head.decode()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0] if self._has_body else b"0"
        if end and length and len(body) >= int(length):
            self._read.clear()
            self.count += 1
            self.transport.write(self._request)


async def load(port: int, request: bytes, connections: int) -> tuple[int, float]:
    """Answers got, and answers a second once it is warm."""
    loop = asyncio.get_running_loop()
    askers = [(await loop.create_connection(lambda: Asker(request), "127.0.0.1", port))[1] for _ in range(connections)]
    await asyncio.sleep(WARM_SECONDS)
    before, began = sum(asker.count for asker in askers), time.perf_counter()
    await asyncio.sleep(SECONDS)
    count, took = sum(asker.count for asker in askers), time.perf_counter() - began
    for asker in askers:
        asker.transport.abort()
    if (failure := "".join(asker.failure for asker in askers)) or not count:
        raise SystemExit(f"not answered: {failure}")
    return count, (count - before) / took


def of_all(pid: int) -> float:
    """What a process and its children have used of the processor."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(of_all(int(child)) for child in children)


@contextlib.contextmanager
def database(name: str, folder: Path) -> Iterator[str]:
    """The address of an empty database, which goes when we do."""
    if WANTED.sqlite:
        yield f"sqlite:///{folder / name}.sqlite3"
        return
    with own_database(name) as url:
        yield url


def said(environment: dict[str, str], *arguments: str) -> str:
    """The last word that a Python program prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()[-1]


def others(port: int) -> dict[str, list[str]]:
    """The command lines of the servers that are installed beside ours."""
    granian = [sys.executable, "-m", "granian", "--port", str(port), "--workers", "1", "--log-level", "error"]
    wsgi = "config.wsgi:application"
    gunicorn = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    lines = {
        "granian ASGI": [*granian, "--interface", "asginl", "config.asgi:application"],
        "granian WSGI, 4 threads": [
            *granian,
            "--interface",
            "wsgi",
            "--blocking-threads",
            "4",
            "config.wsgi:application",
        ],
        "gunicorn, 4 threads": [*gunicorn, "--threads", "4", "--keep-alive", "60", wsgi],
    }
    return {name: line for name, line in lines.items() if importlib.util.find_spec(line[2]) is not None}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        site_url, bare_url = (
            stack.enter_context(database(f"chatloop_benchmark_{each}", folder)) for each in ("serving", "bare")
        )
        site_environment = {**os.environ, "CHATLOOP_VAR": name, "DATABASE_URL": site_url}
        bare_environment = {**os.environ, "DATABASE_URL": bare_url}
        said(site_environment, "manage.py", "migrate")
        key = f"Bearer {said(site_environment, 'manage.py', 'shell', '-v0', '-c', MAKE_KEY)}"
        token = f"Token {said(bare_environment, 'benchmarks/bare.py')}"
        servers: dict[str, Served] = {}

        def serve(title: str, command: list[str], port: int, environment: dict[str, str]) -> None:
            process = stack.enter_context(serving(command, port, environment))
            path, with_key = ("/points", token) if title == "bare" else ("/api/v1/points", key)
            servers[title] = Served(port, process, path, with_key)

        web = programs(port=(port := free_port()), var=folder)["web"]
        serve("site", web, port, site_environment)
        web = programs(port=(port := free_port()), var=folder)["web"]
        bare = ["benchmarks.bare:application" if word == "config.asgi:application" else word for word in web]
        serve("bare", bare, port, bare_environment)
        for title in others(0) if WANTED.servers else ():
            serve(title, others(port := free_port())[title], port, site_environment)
        for _ in range(ROUNDS):
            measure(servers)
        print(f"{machine()}, {site_url.partition(':')[0]}")
        report(servers)


def measure(servers: dict[str, Served]) -> None:
    """One round: every line of the table, each server in turn."""
    for title, served in servers.items():
        if title != "bare":
            served.measure("GET  /healthz, 16 connections", "GET", "/healthz", 16)
            served.measure("HEAD /healthz, 16 connections", "HEAD", "/healthz", 16)
    for connections in CONNECTIONS:
        for served in servers.values():
            served.measure(f"GET  one query, {connections:2} connections", "GET", served.path, connections)


def report(servers: dict[str, Served]) -> None:
    """Medians; a share is the median of the rounds' shares."""
    print(f"{'':46}{'requests/s':>12}{'CPU ms':>9}{'share of bare: requests':>26}{'CPU':>7}")
    bare = servers["bare"].seen
    for title, served in servers.items():
        for name, rounds in served.seen.items():
            rate, cpu = (statistics.median(values) for values in zip(*rounds, strict=True))
            line = f"{title + ': ' + name if title != 'site' else name:46}"[:60] + f"{rate:12.0f}{cpu:9.2f}"
            if served is not servers["bare"] and name in bare:
                pairs = list(zip(rounds, bare[name], strict=True))
                share = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
                line += f"{share:25.0%} {statistics.median(theirs[1] / ours[1] for ours, theirs in pairs):7.0%}"
            print(line)


if __name__ == "__main__":
    main()
