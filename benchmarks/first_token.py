"""How much later readers have an answer than its model says it: `python benchmarks/first_token.py`.

Starts the whole site (`manage.py up`) with a database of its own on the server of DATABASE_URL, or on SQLite with
`--embedded`, and a model server that writes the time into its words. Members post messages, all at once, each with an
event stream of its own; in turn with them, the same client asks the same model server directly. Printed are
milliseconds, the median and the 99th of a hundred, with 1, 16 and 50 at once:

  (i)   from the model's first byte to the same text on an event stream that is open already;
  (ii)  from the question to its first text, when the model answers at once;

and what one answer took of the processor, in milliseconds, in the web process, the engine and all others of the site.
`--html` reads what the pages read, rendered blocks, in place of raw text. Where LITELLM names the program of LiteLLM's
proxy, that is asked in turn with them, too.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on, as the next
from benchmarks.readers import Member, Model, Seen, members_of, running_litellm, running_model, warm_up  # noqa: E402

WANTED = common.options(__doc__, embedded="on SQLite", html="read rendered blocks")

# By how many at once: rounds of (i), rounds of (ii), and the seconds that the model waits in (i), until all streams are
# open.
PLAN = {1: (12, 40, 0.6), 16: (4, 12, 2.0), 50: (3, 6, 4.0)}
HEAD = ("", "at once", "site p50", "p99", "direct p50", "p99", "added p50", "p99", "web", "engine", "others")

Asks = Callable[[str], Awaitable[Seen]]


async def ask(asks: Sequence[Asks], question: str, time_of: Callable[[Seen], float]) -> list[float]:
    """Ask all at once; the milliseconds of each."""
    return [time_of(seen) * 1000 for seen in await asyncio.gather(*(one(question) for one in asks))]


def print_line(name: str, at_once: int, found: list[float], direct: list[float], *took: float) -> None:
    """A line of the table."""
    figures = [common.share(values, of) for values in (found, direct) for of in (0.5, 0.99)]
    figures += [figures[0] - figures[2], figures[1] - figures[3], *took]
    print(f"{name:>12}{at_once:>12}" + "".join(f"{figure:>12.1f}" for figure in figures), flush=True)


async def measure(site: common.Site, members: list[Member], model: Model, litellm: Model | None) -> None:
    """All rounds, each in turn."""
    await warm_up(members)
    print("".join(f"{name:>12}" for name in HEAD))
    for at_once, (held, free, hold) in PLAN.items():
        crowd = members[:at_once]
        for name, rounds, question, time_of in (
            ("(i)", held, f"{hold} 1 0.001", Seen.behind),
            ("(ii)", free, "0 1 0.001", Seen.waited),
        ):
            ours: list[float] = []
            direct: list[float] = []
            others: list[float] = []
            took = dict.fromkeys(("web", "generate", "others"), 0.0)
            for _ in range(1 if WANTED.short else rounds):
                await asyncio.gather(*(member.begin() for member in crowd))
                before = site.processor()
                ours += await ask([member.ask for member in crowd], question, time_of)
                took = {process: took[process] + spent - before[process] for process, spent in site.processor().items()}
                direct += await ask([model.ask] * at_once, question, time_of)
                if litellm is not None:
                    others += await ask([litellm.ask] * at_once, question, time_of)
            print_line(name, at_once, ours, direct, *(seconds * 1000 / len(ours) for seconds in took.values()))
            if others:
                print_line(f"LiteLLM {name}", at_once, others, direct)


def main() -> None:
    """Measure and print."""
    print(common.machine())
    common.use_own_stores("chatloop_benchmark_first_token", embedded=WANTED.embedded)
    with running_model() as url, common.own_site() as site, running_litellm(url) as litellm:
        members = members_of(site, model_url=url, count=max(PLAN), view="html" if WANTED.html else "")
        asyncio.run(measure(site, members, Model(url), litellm))


if __name__ == "__main__":
    main()
