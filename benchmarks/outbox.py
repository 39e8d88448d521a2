"""What events cost, from publishing to their effect: `DATABASE_URL=postgres://… python benchmarks/outbox.py`.

Makes a database of its own on that server and draws prizes (chat quota), as members do. A worker as `manage.py up`
starts it and a plain loop without Celery hand them over by turns, each stopped while the other works. Prints what a
wake-up costs the process that publishes, how fast each of the two drains what has gathered, and how long a prize takes
from its draw to its owner at 100 wins a second.
"""

import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import common  # after the path that leads there

WANTED = common.options(__doc__, loop="be the loop without Celery, until killed")
if __name__ == "__main__" and not WANTED.loop:
    common.use_own_stores("chatloop_benchmark_outbox")

import django  # noqa: E402  # after the settings that it reads

django.setup()

from celery import current_app  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402

from apps.accounts import services as accounts  # noqa: E402
from apps.kernel import clock, outbox  # noqa: E402
from apps.kernel.ids import UserId  # noqa: E402
from apps.kernel.models import DeliveryState, OutboxDelivery  # noqa: E402
from apps.kernel.redis import sync_redis  # noqa: E402
from apps.kernel.wakes import WORK_TASK, wake  # noqa: E402
from apps.ledger.contracts import Cause  # noqa: E402
from apps.marketing import services  # noqa: E402
from apps.marketing.contracts import PrizeDraft  # noqa: E402
from apps.orders.events import OrderPaid  # noqa: E402
from benchmarks import campaign  # noqa: E402
from config import supervisor  # noqa: E402

MEMBERS = 50
AT_ONCE = 10  # draws of one request
ROUNDS, WINS, PAYMENTS = 1 if WANTED.short else 3, 300, 300
PER_SECOND, SECONDS = 100, 2 if WANTED.short else 10
WAKES = 200
QUEUES = ("default", "rebates", "deliveries")


def main() -> None:
    """Fill, measure, print."""
    with common.own_stores():
        sync_redis().flushdb()
        site = Site()
        with running("worker") as worker, running("loop") as loop:
            drains = {"worker": [], "loop": []}  # type: dict[str, list[tuple[float, float]]]
            # Their start is not measured.
            while b" ready." not in (Path(settings.VAR_DIR) / "worker.log").read_bytes():
                time.sleep(0.1)
            site.wait_until_handled()
            for process in (worker, loop):
                process.send_signal(signal.SIGSTOP)
            for _ in range(ROUNDS):
                for name, process in (("worker", worker), ("loop", loop)):
                    drains[name].append(drain(site, process))
            waits = {name: latencies(site, process) for name, process in (("worker", worker), ("loop", loop))}
        print(common.machine())
        print_wakes()
        print_publishing(site)
        print_drains(drains)
        for name, (achieved, found_waits) in waits.items():
            p50, p99 = (statistics.quantiles(found_waits, n=100)[at] * 1000 for at in (49, 98))
            print(f"win to quota, {name:6}  p50 {p50:.0f} ms, p99 {p99:.0f} ms, at {achieved:.0f} wins/s offered")


def print_drains(drains: dict[str, list[tuple[float, float]]]) -> None:
    """Medians of the rounds, and the worker's as a share of the loop's."""
    middle = {name: [statistics.median(part) for part in zip(*found, strict=True)] for name, found in drains.items()}
    for name, (rate, cpu) in middle.items():
        print(f"drain by the {name:6}  {rate:6.0f} events/s, {cpu:.2f} ms of its processor's time per event")
    (rate, cpu), (rate_of_loop, cpu_of_loop) = middle["worker"], middle["loop"]
    print(f"worker / loop        {rate / rate_of_loop:6.2f} of the rate, {cpu / cpu_of_loop:.2f} of the time")


class Site:
    """An activity in which everybody wins quota, and a rule that rewards payments."""

    def __init__(self) -> None:
        now = clock.now()
        self.activity_id = campaign.live(
            "benchmark",
            PrizeDraft(position=0, title="5 credits", kind="quota", amount=5000, weight=999_999_999),
            PrizeDraft(position=1, title="Thank you", kind="nothing", weight=1, is_fallback=True),
        )
        services.save_rebate_rule(code="paid", title="Paid", behaviour="payment", points_per_yuan=10, now=now)
        self._members = [accounts.register_member(openid=f"benchmark-{n}", now=now).id for n in range(MEMBERS)]
        self._turn = 0
        for user_id in self._members:
            self._give_chances(user_id)

    def win(self) -> None:
        """One request of ten draws, each of which wins."""
        services.draw(
            user_id=self._next_member(),
            activity_id=self.activity_id,
            count=AT_ONCE,
            client_seed="",
            request_id=uuid4().hex,
            now=clock.now(),
        )

    def pay(self) -> None:
        """The fact that an order was paid, as orders publishes it; the order itself is of no matter to its reward."""
        now = clock.now()
        with transaction.atomic():
            outbox.publish(
                OrderPaid(
                    order_id=uuid4(),
                    user_id=self._next_member(),
                    product_id=uuid4(),
                    amount_fen=990,
                    paid_at=now,
                    occurred_at=now,
                )
            )

    def wait_until_handled(self) -> None:
        """Return when nothing is pending any more."""
        while OutboxDelivery.objects.filter(state=DeliveryState.PENDING).exists():
            time.sleep(0.02)

    def _next_member(self) -> UserId:
        self._turn += 1
        return self._members[self._turn % MEMBERS]

    def _give_chances(self, user_id: UserId) -> None:
        with transaction.atomic():
            services.give_chances(
                user_id=user_id,
                activity_id=self.activity_id,
                amount=100_000,
                kind="gift",
                cause=Cause("benchmark.gift", uuid4().hex),
                now=clock.now(),
            )


@contextmanager
def running(name: str) -> Iterator[subprocess.Popen[bytes]]:
    """The worker or the loop, stopped until somebody lets it work."""
    command = [sys.executable, __file__, "--loop"]
    if name == "worker":
        command = supervisor.programs(port=0, var=Path(settings.VAR_DIR))["worker"]
    with (Path(settings.VAR_DIR) / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=common.ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(timeout=20)


def drain(site: Site, process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Let wins and payments gather, then one process hand them over: events/s, and its ms of CPU per event."""
    for _ in range(WINS // AT_ONCE):
        site.win()
    for _ in range(PAYMENTS):
        site.pay()
    count, began, used = len(pending()), time.monotonic(), common.cpu_seconds(process.pid)
    process.send_signal(signal.SIGCONT)
    site.wait_until_handled()
    took, used = time.monotonic() - began, common.cpu_seconds(process.pid) - used
    process.send_signal(signal.SIGSTOP)
    return count / took, 1000 * used / count


def latencies(site: Site, process: subprocess.Popen[bytes]) -> tuple[float, list[float]]:
    """Wins at a steady pace while one process works: the wins/s that were offered, and each one's seconds."""
    process.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    born: dict[UUID, float] = {}
    waits: list[float] = []
    requests = SECONDS * PER_SECOND // AT_ONCE
    began = time.monotonic()
    for number in range(requests):
        while (now := time.monotonic()) < began + number * AT_ONCE / PER_SECOND:
            note(born, waits, now)
            time.sleep(0.005)
        site.win()
        now = time.monotonic()
        born |= {pk: now for pk in pending() if pk not in born}
    achieved = requests * AT_ONCE / (time.monotonic() - began)
    while born:
        note(born, waits, time.monotonic())
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    return achieved, waits


def note(born: dict[UUID, float], waits: list[float], now: float) -> None:
    """Whatever is no longer pending was handled by now."""
    still = pending()
    for pk in born.keys() - still:
        waits.append(now - born.pop(pk))


def pending() -> set[UUID]:
    """The deliveries that nobody has finished."""
    return set(OutboxDelivery.objects.filter(state=DeliveryState.PENDING).values_list("pk", flat=True))


def print_wakes() -> None:
    """A wake-up as a request makes it, beside sending Celery's message at once, by turns."""
    ways: dict[str, Callable[[], None]] = {"wake-up": wake_rebates, "send_task": send_at_once}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            found[name].append(cost(way))
            time.sleep(0.2)
    for name, costs in found.items():
        mine, process = (statistics.median(part) for part in zip(*costs, strict=True))
        print(f"{name:9}  {mine * 1000:.3f} ms of the thread that publishes, {process * 1000:.3f} ms of its process")


def wake_rebates() -> None:
    """What publish() does after the commit."""
    wake({"rebates"})


def send_at_once() -> None:
    """What it did before."""
    current_app.send_task(WORK_TASK, kwargs={"queue": "rebates"}, queue="rebates")


def cost(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of processor time per call at 200 calls a second: of this thread, and of the whole process."""
    mine, began = 0.0, time.process_time()
    for _ in range(WAKES):
        before = time.thread_time()
        work()
        mine += time.thread_time() - before
        time.sleep(0.005)
    return mine / WAKES, (time.process_time() - began) / WAKES


def print_publishing(site: Site) -> None:
    """One event in a transaction of its own."""
    mine, process = cost(site.pay)
    print(f"{'publish':9}  {mine * 1000:.3f} ms of the thread, {process * 1000:.3f} ms of its process")


def loop() -> None:
    """Hand everything over, without Celery."""
    while True:
        if not sum(outbox.work(queue=queue) for queue in QUEUES):
            time.sleep(0.005)


if __name__ == "__main__":
    loop() if WANTED.loop else main()
