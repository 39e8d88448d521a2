"""How many questions a second the site takes: `DATABASE_URL=postgres://… python benchmarks/messages.py [--embedded]`.

Starts the whole site as `benchmarks/first_token.py` does. Members post questions to conversations of their own, one
after another, 1 and 16 of them at once, while the engine answers what they ask (two words each); in turn with them,
they ask for their conversations, which is one more statement than who asks. Printed are requests a second, the median
and the 99th of a hundred in milliseconds, and the processor's time of the web process for each.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on, as the next
from benchmarks.readers import Member, members_of, running_model, warm_up  # noqa: E402

WANTED = common.options(__doc__, embedded="on SQLite")
EACH, ROUNDS = (5, 1) if WANTED.short else (20, 5)
AT_ONCE = (1, 16)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """How long it takes, in seconds."""
    began = time.monotonic()
    await work()
    return time.monotonic() - began


async def post_all(member: Member, conversations: list[str]) -> list[float]:
    """A question to each conversation."""
    return [await timed(partial(member.post, "0 2 0.001", conversation=place)) for place in conversations]


async def look_often(member: Member) -> list[float]:
    """The same number of looks."""
    return [await timed(partial(member.look, "/api/v1/chat/conversations")) for _ in range(EACH)]


async def measure(site: common.Site, members: list[Member]) -> None:
    """All rounds, questions and looks in turn."""
    await warm_up(members)
    for at_once in AT_ONCE:
        crowd = members[:at_once]
        took: dict[str, list[float]] = {"question": [], "look": []}
        rates: dict[str, list[float]] = {"question": [], "look": []}
        spent = dict.fromkeys(took, 0.0)
        for _ in range(ROUNDS):
            places = [[await member.begin() for _ in range(EACH)] for member in crowd]
            for name, asks in (
                ("question", [post_all(member, own) for member, own in zip(crowd, places, strict=True)]),
                ("look", [look_often(member) for member in crowd]),
            ):
                before, began = site.processor()["web"], time.monotonic()
                found = [seconds for each in await asyncio.gather(*asks) for seconds in each]
                rates[name].append(len(found) / (time.monotonic() - began))
                spent[name] += site.processor()["web"] - before
                took[name] += found
                # What was asked is answered before the next is measured.
                await warm_up(members[:1])
        for name, found in took.items():
            p50, p99 = (common.share(found, of) * 1000 for of in (0.5, 0.99))
            rate, each = common.share(rates[name], 0.5), spent[name] * 1000 / len(found)
            print(f"{name} at {at_once}: {rate:.0f}/s, {p50:.1f} ms, p99 {p99:.1f}, web {each:.1f} ms", flush=True)


def main() -> None:
    """Measure and print."""
    print(common.machine())
    common.use_own_stores("chatloop_benchmark_messages", embedded=WANTED.embedded)
    with running_model() as url, common.own_site() as site:
        asyncio.run(measure(site, members_of(site, model_url=url, count=max(AT_ONCE))))


if __name__ == "__main__":
    main()
