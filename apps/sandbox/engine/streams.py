"""Sending events at a model's pace, and the faults that a real upstream shows.

Which there are stands in rules/faults.py. A model of such a name answers like `demo-swift` but for it, and is not
listed; a fault that is switched on strikes the demo models. Those that only change the events of a good answer are in
engine/oddities.py.

Without `stream`, 500, 429 and hang do the same; drop-mid and eof-no-done send half of the JSON; error-in-stream sends
the error as the body; no-usage leaves the usage out.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from apps.sandbox.engine import completions, oddities
from apps.sandbox.engine.completions import CompletionRequest, Plan
from apps.sandbox.engine.paces import Pace
from apps.sandbox.rules.faults import KINDS, Area

FAULTS = frozenset(kind.name for kind in KINDS if kind.area is Area.MODEL)

STREAM_ERROR = {"error": {"message": "The demo model broke off.", "type": "server_error", "code": "stream_error"}}

_EVENTS_BEFORE_FAULT = 6
_KEEP_ALIVE_SECONDS = 0.5
# Long enough for every client's patience.
_HANG_SECONDS = 3600.0


_REASONS = {
    "fault-context-full": "model_context_window_exceeded",
    **{f"fault-{reason}": reason for reason in ("sensitive", "length", "network_error")},
}
_SLOW_SECONDS_PER_TOKEN = 0.05


class Dropped(Exception):
    """Raised into the server on purpose: it breaks the connection (fault-drop-mid)."""


@dataclass
class Meter:
    """Streams of this process: `abandoned` counts those whose reader left before the end."""

    open: int = 0
    finished: int = 0
    abandoned: int = 0


meter = Meter()


def plan(request: CompletionRequest, *, pace: Pace) -> Plan:
    """The answer, with the faults that are visible in what it says."""
    planned = completions.plan(request, pace=pace)
    if request.model == "fault-empty":
        return replace(planned, reasoning=[], content=[], finish_reason="stop")
    if request.model == "fault-no-usage":
        return replace(planned, wants_usage=False)
    if request.model == "fault-tool-cut" and planned.calls:
        *whole, last = planned.calls
        cut = replace(last, arguments=last.arguments[: len(last.arguments) // 2])
        return replace(planned, calls=[*whole, cut], finish_reason="length")
    if (reason := _REASONS.get(request.model)) is not None:
        return replace(planned, content=planned.content[: max(len(planned.content) // 2, 1)], finish_reason=reason)
    return planned


async def stream(planned: Plan, *, pace: Pace) -> AsyncIterator[bytes]:
    """The answer's events at the model's pace, with the faults of the wire."""
    meter.open += 1
    is_finished = False
    try:
        async for part in _with_fault(planned, pace=pace):
            yield part
        is_finished = True
    finally:
        meter.open -= 1
        if is_finished:
            meter.finished += 1
        else:
            meter.abandoned += 1


async def hang() -> None:
    """Wait longer than anybody will; ends when the reader leaves."""
    await asyncio.sleep(_HANG_SECONDS)


async def half(body: bytes, *, is_broken: bool) -> AsyncIterator[bytes]:
    """The first half of a body, then its end or a broken connection."""
    yield body[: len(body) // 2]
    if is_broken:
        raise Dropped


async def _with_fault(planned: Plan, *, pace: Pace) -> AsyncIterator[bytes]:
    if planned.model == "fault-hang":
        await hang()
    is_cut = planned.model in ("fault-drop-mid", "fault-eof-no-done", "fault-error-in-stream", "fault-hang-mid")
    if planned.model == "fault-slow":
        pace = replace(pace, seconds_per_token=_SLOW_SECONDS_PER_TOKEN, tokens_per_chunk=1)
    events = oddities.change(planned.model, completions.events(planned, tokens_per_chunk=pace.tokens_per_chunk))
    async for part in _paced(islice(events, _EVENTS_BEFORE_FAULT) if is_cut else events, pace=pace):
        if planned.model == "fault-split-utf8":
            for piece in _split_inside_a_character(part):
                yield piece
                # Two writes that the network does not join again.
                await asyncio.sleep(0.002)
        else:
            yield part
    if planned.model in ("fault-error-in-stream", "fault-error-after-end"):
        yield completions.event(STREAM_ERROR)
    if planned.model == "fault-drop-mid":
        raise Dropped
    if planned.model in ("fault-silent-end", "fault-hang-mid"):
        await hang()
    while planned.model == "fault-heartbeats":
        yield b": keep-alive\n\n"
        await asyncio.sleep(_KEEP_ALIVE_SECONDS)


async def _paced(events: Iterable[bytes], *, pace: Pace) -> AsyncIterator[bytes]:
    waited = 0.0
    while pace.is_deep and pace.first_token_seconds - waited > _KEEP_ALIVE_SECONDS:
        yield b": keep-alive\n\n"
        await asyncio.sleep(_KEEP_ALIVE_SECONDS)
        waited += _KEEP_ALIVE_SECONDS
    await asyncio.sleep(pace.first_token_seconds - waited)
    for event in events:
        yield event
        await asyncio.sleep(pace.seconds_per_token * pace.tokens_per_chunk)


def _split_inside_a_character(part: bytes) -> Iterator[bytes]:
    # A byte of the form 10xxxxxx continues a character: cutting before it cuts the character.
    cut = next((place for place, byte in enumerate(part) if byte & 0xC0 == 0x80), 0)
    return iter([piece for piece in (part[:cut], part[cut:]) if piece])
