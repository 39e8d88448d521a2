"""Work for one thread, whose time is shared fairly: who has taken much of it goes after who has taken little."""

import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class _Line:
    """The works of one holder, first come first done. `due` is the time that they have taken, on a clock of its own."""

    due: float
    works: deque[tuple["Future[Any]", Callable[[], Any]]] = field(default_factory=deque)


class Turns:
    """One thread that does one work at a time, next for whom it has worked least.

    A holder without work saves nothing up: they come back at the present turn, or where what they took has put them.
    So whoever has little to do waits for the work that is under way, and once for each holder that came before.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._clock = clock
        self._lock = Lock()
        self._lines: dict[Hashable, _Line] = {}
        self._turn = 0.0

    def submit(self, holder: Hashable, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Do this work for the holder when it is their turn."""
        future: Future[T] = Future()
        with self._lock:
            line = self._lines.setdefault(holder, _Line(due=self._turn))
            line.works.append((future, lambda: work(*args, **kwargs)))
        # As many calls as works; which work a call does is not known before its turn.
        self._executor.submit(self._take_turn)
        return future

    def _take_turn(self) -> None:
        with self._lock:
            line = min((line for line in self._lines.values() if line.works), key=lambda line: line.due)
            self._turn = max(self._turn, line.due)
            future, work = line.works.popleft()
        began = self._clock()
        _settle(future, work)
        with self._lock:
            line.due = max(line.due, self._turn) + self._clock() - began
            self._forget()

    def _forget(self) -> None:
        """Keep the lines that matter for the next turn: when nobody waits, none."""
        is_busy = any(line.works for line in self._lines.values())
        lines = self._lines.items() if is_busy else ()
        self._lines = {holder: line for holder, line in lines if line.works or line.due > self._turn}


def _settle(future: "Future[Any]", work: Callable[[], Any]) -> None:
    """Do the work, unless nobody waits for it any more."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
        future.set_exception(error)
