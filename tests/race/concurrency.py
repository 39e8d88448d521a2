"""Run functions in threads that start at the same moment, each with a database connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Generic, TypeVar

from django.db import connections

Result = TypeVar("Result")

# Longer than any lock wait of a healthy test: a thread that never arrives fails the test instead of hanging it.
_PATIENCE_SECONDS = 60.0


@dataclass
class Outcomes(Generic[Result]):
    """What the threads returned and what they raised, in the order in which the functions were given."""

    results: list[Result] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


def run_concurrently(fn: Callable[[], Result], workers: int) -> Outcomes[Result]:
    """Call one function in `workers` threads at the same moment."""
    return run_together([fn] * workers)


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
            connections.close_all()

    outcomes: Outcomes[Result] = Outcomes()
    with ThreadPoolExecutor(max_workers=len(functions)) as pool:
        for future in [pool.submit(run, fn) for fn in functions]:
            try:
                outcomes.results.append(future.result(timeout=_PATIENCE_SECONDS))
            except Exception as error:  # noqa: BLE001  # the test judges each error by itself
                outcomes.errors.append(error)
    return outcomes
