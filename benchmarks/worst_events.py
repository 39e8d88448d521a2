"""How long one step of the engine's loop takes while a channel sends the worst: `python benchmarks/worst_events.py`.

A step is what one answer does before all others have their turn; it is measured in time of the processor, with the
whole of Django in memory, as it is in `manage.py generate`.
"""

import asyncio
import gc
import json
import os
import resource
import sys
import time
from contextlib import aclosing, suppress
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.embedded")

from benchmarks import common  # noqa: E402  # after the path that it is on, as all below

WANTED = common.options(__doc__)

import django  # noqa: E402

django.setup()

from apps.chat import rules  # noqa: E402
from apps.chat.contracts import OPENAI_COMPATIBLE, Job, Role, Target  # noqa: E402
from apps.chat.engine.openai_compatible import OpenAIConnection  # noqa: E402
from apps.chat.engine.upstream_errors import UpstreamError  # noqa: E402
from tests.integration.chat.upstream import Line, head, running_line  # noqa: E402

ALLOWED_SECONDS = 0.1
PATIENCE_SECONDS = 5.0
# Just below the bounds of an event and of a document.
EVENT_BYTES, DOCUMENT_BYTES = 255 * 1024, 511 * 1024


def json_of(part: str, size: int) -> bytes:
    """A document of about this many bytes."""
    return ('{"a":[' + ",".join([part] * (size // (len(part) + 1) - 10)) + "]}").encode()


PARTS = {"lists": "[]", "objects": "{}", "nested lists": "[[[[[]]]]]", "floats": "1.5", "long numbers": "9" * 4290}
FLOODS = {
    **{f"events of {name}": head() + b"data: " + json_of(part, EVENT_BYTES) + b"\n\n" for name, part in PARTS.items()},
    **{f"a document of {name}": head() + json_of(part, DOCUMENT_BYTES) for name, part in PARTS.items()},
    "interim responses": b"HTTP/1.1 100 Continue\r\n\r\n",
    "whole responses": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "empty lines": head() + b"\n" * EVENT_BYTES,
}


def job(url: str) -> Job:
    """A question to the channel at this address."""
    target = Target(
        route_id=uuid4(),
        key_id=uuid4(),
        channel="worst",
        channel_kind=OPENAI_COMPATIBLE,
        base_url=url,
        proxy_url="",
        api_key="none",
        upstream_model="worst",
        max_running=80,
        connect_seconds=5.0,
        first_word_seconds=120.0,
        silence_seconds=60.0,
        total_seconds=600.0,
    )
    return Job(
        generation_id=uuid4(),
        lease_token=uuid4(),
        targets=(target,),
        max_output_tokens=100,
        turns=(rules.text_turn(Role.USER, "hello"),),
    )


async def longest_step(url: str) -> float:
    """The longest time between two turns of somebody else, in seconds of the processor."""
    longest = 0.0

    async def take_turns() -> None:
        nonlocal longest
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    asked = job(url)
    async with OpenAIConnection() as upstream, aclosing(upstream.answer(asked, asked.targets[0])) as answer:
        other = asyncio.create_task(take_turns())
        with suppress(UpstreamError, TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                async for _ in answer:
                    pass
        await asyncio.sleep(0)  # the last step counts, too
        other.cancel()
    return longest


def measure(flood: bytes) -> float:
    """The longest step while a channel says this, and again, until nobody listens."""
    _, _, body = flood.partition(b"\r\n\r\n")
    again = body or flood

    def play(line: Line) -> None:
        line.hear()
        line.say(flood)
        while not body.startswith(b"{"):
            line.say(again * (65_536 // len(again) or 1))

    with running_line(play) as url:
        return asyncio.run(longest_step(url))


def read_numbers() -> float:
    """The seconds of the processor that json takes for a document of this size that is easy."""
    document = json_of(PARTS["floats"], DOCUMENT_BYTES)
    began = time.thread_time()
    json.loads(document)
    return time.thread_time() - began


def main() -> int:
    """Measure all; 1 when a step takes longer than allowed."""
    gc.freeze()  # as the engine does
    print(common.machine())
    worst = 0.0
    print(f"{'':30} longest step, beside reading a document of numbers at once")
    for name, flood in list(FLOODS.items())[:: 4 if WANTED.short else 1]:
        seconds, plain = measure(flood), read_numbers()
        worst = max(worst, seconds)
        print(f"{name:30} {seconds * 1000:5.0f} ms {seconds / plain:5.1f} times {plain * 1000:.1f} ms")
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    return int(worst > ALLOWED_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
