"""Loaded by every Python that has this folder in its path: writes down what holds an event loop up for long.

That is one callback, before all others have their turn, or the garbage collector, in whichever thread it runs. The loop
is asyncio's own, because uvloop's steps cannot be seen from Python. Each line is the time of its end, its milliseconds
of the processor, and its name.
"""

import asyncio
import gc
import os
import sys
import time

LONG_SECONDS = 0.005
sys.modules["uvloop"] = None  # type: ignore[assignment]  # "not installed", for whoever would use it

_run = asyncio.events.Handle._run  # the only place through which each callback goes
_collecting_since = 0.0


def write(took: float, what: object) -> None:
    """One line if it was long, at once: a server that is told to end runs nothing at its exit."""
    if took > LONG_SECONDS:
        with open(f"{os.environ['LOOP_STEPS']}/{os.getpid()}.steps", "a") as lines:
            lines.write(f"{time.time():.3f} {took * 1000:.1f} {what!r}\n")


def run(handle: asyncio.Handle) -> None:
    """One callback of the loop."""
    began = time.thread_time()
    _run(handle)
    write(time.thread_time() - began, getattr(handle._callback, "__self__", handle))  # type: ignore[attr-defined]


def collect(phase: str, info: dict[str, int]) -> None:
    """One run of the garbage collector."""
    global _collecting_since  # noqa: PLW0603
    if phase == "start":
        _collecting_since = time.thread_time()
    else:
        write(time.thread_time() - _collecting_since, {"garbage collector": info})


if "LOOP_STEPS" in os.environ:
    asyncio.events.Handle._run = run  # type: ignore[method-assign, assignment]
    gc.callbacks.append(collect)
