"""A worker whose broker goes away in the middle of a task lives, and works on when the broker is back."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery
from django.conf import settings

from config import env, stores, valkey

# The site's own settings of Celery, and tasks that say that they have begun and ended.
_PROGRAM = """
import sys, time
from pathlib import Path
from config.celery import app

@app.task(name="slow")
def slow(seconds, name):
    Path(sys.argv[1], name + ".begun").touch()
    time.sleep(seconds)
    Path(sys.argv[1], name).touch()

app.worker_main(["worker", "-P", "threads", "-c", "2", "-l", "WARNING", "-Q", "default",
                 "--without-gossip", "--without-mingle", "--without-heartbeat"])
"""
_PATIENCE = 120.0  # seconds; only a failure waits so long


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def broker(directory: Path) -> Iterator[None]:
    """A Redis for this test alone."""
    socket = stores.valkey_socket(directory)
    server = subprocess.Popen(
        valkey.command(socket_path=socket, directory=directory / "valkey"), stdout=subprocess.DEVNULL
    )
    try:
        valkey.wait_until_ready(server, socket)
        yield
    finally:
        server.kill()
        server.wait()
        socket.unlink(missing_ok=True)


@contextmanager
def worker(directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker that asks that Redis."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(directory)],
        cwd=env.ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
            "CHATLOOP_VAR": str(directory),
            "PORT": str(settings.PORT),
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_outlives_a_broker_that_goes_away_in_the_middle_of_a_task(tmp_path: Path) -> None:
    address = stores.broker_url(f"unix://{stores.valkey_socket(tmp_path)}")

    def ask(seconds: float, name: str) -> None:
        Celery(broker=address).send_task("slow", args=[seconds, name], queue="default")

    with worker(tmp_path) as process:
        with broker(tmp_path):
            ask(3.0, "first")
            wait_for((tmp_path / "first.begun").exists)
        wait_for(lambda: (tmp_path / "first").exists() or process.poll() is not None)
        time.sleep(1.0)  # in which it would say so to a broker that is away
        with broker(tmp_path):
            ask(0.0, "second")
            wait_for(lambda: (tmp_path / "second").exists() or process.poll() is not None)
            assert process.poll() is None
