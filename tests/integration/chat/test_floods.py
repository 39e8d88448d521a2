"""A channel that sends a flood: how much of it is read before the others on the same loop have their turn."""

import asyncio
from contextlib import aclosing

import pytest

from apps.chat.engine.openai_compatible import OpenAIConnection
from tests.integration.chat.conftest import job, target
from tests.integration.chat.upstream import DONE, Line, chunk, event, head, piece, reason, running_line, usage

KIB = 1024
FRAMED = head(more="Transfer-Encoding: chunked\r\n")
TICK = piece(".")
TICKS = 300
# What of the flood may be read in one turn of the loop: a few KiB, with a tick in each.
TICKS_PER_TURN = 5


def empty_delta(**said: str) -> bytes:
    """An event that adds nothing to the text of an answer."""
    return event({"choices": [{"index": 0, "delta": said, "finish_reason": None}]})


FILLERS = {
    "empty lines": b"\n",
    "crlf lines": b"\r\n",
    "comments": b":\n",
    "heartbeats": b": keep-alive\n\n",
    "other fields": b"id: 7\n",
    "empty events": b"data:\n\n",
    "data lines of one event": b"data\n",
    "empty deltas": empty_delta(),
    "reasoning": empty_delta(reasoning_content="x"),
    "one long comment": b": " + b"x" * KIB + b"\n",
}


async def ticks_between_two_turns(url: str) -> list[int]:
    """How many ticks of an answer were read in each turn of the loop."""
    turns = [0]

    async def take_turns() -> None:
        while True:
            await asyncio.sleep(0)
            turns.append(0)

    async with OpenAIConnection() as upstream, aclosing(upstream.answer(job(url), target(url))) as answer:
        other = asyncio.create_task(take_turns())
        async for delta in answer:
            turns[-1] += len(delta.text)
        other.cancel()
    return turns


@pytest.mark.parametrize("framing", ["plain", "chunked", "bytewise"])
@pytest.mark.parametrize("name", FILLERS)
def test_a_flood_leaves_the_others_their_turns(name: str, framing: str) -> None:
    filler = FILLERS[name]
    flood = (filler * (KIB // len(filler) or 1) + TICK) * TICKS + reason("stop") + usage(1, 1) + DONE

    def play(line: Line) -> None:
        line.hear()
        if framing == "plain":
            line.say(head() + flood)
        elif framing == "chunked":
            line.say(FRAMED + chunk(flood) + b"0\r\n\r\n")
        else:
            line.say(FRAMED + b"".join(b"1\r\n%c\r\n" % byte for byte in flood) + b"0\r\n\r\n")

    with running_line(play) as url:
        turns = asyncio.run(ticks_between_two_turns(url))

    assert sum(turns) == TICKS
    assert max(turns) <= TICKS_PER_TURN
