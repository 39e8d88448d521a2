"""What a draw costs: `DATABASE_URL=postgres://… python benchmarks/draws.py`, or with `--embedded` on SQLite.

Starts a site of its own (`manage.py up`, a database of its own on that server), and takes turns: draws through the
service in one thread, and the very same statements sent by plain psycopg, prepared, which is the floor; draws over
HTTP at 1, 8 and 16 connections, and `/healthz` at 16. Then 100 draws a second that all win quota: how long until it is
there. Fails unless the audit is clean afterwards.
"""

import contextlib
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on

WANTED = common.options(__doc__, embedded="on SQLite")
common.use_own_stores("chatloop_benchmark_draws", embedded=WANTED.embedded)

import django  # noqa: E402  # after the settings that it reads

django.setup()

import psycopg  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from apps.accounts import services as accounts  # noqa: E402
from apps.kernel import clock  # noqa: E402
from apps.kernel.ids import UserId  # noqa: E402
from apps.marketing import services  # noqa: E402
from apps.marketing.adjustments.contracts import AdjustedAsset, AdjustmentRequest  # noqa: E402
from apps.marketing.contracts import PrizeDraft  # noqa: E402
from apps.marketing.models import Delivery  # noqa: E402
from benchmarks import campaign  # noqa: E402
from benchmarks.lines import Line, closed_loop, in_threads  # noqa: E402

PORT = int(os.environ["PORT"])
ROUNDS = 1 if WANTED.short else 5
DRAWS_A_ROUND = 100
CONNECTIONS = (1, 8, 16)
SECONDS_A_ROUND = 1.0 if WANTED.short else 3.0
OFFERED, OFFERED_SECONDS = 100, 2 if WANTED.short else 10
CHANCES = 100_000
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
        services.adjust(request=gift, now=now, **campaign.BY)
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
    plain = None if WANTED.embedded else psycopg.connect(os.environ["DATABASE_URL"], prepare_threshold=0)

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


def over_http(members: list[Member], activity_id: UUID) -> None:
    """Print draws a second and how long they take, beside the least request in the same rounds."""
    rates: dict[int, list[float]] = {lines: [] for lines in CONNECTIONS}
    took: dict[int, list[float]] = {lines: [] for lines in CONNECTIONS}
    least: list[float] = []

    def ask(lines: int, make: Callable[[int], bytes], expected: int) -> tuple[float, list[float]]:
        return closed_loop(PORT, lines, make, expected, seconds=SECONDS_A_ROUND)

    def make(number: int) -> bytes:
        return draw_request(members[number], activity_id)

    ask(CONNECTIONS[-1], make, 201)  # warm
    for _ in range(ROUNDS):
        for lines in CONNECTIONS:
            rate, milliseconds = ask(lines, make, 201)
            rates[lines].append(rate)
            took[lines] += milliseconds
        least.append(ask(CONNECTIONS[-1], healthz_request, 200)[0])
    bare = statistics.median(least)
    for lines in CONNECTIONS:
        rate, (middle, slow) = statistics.median(rates[lines]), percentiles(took[lines])
        print(
            f"HTTP, {lines:2} connections  {rate:7.0f} draws/s, p50 {middle:.0f} ms, p99 {slow:.0f} ms; "
            f"{rate / bare:.1%} of /healthz ({bare:.0f}/s)"
        )


def percentiles(values: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[98]


def win_to_quota(members: list[Member], activity_id: UUID) -> None:
    """Offer 100 draws a second that win quota; print how long it takes until the quota is there."""
    began, late = time.perf_counter(), []

    def ask(number: int) -> None:
        with contextlib.closing(Line(PORT)) as line:
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
    pairs = rows.values_list("draw__created_at", "done_at")
    waited = [(done - drawn).total_seconds() * 1e3 for drawn, done in pairs if done is not None]
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


def main() -> int:
    """Measure and print; 1 when the audit finds something."""
    print(f"{common.machine()}, {connection.vendor}, everything on this machine")
    with common.own_site():
        mixed = campaign.live("benchmark-mixed", QUOTA, POINTS, THANKS)
        always = campaign.live("benchmark-always", ALWAYS_QUOTA, HARDLY)
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
