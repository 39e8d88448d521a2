"""What a draw costs: `DATABASE_URL=postgres://… python benchmarks/draws.py`, or with `--embedded` on SQLite.

Starts a site of its own (`manage.py up`, a database of its own on that server), and takes turns: draws through the
service in one thread, and the very same statements sent by plain psycopg, prepared, which is the floor; draws over
HTTP at 1, 8 and 16 connections, and `/healthz` at 16. Then 100 draws a second that all win quota: how long until it is
there. Fails unless the audit is clean afterwards.
"""

import contextlib
import http.client
import os
import platform
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
EMBEDDED = "--embedded" in sys.argv
SERVER, _, _ = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres").rpartition("/")
NAME = "chatloop_benchmark_draws"
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = int(probe.getsockname()[1])
os.environ |= {
    "DATABASE_URL": "" if EMBEDDED else f"{SERVER}/{NAME}",
    "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
    "CHATLOOP_VAR": tempfile.mkdtemp(prefix="chatloop-benchmark-"),
    "PORT": str(PORT),
}

import django  # noqa: E402  # after the settings that it reads

django.setup()

import psycopg  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402

from apps.accounts import services as accounts  # noqa: E402
from apps.kernel import clock  # noqa: E402
from apps.kernel.ids import UserId  # noqa: E402
from apps.marketing import services  # noqa: E402
from apps.marketing.adjustments.contracts import AdjustedAsset, AdjustmentRequest  # noqa: E402
from apps.marketing.contracts import ActivityState, Limits, PrizeDraft  # noqa: E402
from apps.marketing.models import Delivery  # noqa: E402

ROUNDS = 5
DRAWS_A_ROUND = 100
CONNECTIONS = (1, 8, 16)
SECONDS_A_ROUND = 3.0
OFFERED, OFFERED_SECONDS = 100, 10
CHANCES = 100_000
REASON = {"actor": "system", "reason": "benchmark"}
QUOTA = PrizeDraft(position=0, title="5 credits", kind="quota", amount=5000, weight=1)
POINTS = PrizeDraft(position=1, title="20 points", kind="points", amount=20, weight=2)
THANKS = PrizeDraft(position=2, title="Thank you", kind="nothing", weight=7, is_fallback=True)
ALWAYS_QUOTA = PrizeDraft(position=0, title="5 credits", kind="quota", amount=5000, weight=999_999)
HARDLY = PrizeDraft(position=1, title="Thank you", kind="nothing", weight=1, is_fallback=True)

Statement = tuple[str, Any]


@dataclass(frozen=True)
class Member:
    """Who draws, and their key."""

    user_id: UserId
    key: str


def activity(code: str, *prizes: PrizeDraft) -> UUID:
    """A live activity with these prizes, the first of them limited."""
    now = clock.now()
    made = services.save_activity(
        code=code,
        title="Benchmark",
        subtitle="",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=1),
        time_zone="Asia/Shanghai",
        limits=Limits(),
        now=now,
    )
    draft = services.save_draft(
        activity_id=made.id, declared_total=sum(prize.weight for prize in prizes), prizes=prizes, now=now
    )
    services.publish_odds(version_id=draft.id, now=now, **REASON)
    services.set_activity_state(activity_id=made.id, state=ActivityState.LIVE, now=now, **REASON)
    return made.id


def member(*activity_ids: UUID) -> Member:
    """A member with chances in these activities and a key."""
    now, name = clock.now(), secrets.token_hex(8)
    user_id = accounts.register_member(openid=f"o{name}", now=now).id
    for activity_id in activity_ids:
        gift = AdjustmentRequest(
            user_id=user_id,
            asset=AdjustedAsset.CHANCES,
            activity_id=activity_id,
            amount=CHANCES,
            incident="benchmark",
            request_id=secrets.token_hex(16),
        )
        services.adjust(request=gift, now=now, **REASON)
    made = accounts.create_api_key(user_id=user_id, name="benchmark", scopes=("marketing",), now=now)
    return Member(user_id, made.key)


def draw(who: Member, activity_id: UUID) -> None:
    """Draw once through the service."""
    services.draw(
        user_id=who.user_id,
        activity_id=activity_id,
        count=1,
        client_seed="",
        request_id=secrets.token_hex(16),
        now=clock.now(),
    )


# The service and its floor -------------------------------------------------------------------------


def recorded(who: Member, activity_id: UUID, number: int) -> list[list[Statement]]:
    """The statements of so many draws that were rolled back: sent once more, they are those draws."""
    found: list[list[Statement]] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "INSERT", "UPDATE")):
            found[-1].append((sql, params))
        return execute(sql, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(record):
        for _ in range(number):
            found.append([])
            draw(who, activity_id)
        transaction.set_rollback(True)
    return found


def timed(work: Callable[[], None], number: int) -> tuple[float, float]:
    """Milliseconds of the clock and of this thread's processor time for each of so many."""
    wall, cpu = time.perf_counter(), time.thread_time()
    work()
    return (time.perf_counter() - wall) / number * 1e3, (time.thread_time() - cpu) / number * 1e3


def through_the_service(who: Member, activity_id: UUID) -> None:
    """Print what a draw costs in one thread, beside its statements alone."""
    of_service, of_floor, statements = [], [], []
    plain = None if EMBEDDED else psycopg.connect(os.environ["DATABASE_URL"], prepare_threshold=0)

    def draws() -> None:
        for _ in range(DRAWS_A_ROUND):
            draw(who, activity_id)

    def send(lists: list[list[Statement]]) -> None:
        assert plain is not None
        for one in lists:
            with plain.transaction(), plain.cursor() as cursor:
                for sql, params in one:
                    cursor.execute(sql.encode(), params)

    timed(draws, 1)  # warm
    for _ in range(ROUNDS):
        of_service.append(timed(draws, DRAWS_A_ROUND))
        if plain is not None:
            lists = recorded(who, activity_id, DRAWS_A_ROUND)
            statements += [len(one) for one in lists]
            of_floor.append(timed(lambda lists=lists: send(lists), DRAWS_A_ROUND))  # type: ignore[misc]  # this round's
    wall, cpu = medians(of_service)
    print(f"service, 1 thread     {wall:7.2f} ms a draw, {cpu:.2f} of the processor")
    if plain is not None:
        plain.close()
        floor_wall, floor_cpu = medians(of_floor)
        print(
            f"its statements alone  {floor_wall:7.2f} ms a draw, {floor_cpu:.2f} of the processor (psycopg, prepared)"
        )
        print(f"statements a draw     {statistics.mean(statements):7.1f} and BEGIN, COMMIT")
        print(f"service / statements  {wall / floor_wall:7.2f} of the clock, {cpu / floor_cpu:.2f} of the processor")


def medians(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """The median of each side."""
    return statistics.median(first for first, _ in pairs), statistics.median(second for _, second in pairs)


# Over HTTP ----------------------------------------------------------------------------------------


class Line:
    """One connection that is kept, and that costs the machine little."""

    def __init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", PORT))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def ask(self, request: bytes) -> int:
        """Send a request, read the answer; its status."""
        self._socket.sendall(request)
        status, length, chunked = int(self._reader.readline().split()[1]), 0, False
        while (line := self._reader.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"content-length" else length
            chunked |= name == b"transfer-encoding" and b"chunked" in value
        while chunked and (size := int(self._reader.readline(), 16)):
            self._reader.read(size + 2)
        self._reader.read(2 if chunked else length)
        return status

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._socket.close()


def draw_request(who: Member, activity_id: UUID) -> bytes:
    """A draw with a fresh key."""
    return (
        f"POST /api/v1/activities/{activity_id}/draws HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n"
        f"Authorization: Bearer {who.key}\r\nIdempotency-Key: {secrets.token_hex(16)}\r\n"
        "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n"
        '{"count":1}'
    ).encode()


def healthz_request(*_: object) -> bytes:
    """The least that the site answers."""
    return f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode()


def closed_loop(lines: int, make: Callable[[int], bytes], expected: int) -> tuple[float, list[float]]:
    """Ask on so many connections for SECONDS_A_ROUND; requests a second, and the milliseconds of each."""
    took: list[float] = []
    until = time.perf_counter() + SECONDS_A_ROUND

    def ask(number: int) -> None:
        with contextlib.closing(Line()) as line:
            while (began := time.perf_counter()) < until:
                status = line.ask(make(number))
                if status != expected:
                    raise SystemExit(f"answered {status}")
                took.append((time.perf_counter() - began) * 1e3)

    in_threads(lines, ask)
    return len(took) / SECONDS_A_ROUND, took


def in_threads(number: int, work: Callable[[int], None]) -> None:
    """Work in so many threads and wait for all."""
    failures: list[BaseException] = []

    def run(index: int) -> None:
        try:
            work(index)
        except BaseException as failure:  # noqa: BLE001  # told by whoever waits
            failures.append(failure)

    threads = [Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def over_http(members: list[Member], activity_id: UUID) -> None:
    """Print draws a second and how long they take, beside the least request in the same rounds."""
    rates: dict[int, list[float]] = {lines: [] for lines in CONNECTIONS}
    took: dict[int, list[float]] = {lines: [] for lines in CONNECTIONS}
    least: list[float] = []

    def make(number: int) -> bytes:
        return draw_request(members[number], activity_id)

    closed_loop(CONNECTIONS[-1], make, 201)  # warm
    for _ in range(ROUNDS):
        for lines in CONNECTIONS:
            rate, milliseconds = closed_loop(lines, make, 201)
            rates[lines].append(rate)
            took[lines] += milliseconds
        least.append(closed_loop(CONNECTIONS[-1], healthz_request, 200)[0])
    bare = statistics.median(least)
    for lines in CONNECTIONS:
        rate, (middle, slow) = statistics.median(rates[lines]), percentiles(took[lines])
        print(
            f"HTTP, {lines:2} connections  {rate:7.0f} draws/s, p50 {middle:.0f} ms, p99 {slow:.0f} ms; "
            f"{rate / bare:.0%} of /healthz ({bare:.0f}/s)"
        )


def percentiles(values: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[98]


def win_to_quota(members: list[Member], activity_id: UUID) -> None:
    """Offer 100 draws a second that win quota; print how long it takes until the quota is there."""
    began, late = time.perf_counter(), []

    def ask(number: int) -> None:
        with contextlib.closing(Line()) as line:
            for turn in range(number, OFFERED * OFFERED_SECONDS, len(members)):
                due = began + turn / OFFERED
                time.sleep(max(due - time.perf_counter(), 0))
                if line.ask(draw_request(members[number], activity_id)) != 201:
                    raise SystemExit("a draw was refused")
                late.append((time.perf_counter() - due) * 1e3)

    in_threads(len(members), ask)
    offered = time.perf_counter() - began
    wait_for_deliveries()
    rows = Delivery.objects.filter(draw__activity=activity_id, done_at__isnull=False)
    waited = [(done - drawn).total_seconds() * 1e3 for drawn, done in rows.values_list("draw__created_at", "done_at")]
    middle, slow = percentiles(waited)
    answered = percentiles(late)
    print(
        f"win -> quota          p50 {middle:.0f} ms, p99 {slow:.0f} ms at {len(late) / offered:.0f} draws/s"
        f" ({OFFERED} offered); answered p50 {answered[0]:.0f} ms, p99 {answered[1]:.0f} ms"
    )


def wait_for_deliveries() -> None:
    """Return when every prize is where it belongs."""
    until = time.monotonic() + 120
    while Delivery.objects.filter(state="pending").exists():
        if time.monotonic() > until:
            raise SystemExit("prizes are still owed after two minutes")
        time.sleep(0.2)


# The site -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def site() -> Iterator[None]:
    """The whole site on a database of its own, gone afterwards."""
    if not EMBEDDED:
        recreate(and_make=True)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not answers():
            if process.poll() is not None:
                raise SystemExit(f"the site ended with exit code {process.returncode}")
            time.sleep(0.1)
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        connections.close_all()
        if not EMBEDDED:
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's
            recreate(and_make=False)
        shutil.rmtree(os.environ["CHATLOOP_VAR"], ignore_errors=True)


def recreate(*, and_make: bool) -> None:
    """Drop the scratch database, and make it anew."""
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
        if and_make:
            server.execute(f'CREATE DATABASE "{NAME}"')


def answers() -> bool:
    """Whether /healthz answers 200."""
    asked = http.client.HTTPConnection("127.0.0.1", PORT, timeout=2)
    try:
        asked.request("GET", "/healthz")
        return asked.getresponse().status == 200
    except OSError:
        return False
    finally:
        asked.close()


def main() -> int:
    """Measure and print; 1 when the audit finds something."""
    engine = "SQLite" if EMBEDDED else "PostgreSQL"
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {engine}, everything on this machine")
    with site():
        mixed = activity("benchmark-mixed", QUOTA, POINTS, THANKS)
        always = activity("benchmark-always", ALWAYS_QUOTA, HARDLY)
        members = [member(mixed, always) for _ in range(CONNECTIONS[-1])]
        through_the_service(members[0], mixed)
        over_http(members, mixed)
        wait_for_deliveries()
        win_to_quota(members, always)
        audit = subprocess.run(
            [sys.executable, "manage.py", "audit"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    print(f"audit                 {audit.stdout.strip().splitlines()[-1] if audit.stdout else audit.stderr[-2000:]}")
    return audit.returncode


if __name__ == "__main__":
    sys.exit(main())
