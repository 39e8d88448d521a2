"""Everything that happens to answers, for five minutes, then the audit: `python benchmarks/mixed_load.py`.

Starts the whole site on a database of its own on the server of DATABASE_URL, or on SQLite with `--embedded`. Twenty
members ask models of the sandbox, good ones and those with faults, priced by the answer and by the token; they read to
the end, stop, or leave, as a seeded die says. Each fault has a channel of its own, or its breaker would answer for all;
by the token a good channel stands behind it.

Meanwhile everything dies. A second engine works beside the site's and is killed (SIGKILL) again and again; of the site
one process after another is, upon which `up` ends and is started again; connections of PostgreSQL are cut off. Whoever
got no answer asks again with the same keys. At the end every answer must be settled, none that was promised may be
lost, and the audit must be clean, which computes every charge again from the snapshot of its price (I-17-usage).
Printed is how the questions and the answers ended.
"""

import asyncio
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on

WANTED = common.options(__doc__, embedded="on SQLite")
common.use_own_stores("chatloop_benchmark_mixed", embedded=WANTED.embedded)

import django  # noqa: E402  # after the settings that it reads

django.setup()

from django.conf import settings  # noqa: E402
from django.db import OperationalError, connection  # noqa: E402
from django.db.models import Count, Sum  # noqa: E402

from apps.accounts import services as accounts  # noqa: E402
from apps.chat import services  # noqa: E402
from apps.chat.contracts import PerAnswer, PerTokens, Policy, Price, UpstreamCost  # noqa: E402
from apps.chat.models import UNSETTLED, AnswerUsage, Attempt, Generation  # noqa: E402
from apps.kernel import clock  # noqa: E402
from apps.marketing import services as marketing  # noqa: E402
from apps.marketing.contracts import AdjustedAsset, AdjustmentRequest  # noqa: E402
from benchmarks import campaign  # noqa: E402
from benchmarks.readers import Line  # noqa: E402

SECONDS = 40 if WANTED.short else 300
KILL_EVERY_SECONDS = 7 if WANTED.short else 17
# What of the site dies, one after the other, and how often.
VICTIMS = ("generate", "web", "supervisor", "valkey", "worker", "beat")
CUT_EVERY_SECONDS = 15 if WANTED.short else 25
TERMINATE_EVERY_SECONDS = 3
SETTLED_WITHIN_SECONDS = 300
MEMBERS = 20
# Little enough that some run out of it.
QUOTA_MILLI = 60_000
PRICES: dict[str, Price] = {
    "answer": PerAnswer(answer_milli=700),
    "token": PerTokens(input_milli=90, cached_milli=30, output_milli=310),
}
COST = UpstreamCost(input_microyuan=2000, cached_microyuan=500, output_microyuan=8000)
# As the sandbox knows them; each is asked at both prices.
MODELS = (
    "demo-swift", "demo-steady", "fault-500", "fault-429", "fault-drop-mid", "fault-eof-no-done", "fault-hang",
    "fault-error-in-stream", "fault-no-usage", "fault-split-utf8", "fault-empty", "fault-heartbeats", "fault-json",
    "fault-refusal",
)  # fmt: skip
DICE = random.Random(20261128)


def prepare() -> list[str]:
    """Make models and members; the keys of these."""
    now = clock.now()
    limits = Policy(free_per_day=3, max_running=5, max_message_chars=1000, max_unpaid_per_day=5000, max_per_minute=5000)
    services.save_policy(policy=limits, now=now)
    for upstream in MODELS:
        key = settings.SANDBOX["MODEL_API_KEY"]
        services.save_channel(code=upstream, base_url=settings.OWN_MODELS_URL, api_key=key, now=now)
        for kind, price in PRICES.items():
            code = f"{upstream}-{kind}"
            services.save_model(code=code, name=code, price=price, now=now)
            _serve(code, upstream, upstream_name=upstream, priority=1)
            if kind == "token":
                _serve(code, "demo", upstream_name="demo-swift", priority=2)
    keys = []
    for number in range(MEMBERS):
        user_id = accounts.register_member(openid=f"oMixed{number}", now=now).id
        gift = AdjustmentRequest(
            user_id=user_id,
            asset=AdjustedAsset.QUOTA,
            activity_id=None,
            amount=QUOTA_MILLI,
            incident="benchmark",
            request_id=secrets.token_hex(16),
        )
        marketing.adjust(request=gift, now=now, **campaign.BY)
        keys.append(accounts.create_api_key(user_id=user_id, name="b", scopes=("chat",), now=now).key)
    return keys


def _serve(code: str, channel: str, *, upstream_name: str, priority: int) -> None:
    by: dict[str, Any] = {"model_code": code, "channel_code": channel, "now": clock.now()}
    services.save_route(upstream_name=upstream_name, priority=priority, **by)
    services.save_route_cost(cost=COST, **by)


class Somebody:
    """A member who asks, and does not always wait for the answer."""

    def __init__(self, port: int, key: str, seen: Counter[str], promised: set[UUID]) -> None:
        self._port, self._seen, self._promised = port, seen, promised
        self._headers = f"Authorization: Bearer {key}\r\n"

    async def ask(self) -> None:
        """One question, and what comes of it."""
        places = "/api/v1/chat/conversations"
        _, made = await self._post(places, {})
        if "id" not in made:
            return
        model = f"{DICE.choice(MODELS)}-{DICE.choice(list(PRICES))}"
        body = {"content": "请" + "说一说" * DICE.randint(1, 60), "model": model, "client_id": str(uuid4())}
        status, said = await self._post(f"{places}/{made['id']}/messages", body)
        self._seen[f"asked: {status} {said.get('code', '')}"] += 1
        if status == 202:
            self._promised.add(UUID(said["generation"]["id"]))
            await self._follow(said["generation"]["id"], DICE.random())

    async def _follow(self, generation: str, luck: float) -> None:
        """Read on, stop at once or after a while, or leave; whoever loses the line leaves."""
        patience = 8.0 if luck > 0.4 else DICE.uniform(0, 1.5)
        try:
            async with asyncio.timeout(patience):
                path = f"/api/v1/chat/generations/{generation}/events"
                async with Line(self._port).opened("GET", path, self._headers) as (_, parts):
                    async for _ in parts:
                        pass
        except TimeoutError:
            if luck < 0.3:
                await self._post(f"/api/v1/chat/generations/{generation}/stop", {})
        except (OSError, EOFError):
            self._seen["readers cut off"] += 1

    async def _post(self, path: str, body: object) -> tuple[int, dict[str, Any]]:
        """Its answer; where there is none, or nobody could say, the same again."""
        headers = f"{self._headers}Idempotency-Key: {uuid4()}\r\n"
        while True:
            try:
                async with asyncio.timeout(30):
                    status, answer = await Line(self._port).send("POST", path, headers, body)
                said = json.loads(answer)
                if status < 500 and said.get("code") != "request_in_flight":
                    return status, said
            except (OSError, EOFError, TimeoutError, ValueError):
                pass
            self._seen["asked again with the same keys"] += 1
            await asyncio.sleep(0.5)


class Fate:
    """What dies meanwhile."""

    def __init__(self, site: common.Site, starts: ExitStack, seen: Counter[str]) -> None:
        self._site, self._starts, self._seen = site, starts, seen

    async def kill_engines(self, until: float) -> None:
        """One more engine after the other."""
        while (left := until - time.monotonic()) > 0:
            engine = subprocess.Popen([sys.executable, "manage.py", "generate"], cwd=ROOT, stderr=subprocess.DEVNULL)
            await asyncio.sleep(min(KILL_EVERY_SECONDS, left))
            engine.kill()
            engine.wait()
            self._seen["killed: a second engine"] += 1

    async def kill_the_site(self, until: float) -> None:
        """A process of the site, with which all others end; then `up` again."""
        for victim in _while_there_is_time(until):
            await asyncio.sleep(CUT_EVERY_SECONDS)
            pids = self._site.pids()
            os.kill(pids[victim], signal.SIGKILL)
            self._seen[f"killed: {victim}"] += 1
            while any(_lives(pid) for pid in pids.values()):
                await asyncio.sleep(0.1)
            # Nobody could be answered meanwhile: all wait.
            self._starts.enter_context(common.site_again(self._site))

    async def terminate_connections(self, until: float) -> None:
        """One of PostgreSQL's after the other."""
        if connection.vendor != "postgresql":
            return
        while time.monotonic() < until:
            await asyncio.sleep(TERMINATE_EVERY_SECONDS)
            self._seen["terminated: connections"] += common.terminate_one(connection.settings_dict["NAME"])


def _while_there_is_time(until: float) -> Iterator[str]:
    for victim in cycle(VICTIMS):
        if until - time.monotonic() < CUT_EVERY_SECONDS:
            return
        yield victim


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def live(site: common.Site, starts: ExitStack, keys: list[str], seen: Counter[str]) -> set[UUID]:
    """All that happens, until the time is up; the answers that were promised."""
    until, promised = time.monotonic() + SECONDS, set[UUID]()

    async def ask_on(somebody: Somebody) -> None:
        while time.monotonic() < until:
            await somebody.ask()
            await asyncio.sleep(DICE.uniform(0, 0.5))

    fate = Fate(site, starts, seen)
    await asyncio.gather(
        fate.kill_engines(until),
        fate.kill_the_site(until),
        fate.terminate_connections(until),
        *(ask_on(Somebody(site.port, key, seen, promised)) for key in keys),
    )
    return promised


def wait_for_settlements() -> int:
    """How many answers nobody has settled, when none is left or the time is up."""
    until = time.monotonic() + SETTLED_WITHIN_SECONDS
    while (left := _unsettled()) and time.monotonic() < until:
        time.sleep(1)
    return left


def _unsettled() -> int:
    try:
        return Generation.objects.filter(state__in=UNSETTLED).count()
    except OperationalError:  # the connection that was terminated was ours
        connection.close()
        return _unsettled()


def report(seen: Counter[str]) -> None:
    """How it ended."""
    for what, count in sorted(seen.items()):
        print(f"{count:>8}  {what}")
    ends = Generation.objects.values("state", "error_code", "price__kind", "paid_by").order_by("state", "error_code")
    for row in ends.annotate(count=Count("pk"), charged=Sum("charged_milli")):
        said = " ".join(filter(None, (row["state"], row["error_code"], row["price__kind"], row["paid_by"])))
        print(f"{row['count']:>8}  {said}: {row['charged']:,} thousandths of a credit")
    print(f"{Attempt.objects.count()} attempts, {AnswerUsage.objects.count()} usages")


def main() -> int:
    """Live and judge; 1 when something is not settled or lost, or the audit finds something."""
    print(f"{common.machine()}, {connection.vendor}, everything on this machine", flush=True)
    seen: Counter[str] = Counter()
    with common.own_site() as site, ExitStack() as starts:
        promised = asyncio.run(live(site, starts, prepare(), seen))
        left = wait_for_settlements()
        report(seen)
        lost = promised - set(Generation.objects.values_list("pk", flat=True))
        audit = subprocess.run(
            [sys.executable, "manage.py", "audit"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    said = [line for line in audit.stdout.splitlines() if not line.startswith("ok ") or "I-17" in line]
    print(
        f"{left} not settled, {len(lost)} of {len(promised)} promised ones lost", *said, audit.stderr[-2000:], sep="\n"
    )
    return int(bool(left or lost)) or audit.returncode


if __name__ == "__main__":
    sys.exit(main())
