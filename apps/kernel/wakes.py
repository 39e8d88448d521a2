"""Telling workers that there is work, aside from whoever made it: a request pays neither Celery nor a dead broker."""

import logging
import threading
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue

from celery import current_app

logger = logging.getLogger(__name__)

WORK_TASK = "apps.kernel.tasks.work_outbox"
# Seconds between two wake-ups by one process: what is asked for meanwhile shares the second.
_QUIET = 0.05
_QUIET_AFTER_FAILURE = 1.0

_asked: SimpleQueue[str] = SimpleQueue()
_starting = threading.Lock()
_messenger = threading.Thread()


def wake(queues: Iterable[str]) -> None:
    """Have the workers of these queues look for deliveries. Returns at once; if it fails, the sweep comes round."""
    for queue in queues:
        _asked.put(queue)
    if not _messenger.is_alive():  # the first time, and in a process that was forked
        _start()


def _start() -> None:
    global _messenger  # noqa: PLW0603  # one for the process
    with _starting:
        if not _messenger.is_alive():
            _messenger = threading.Thread(target=_carry, name="wakes", daemon=True)
            _messenger.start()


def _carry() -> None:
    """One message for a queue, however often it was asked for."""
    while True:
        queues = {_asked.get()}
        try:
            while True:
                queues.add(_asked.get_nowait())
        except Empty:
            pass
        time.sleep(_QUIET if _send(queues) else _QUIET_AFTER_FAILURE)


def _send(queues: Iterable[str]) -> bool:
    try:
        for queue in queues:
            current_app.send_task(WORK_TASK, kwargs={"queue": queue}, queue=queue)
    except Exception:  # every broker client raises classes of its own
        logger.warning("the broker did not take a wake-up; the sweep will", exc_info=True)
        return False
    return True
