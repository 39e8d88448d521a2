"""Everything that happens to answers, for five minutes, then the audit: `python benchmarks/mixed_load.py`.

Starts the whole site on a database of its own on the server of DATABASE_URL, or on SQLite with `--embedded`. Twenty
members ask models of the sandbox, good ones and those with faults, priced by the answer and by the token; they read to
the end, stop, or leave, as a seeded die says. A second engine works beside the site's and is killed (SIGKILL) every
half minute, to be started again. At the end every answer must be settled and the audit clean, which computes every
charge again from the snapshot of its price. Printed is how the questions and the answers ended.
"""

import asyncio
import json
import random
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on

WANTED = common.options(__doc__, embedded="on SQLite")
common.use_own_stores("chatloop_benchmark_mixed", embedded=WANTED.embedded)

import django  # noqa: E402  # after the settings that it reads

django.setup()

from django.db import connection  # noqa: E402
from django.db.models import Count, Sum  # noqa: E402

from apps.accounts import services as accounts  # noqa: E402
from apps.chat import services  # noqa: E402
from apps.chat.contracts import PerAnswer, PerTokens, Policy, Price  # noqa: E402
from apps.chat.models import UNSETTLED, Generation  # noqa: E402
from apps.kernel import clock  # noqa: E402
from apps.marketing import services as marketing  # noqa: E402
from apps.marketing.contracts import AdjustedAsset, AdjustmentRequest  # noqa: E402
from benchmarks import campaign  # noqa: E402
from benchmarks.readers import Line  # noqa: E402

SECONDS = 20 if WANTED.short else 300
KILL_EVERY_SECONDS = 7 if WANTED.short else 30
SETTLED_WITHIN_SECONDS = 180
MEMBERS = 20
# Little enough that some run out of it.
QUOTA_MILLI = 60_000
PRICES: dict[str, Price] = {
    "answer": PerAnswer(answer_milli=700),
    "token": PerTokens(input_milli=90, cached_milli=30, output_milli=310),
}
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
    limits = Policy(free_per_day=3, max_running=5, max_message_chars=1000, max_unpaid_per_day=1000, max_per_minute=1000)
    services.save_policy(policy=limits, now=now)
    for upstream in MODELS:
        for kind, price in PRICES.items():
            code = f"{upstream}-{kind}"
            services.save_model(code=code, name=code, price=price, now=now)
            services.save_route(model_code=code, channel_code="demo", upstream_name=upstream, now=now)
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


class Somebody:
    """A member who asks, and does not always wait for the answer."""

    def __init__(self, port: int, key: str, seen: Counter[str]) -> None:
        self._port, self._seen = port, seen
        self._headers = f"Authorization: Bearer {key}\r\n"

    async def ask(self) -> None:
        """One question, and what comes of it."""
        line, places = Line(self._port), "/api/v1/chat/conversations"
        _, made = await self._post(line, places, {})
        if "id" not in made:
            return
        model = f"{DICE.choice(MODELS)}-{DICE.choice(list(PRICES))}"
        body = {"content": "请" + "说一说" * DICE.randint(1, 60), "model": model, "client_id": str(uuid4())}
        status, said = await self._post(line, f"{places}/{made['id']}/messages", body)
        self._seen[f"asked: {status} {said.get('code', '')}"] += 1
        if status == 201:
            await self._follow(said["generation"]["id"], DICE.random())

    async def _follow(self, generation: str, luck: float) -> None:
        """Read on, stop at once or after a while, or leave."""
        patience = 8.0 if luck > 0.4 else DICE.uniform(0, 1.5)
        try:
            async with asyncio.timeout(patience):
                path = f"/api/v1/chat/generations/{generation}/events"
                async with Line(self._port).opened("GET", path, self._headers) as (_, parts):
                    async for _ in parts:
                        pass
        except TimeoutError:
            if luck < 0.3:
                await self._post(Line(self._port), f"/api/v1/chat/generations/{generation}/stop", {})

    async def _post(self, line: Line, path: str, body: object) -> tuple[int, dict[str, Any]]:
        headers = f"{self._headers}Idempotency-Key: {uuid4()}\r\n"
        status, answer = await line.send("POST", path, headers, body)
        return status, json.loads(answer)


async def live(port: int, keys: list[str], seen: Counter[str]) -> None:
    """All that happens, until the time is up."""
    until = time.monotonic() + SECONDS

    async def ask_on(somebody: Somebody) -> None:
        while time.monotonic() < until:
            await somebody.ask()
            await asyncio.sleep(DICE.uniform(0, 0.5))

    async def kill() -> None:
        while time.monotonic() < until:
            # The site's own must live: without it everything stops.
            engine = subprocess.Popen([sys.executable, "manage.py", "generate"], cwd=ROOT, stderr=subprocess.DEVNULL)
            await asyncio.sleep(min(KILL_EVERY_SECONDS, max(0, until - time.monotonic())))
            engine.kill()
            engine.wait()
            seen["engines killed"] += 1

    await asyncio.gather(kill(), *(ask_on(Somebody(port, key, seen)) for key in keys))


def wait_for_settlements() -> int:
    """How many answers nobody has settled, when none is left or the time is up."""
    until = time.monotonic() + SETTLED_WITHIN_SECONDS
    while (left := Generation.objects.filter(state__in=UNSETTLED).count()) and time.monotonic() < until:
        time.sleep(1)
    return left


def report(seen: Counter[str]) -> None:
    """How it ended."""
    for what, count in sorted(seen.items()):
        print(f"{count:>8}  {what}")
    ends = Generation.objects.values("state", "error_code", "price__kind", "paid_by").order_by("state", "error_code")
    for row in ends.annotate(count=Count("pk"), charged=Sum("charged_milli")):
        said = " ".join(filter(None, (row["state"], row["error_code"], row["price__kind"], row["paid_by"])))
        print(f"{row['count']:>8}  {said}: {row['charged']:,} thousandths of a credit")


def main() -> int:
    """Live and judge; 1 when something is not settled or the audit finds something."""
    print(f"{common.machine()}, {connection.vendor}, everything on this machine", flush=True)
    seen: Counter[str] = Counter()
    with common.own_site() as site:
        asyncio.run(live(site.port, prepare(), seen))
        left = wait_for_settlements()
        report(seen)
        audit = subprocess.run(
            [sys.executable, "manage.py", "audit"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    said = [line for line in audit.stdout.splitlines() if not line.startswith("ok ")]
    print(f"{left} not settled", *said, audit.stderr[-2000:], sep="\n")
    return int(bool(left)) or audit.returncode


if __name__ == "__main__":
    sys.exit(main())
