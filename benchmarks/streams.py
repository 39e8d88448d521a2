"""How many words a second go through, and what a stream costs that waits: `python benchmarks/streams.py`.

Starts the whole site as `benchmarks/first_token.py` does. First, eight answers at once whose model says words as fast
as they are taken: words per second at their readers, from the first word to the last (how long the first takes,
first_token.py says), in turn with the same model read directly. Then 1,000 event streams of answers that say nothing:
what each adds to the memory of the web process, what all of them take of the processor, and how late the words of one
more answer come meanwhile, the median and the 99th of a hundred. Where LITELLM names the program of LiteLLM's proxy,
the words over it are counted in turn, too.
"""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on, as the next
from benchmarks.readers import Member, Model, members_of, running_litellm, running_model, warm_up  # noqa: E402

WANTED = common.options(__doc__, embedded="on SQLite")
# As many words as an answer may have.
ANSWERS, WORDS, ROUNDS = 8, 14_000, 1 if WANTED.short else 3
STREAMS, PER_ANSWER = 200 if WANTED.short else 1_000, 20
REST_SECONDS = 3 if WANTED.short else 10
PACED_WORDS, PACE_SECONDS = 200, 0.05
WORD = re.compile(rb"(\d+\.\d{6}) ")


async def words_in(parts: AsyncIterator[bytes]) -> list[tuple[float, float]]:
    """When each word came, and how late, in seconds: all that one event brings came as the first of them."""
    came: list[tuple[float, float]] = []
    async for part in parts:
        now = time.monotonic()
        came += [(now, now - float(stamp)) for stamp in WORD.findall(part)]
    return came


async def ask(member: Member, question: str) -> list[tuple[float, float]]:
    """Ask and read to the end."""
    async with member.following(await member.post(question)) as parts:
        return await words_in(parts)


async def ask_directly(model: Model, question: str) -> list[tuple[float, float]]:
    """The same of the model."""
    async with model.answering(question) as parts:
        return await words_in(parts)


async def relay(members: list[Member], model: Model, litellm: Model | None) -> None:
    """Words per second, the site's and the model's in turn."""
    question = f"0 {WORDS} 0"
    rates: dict[str, list[float]] = {"site": [], "direct": [], "litellm": []}
    for _ in range(ROUNDS):
        await asyncio.gather(*(member.begin() for member in members))
        for name, asks in (
            ("site", [ask(member, question) for member in members]),
            ("direct", [ask_directly(model, question) for _ in members]),
            # A tenth of the words: it would take minutes.
            ("litellm", [ask_directly(litellm, f"0 {WORDS // 10} 0") for _ in members if litellm]),
        ):
            if not asks:
                continue
            moments = sorted(moment for came in await asyncio.gather(*asks) for moment, _ in came)
            rates[name].append(len(moments) / (moments[-1] - moments[0]))
    site, direct, *_ = (common.share(found, 0.5) for found in rates.values() if found)
    print(f"{ANSWERS} answers: {site:,.0f} words/s, directly {direct:,.0f}: {site / direct:.0%}", flush=True)
    if rates["litellm"]:
        print(f"the same by LiteLLM: {common.share(rates['litellm'], 0.5):,.0f} words/s", flush=True)


async def idle(site: common.Site, members: list[Member], model: Model) -> None:
    """Streams that wait, and an answer beside them."""
    web, (speaker, *silent) = site.pids()["web"], members
    await asyncio.gather(*(member.begin() for member in members))
    await ask(speaker, "0 1 0.01")
    before = common.pss_mib(web)
    async with AsyncExitStack() as opened:
        for member in silent[: STREAMS // PER_ANSWER]:
            generation = await member.post("600 1 0.01")
            for _ in range(PER_ANSWER):
                parts = await opened.enter_async_context(member.open(generation))
                await anext(parts)
        await asyncio.sleep(REST_SECONDS)
        each = (common.pss_mib(web) - before) / STREAMS * 1024
        took = site.processor()["web"]
        await asyncio.sleep(REST_SECONDS)
        took = (site.processor()["web"] - took) / REST_SECONDS
        await speaker.begin()
        late = [seconds * 1000 for _, seconds in await ask(speaker, f"0.5 {PACED_WORDS} {PACE_SECONDS}")]
        direct = [seconds * 1000 for _, seconds in await ask_directly(model, f"0.5 {PACED_WORDS} {PACE_SECONDS}")]
        print(f"{STREAMS} streams that wait: {each:.0f} KiB each, {took:.1%} of a core for all of them")
        for name, found in (("beside them", late), ("directly", direct)):
            print(f"a word {name}: {common.share(found, 0.5):.1f} ms, {common.share(found, 0.99):.1f} ms", flush=True)


async def measure(site: common.Site, members: list[Member], model: Model, litellm: Model | None) -> None:
    """Both."""
    await warm_up(members)
    await relay(members[:ANSWERS], model, litellm)
    await idle(site, members, model)


def main() -> None:
    """Measure and print."""
    print(common.machine())
    common.use_own_stores("chatloop_benchmark_streams", embedded=WANTED.embedded)
    with running_model() as url, common.own_site() as site, running_litellm(url) as litellm:
        members = members_of(site, model_url=url, count=max(ANSWERS, 1 + STREAMS // PER_ANSWER))
        asyncio.run(measure(site, members, Model(url), litellm))


if __name__ == "__main__":
    main()
