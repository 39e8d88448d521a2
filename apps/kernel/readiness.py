"""Whether the database and Redis answer. Threads of their own ask, so that whoever wants to know never waits longer."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection

from apps.kernel.redis import sync_redis

logger = logging.getLogger(__name__)

WITHIN = 2.0  # seconds


@dataclass
class _Question:
    """One question under way; `is_good` counts once it is over."""

    over: threading.Event = field(default_factory=threading.Event)
    is_good: bool = False


class _Service:
    """Something that can be asked. One question at a time: who comes while it is silent waits for the same answer."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._question: _Question | None = None

    def ask(self) -> _Question:
        """The question under way, or a new one."""
        with self._lock:
            question = self._question
            if question is None or question.over.is_set():
                question = self._question = _Question()
                # A daemon: a silent service must not keep the process from ending.
                threading.Thread(target=self._work, args=(question,), daemon=True).start()
            return question

    def _work(self, question: _Question) -> None:
        try:
            self._ask()
            question.is_good = True
        except Exception as error:  # noqa: BLE001  # whatever it was, the service does not answer
            logger.warning("not ready: %s", type(error).__name__)
        finally:
            question.over.set()


def _ask_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # this thread ends; the pool wants it back


def _ask_redis() -> None:
    sync_redis().ping()


_services = {"database": _Service(_ask_database), "redis": _Service(_ask_redis)}


def missing() -> list[str]:
    """The names of those that do not answer within WITHIN seconds."""
    deadline = time.monotonic() + WITHIN
    questions = {name: service.ask() for name, service in _services.items()}
    return [
        name
        for name, question in questions.items()
        if not (question.over.wait(max(0.0, deadline - time.monotonic())) and question.is_good)
    ]
