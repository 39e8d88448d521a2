"""A process of its own that dies by kill -9 at a statement, always the same: before it, after it, or once committed."""

import atexit
import json
import os
import re
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import IO, Literal
from urllib.parse import urlsplit

from django.db import connection

from config import env

_DIES_WITHIN, _DEAD_WITHIN = 120.0, 10.0  # seconds
# Reading our code takes more of the processor than most works: it is read once, and who works and dies is a fork.
_PROGRAM = """
import json, os, re, signal, sys, traceback
import django
django.setup()
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

commit = BaseDatabaseWrapper._commit

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def cut(execute, sql, params, many, context):
    global left
    is_one = bool(statement.match(sql))
    left -= is_one
    is_here = is_one and not left
    if is_here and moment == "before":
        die()
    result = execute(sql, params, many, context)
    own = context["connection"]
    if is_here and (moment == "after" or not own.in_atomic_block):
        die()
    own.is_doomed = is_here or getattr(own, "is_doomed", False)
    return result

def commit_and_die(self):
    commit(self)
    if getattr(self, "is_doomed", False):
        die()

def watch(connection, **_):
    # One of a pool is made again and again.
    if cut not in connection.execute_wrappers:
        connection.execute_wrappers.append(cut)

# Every thread has a connection of its own.
connection_created.connect(watch)
BaseDatabaseWrapper._commit = commit_and_die

while order := sys.stdin.readline():
    work, pattern, moment, left, said = json.loads(order)
    statement = re.compile(pattern)
    if child := os.fork():
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 0
    try:
        exec(work, {})
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)
"""


@dataclass(frozen=True)
class Cut:
    """Where a process dies: at the nth statement that begins so (a regular expression).

    `committed` is right after the transaction of that statement, and before whatever waits for it.
    """

    statement: str
    moment: Literal["before", "after", "committed"] = "after"
    times: int = 1


class Dying:
    """The process that works, until it dies."""

    def __init__(self, pid: int, pipe: IO[bytes], output: Path) -> None:
        """Its parent writes into the pipe how it ended."""
        self._pid, self._pipe, self._output = pid, pipe, output
        self._code: int | None = None

    def poll(self, *, seconds: float = 0) -> int | None:
        """The exit code, negative for a signal, if it has ended or does so in time."""
        if self._code is None and select.select([self._pipe], [], [], seconds)[0]:
            self._code = int(self._pipe.readline())
        return self._code

    def kill(self) -> None:
        """kill -9, unless it has ended; returns when it is dead."""
        if self.poll() is None:
            os.kill(self._pid, signal.SIGKILL)
            assert self.poll(seconds=_DEAD_WITHIN) is not None

    def said(self) -> str:
        """What it has printed."""
        return self._output.read_text()


class _Parent:
    """A process that has read our code under an environment. One of its forks lives at a time."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], cwd=env.ROOT, env=environment, stdin=PIPE, stdout=PIPE, bufsize=0
        )
        self._last: Dying | None = None

    def fork(self, *order: str | int, output: Path) -> Dying:
        """One that carries this out; what a failed test left behind is killed."""
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        if self._last is not None:
            self._last.kill()
        orders.write(json.dumps([*order, str(output)]).encode() + b"\n")
        self._last = Dying(int(answers.readline()), answers, output)
        return self._last

    def end(self) -> None:
        """Kill it and its fork."""
        if self._last is not None:
            self._last.kill()
        self._process.kill()
        self._process.communicate()


_parents: list[_Parent] = []


def dying_process(work: str, cut: Cut, *, var: Path, **environment: str) -> Dying:
    """A process that does this work on the test's database and dies there. What the test wrote must be committed.

    The one before is dead by then, or is killed.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_", "REDIS_"))}
    wanted = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
        "CHATLOOP_VAR": str(var),
        "DATABASE_URL": _database_url(),
        **environment,
    }
    if not _parents or _parents[0].environment != wanted:
        _end_parents()
        _parents.append(_Parent(wanted))
    return _parents[0].fork(work, cut.statement, cut.moment, cut.times, output=var / "dying.out")


def wait_until_killed(process: Dying) -> None:
    """Return when it has died there; fail with what it said when it ended otherwise, or lives."""
    try:
        code = process.poll(seconds=_DIES_WITHIN)
    finally:
        process.kill()
    assert code == -signal.SIGKILL, process.said()


@atexit.register
def _end_parents() -> None:
    while _parents:
        _parents.pop().end()


def run_until_killed(work: str, *, after: str, times: int, var: Path, **environment: str) -> None:
    """Do this work on the test's database, and die right after the statement that begins so, at its nth time.

    What the test wrote must be committed.
    """
    wait_until_killed(dying_process(work, Cut(re.escape(after), times=times), var=var, **environment))


def _database_url() -> str:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(env.text("DATABASE_URL"))._replace(path=f"/{name}").geturl()
