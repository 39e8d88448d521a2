"""Run functions in threads that start at the same moment, each with a database connection of its own."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Generic, TypeVar

from django.db import connection, connections

from tests.race import guards

Result = TypeVar("Result")

# Longer than any lock wait of a healthy test: a thread that never arrives fails the test instead of hanging it.
_PATIENCE_SECONDS = 60.0


@dataclass
class Outcomes(Generic[Result]):
    """What the threads returned and what they raised, in the order in which the functions were given."""

    results: list[Result] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @property
    def kinds(self) -> set[type[Exception]]:
        """The classes of what was raised."""
        return {type(error) for error in self.errors}


def run_concurrently(fn: Callable[[], Result], workers: int) -> Outcomes[Result]:
    """Call one function in `workers` threads at the same moment."""
    return run_together([fn] * guards.crowd(workers))


def run_together(functions: Sequence[Callable[[], Result]]) -> Outcomes[Result]:
    """Call different functions at the same moment, one thread each.

    A connection pool smaller than the number of threads makes the late ones queue for a connection.
    """
    barrier = Barrier(len(functions))

    def run(fn: Callable[[], Result]) -> Result:
        try:
            barrier.wait(timeout=_PATIENCE_SECONDS)
            return fn()
        finally:
            is_over()
            connections.close_all()

    outcomes: Outcomes[Result] = Outcomes()
    with guards.meeting(len(functions)) as is_over, ThreadPoolExecutor(max_workers=len(functions)) as pool:
        for future in [pool.submit(run, fn) for fn in functions]:
            try:
                outcomes.results.append(future.result(timeout=_PATIENCE_SECONDS))
            except Exception as error:  # noqa: BLE001  # the test judges each error by itself
                outcomes.errors.append(error)
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        # The pool would keep them for ten minutes, and the server has a hundred for everybody.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
    return outcomes


def in_thread(work: Callable[[], Result]) -> Result:
    """Work on a connection of this thread's own."""
    try:
        return work()
    finally:
        connections.close_all()


def wait_for_waiting(number: int) -> None:
    """Return when so many connections of this database wait for a lock."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            # Within a transaction the first look would be shown again and again.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(asked)
            if cursor.fetchall() == [(number,)]:
                return
        time.sleep(0.02)
    raise AssertionError(f"{number} connections never waited")
