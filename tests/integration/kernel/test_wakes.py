"""Workers are woken aside from the request, many events by one message; without a broker that is a line in the log."""

import logging
import time
from uuid import uuid4

import pytest
import redis
from celery import Celery
from django.conf import settings

from apps.kernel import wakes


def messages(queue: str, *, at_least: int) -> int:
    """How many messages lie in a queue of the broker, once there are so many."""
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        deadline = time.monotonic() + 20
        while (found := int(broker.llen(queue))) < at_least and time.monotonic() < deadline:
            time.sleep(0.01)
    return found


def test_a_wake_up_reaches_each_queue() -> None:
    first, second = uuid4().hex, uuid4().hex

    wakes.wake([first, second])

    assert (messages(first, at_least=1), messages(second, at_least=1)) == (1, 1)


def test_many_events_are_one_wake_up() -> None:
    queue, marker = uuid4().hex, uuid4().hex

    for _ in range(1000):
        wakes.wake([queue])
    wakes.wake([marker])

    assert messages(marker, at_least=1) == 1
    assert 1 <= messages(queue, at_least=1) < 20


def test_a_broker_that_is_away_is_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False)
    nobody.conf.task_publish_retry = False
    monkeypatch.setattr(wakes, "current_app", nobody)

    with caplog.at_level(logging.WARNING, logger=wakes.__name__):
        assert not wakes._send(["default"])

    assert [record.getMessage() for record in caplog.records] == ["the broker did not take a wake-up; the sweep will"]
