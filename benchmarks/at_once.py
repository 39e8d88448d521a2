"""The price of exactness: `DATABASE_URL=postgres://… python benchmarks/at_once.py [--install]`.

How many answers that are not streamed (`POST /v1/chat/completions`) the site gives a second: with the ledger *on*, as
it always is (a generation is written, quota held, an engine asked, and both settled in one transaction), and *off*: the
same view, key and connection to the model without any row, hold, rule, queue or engine (benchmarks/unledgered.py). In
turn with them LiteLLM's proxy without a database, one worker, before the same model; it is the program that LITELLM
names, or with `--install` one that pip puts into a folder that is gone afterwards (a minute, from the package index).

Printed for 1, 16 and 64 at once, each on a kept connection: answers a second, the median and the 99th of a hundred in
milliseconds, what each took of the processor in milliseconds (its web process; the engine; PostgreSQL's processes; all
others of the site), and from that how many a second one core gives. Medians of the rounds.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on, as the next
from benchmarks.readers import MODEL, Line, Member, Model, members_of, running_litellm, running_model  # noqa: E402
from config import supervisor  # noqa: E402

WANTED = common.options(__doc__, install="put LiteLLM's proxy into a folder that is gone afterwards")
NAME = "chatloop_benchmark_at_once"
AT_ONCE = (1, 16, 64)
ROUNDS, SECONDS = (1, 1.0) if WANTED.short else (3, 4.0)
# Twenty words, as fast as they are taken.
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "0 20 0"}], "max_tokens": 100}

Processor = Callable[[], dict[str, float]]


@dataclass
class Server:
    """Who is asked, and what was seen of it by how many at once: rates, waits, seconds of the processor."""

    name: str
    port: int
    headers: list[str]
    processor: Processor
    rates: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    spent: dict[int, dict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))


async def ask_often(line: Line, headers: str, until: float) -> list[float]:
    """Ask again and again; how long each answer took, in seconds."""
    waits = []
    while time.monotonic() < until:
        began = time.monotonic()
        status, answer = await line.send("POST", "/v1/chat/completions", headers, BODY)
        if status != 200:
            raise SystemExit(f"{status} {answer.decode()[:500]}")
        waits.append(time.monotonic() - began)
    return waits


async def load(server: Server, at_once: int, seconds: float) -> tuple[list[float], float]:
    """All at once; what each waited, and how long it took in all."""
    began = time.monotonic()
    asks = [
        ask_often(Line(server.port), server.headers[n % len(server.headers)], began + seconds) for n in range(at_once)
    ]
    waits = [each for own in await asyncio.gather(*asks) for each in own]
    return waits, time.monotonic() - began


async def measure(servers: list[Server]) -> None:
    """All rounds, each server in turn."""
    for server in servers:
        await load(server, 8, 0.5 if WANTED.short else 2.0)  # what is made once is made
    for at_once in AT_ONCE:
        for _ in range(ROUNDS):
            for server in servers:
                before = server.processor()
                waits, took = await load(server, at_once, SECONDS)
                server.rates[at_once].append(len(waits) / took)
                server.waits[at_once] += waits
                for process, seconds in server.processor().items():
                    server.spent[at_once][process] += seconds - before.get(process, 0.0)
        for server in servers:
            print_line(server, at_once)


def print_line(server: Server, at_once: int) -> None:
    """A line of the table."""
    waits = server.waits[at_once]
    p50, p99 = (common.share(waits, of) * 1000 for of in (0.5, 0.99))
    each = {process: seconds * 1000 / len(waits) for process, seconds in server.spent[at_once].items()}
    parts = ", ".join(f"{process} {ms:.1f}" for process, ms in each.items())
    rate, in_all = common.share(server.rates[at_once], 0.5), sum(each.values())
    waited = f"{rate:>6.0f}/s, {p50:.1f} ms, p99 {p99:.1f}"
    spent = f"{in_all:.1f} ms of the processor ({parts}): {1000 / in_all:.0f}/s a core"
    print(f"{server.name:>12} at {at_once:>2}: {waited}; {spent}", flush=True)


def of_postgresql() -> float:
    """The seconds of the processor of the processes that serve this database now."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as own:
        pids = own.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [NAME])
        return sum(common.cpu_seconds(pid) for (pid,) in pids.fetchall() if Path(f"/proc/{pid}").exists())


@contextmanager
def unledgered(model_url: str) -> Iterator[Server]:
    """The ledger off, by the web process's own command."""
    port = common.free_port()
    command = supervisor.programs(port=port, var=Path(os.environ["CHATLOOP_VAR"]))["web"]
    command[command.index("config.asgi:application")] = "benchmarks.unledgered:application"
    environment = os.environ | {"BENCHMARK_MODEL_URL": model_url, "PORT": str(port)}
    with common.serving(command, port, environment) as process:
        yield Server(
            "ledger off", port, [], lambda: {"web": common.cpu_seconds(process.pid), "PostgreSQL": of_postgresql()}
        )


@contextmanager
def installed_litellm() -> Iterator[None]:
    """LITELLM names the program of LiteLLM's proxy, in an environment of its own."""
    with tempfile.TemporaryDirectory(prefix="chatloop-benchmark-litellm-") as place:
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([f"{place}/bin/pip", "install", "-q", "--no-input", "litellm[proxy]"], check=True)
        os.environ["LITELLM"] = f"{place}/bin/litellm"
        yield


def main() -> None:
    """Measure and print."""
    common.use_own_stores(NAME)
    with ExitStack() as held:
        if WANTED.install and "LITELLM" not in os.environ:
            held.enter_context(installed_litellm())
        url = held.enter_context(running_model())
        site = held.enter_context(common.own_site())
        members: list[Member] = members_of(site, model_url=url, count=max(AT_ONCE))
        headers = [member.headers for member in members]
        on = Server("ledger on", site.port, headers, lambda: site.processor() | {"PostgreSQL": of_postgresql()})
        off = held.enter_context(unledgered(url))
        off.headers = headers
        servers = [on, off]
        litellm: Model | None = held.enter_context(running_litellm(url))
        if litellm is not None:
            took = litellm.processor
            servers.append(
                Server("LiteLLM", litellm.port, ["Authorization: Bearer sk-none\r\n"], lambda: {"proxy": took()})
            )
        print(common.machine(), flush=True)
        asyncio.run(measure(servers))


if __name__ == "__main__":
    main()
