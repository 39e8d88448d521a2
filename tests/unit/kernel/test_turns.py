"""Whose work is done next: a holder who takes much delays the others by one work."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from apps.kernel.turns import Turns


class Works:
    """Works that take as long as they say, on a clock of their own; the first one waits until all are asked for."""

    def __init__(self) -> None:
        self.now, self.done = 0.0, list[str]()
        self.begin = threading.Event()
        self.turns = Turns("test", clock=lambda: self.now)
        self.futures = list[Future[None]]()
        self.ask("first", "first", 1.0, self.begin.wait)

    def ask(self, holder: str, name: str, seconds: float, first: Callable[[], Any] = lambda: None) -> Future[None]:
        def work() -> None:
            first()
            self.now += seconds
            self.done.append(name)

        self.futures.append(self.turns.submit(holder, work))
        return self.futures[-1]

    def all_done(self) -> list[str]:
        self.begin.set()
        for future in self.futures:
            future.exception(timeout=60)
        return self.done[1:]


def test_many_works_of_little_go_before_the_second_one_of_much() -> None:
    works = Works()
    for number in range(5):
        works.ask("hostile", f"long {number}", 2.0)
    for number in range(20):
        works.ask("other", f"short {number}", 0.01)
    works.ask("third", "third", 0.01)

    done = works.all_done()

    assert done[0] == "long 0"
    assert done[1:3] == ["short 0", "third"]
    assert done[3:22] == [f"short {number}" for number in range(1, 20)]
    assert done[22:] == [f"long {number}" for number in range(1, 5)]


def test_who_had_no_work_has_saved_nothing_up() -> None:
    works = Works()

    def come() -> None:
        for number in range(3):
            works.ask("late", f"late {number}", 1.0)

    works.ask("busy", "busy 0", 1.0)
    works.ask("busy", "busy 1", 1.0, come)
    works.ask("busy", "busy 2", 1.0)
    works.ask("busy", "busy 3", 1.0)

    assert works.all_done() == ["busy 0", "busy 1", "late 0", "busy 2", "late 1", "busy 3", "late 2"]


def test_a_work_that_nobody_waits_for_is_left_out_and_one_that_fails_stops_nothing() -> None:
    works = Works()
    forgotten = works.ask("a", "forgotten", 1.0)
    failing = works.turns.submit("a", list[None]().pop)
    works.ask("a", "last", 1.0)
    forgotten.cancel()

    works.begin.set()
    works.futures[-1].result(timeout=60)

    assert works.done == ["first", "last"]
    with pytest.raises(IndexError):
        failing.result(timeout=60)
    with pytest.raises(CancelledError):
        forgotten.result(timeout=60)
