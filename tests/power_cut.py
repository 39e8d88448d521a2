"""A process of its own that dies by kill -9 at a statement, always the same: before it, after it, or once committed."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from django.db import connection

from config import env

_PROGRAM = """
import os, re, signal, sys
import django
django.setup()
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

work, statement, moment, left = sys.argv[1], re.compile(sys.argv[2]), sys.argv[3], int(sys.argv[4])
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
exec(work)
"""


@dataclass(frozen=True)
class Cut:
    """Where a process dies: at the nth statement that begins so (a regular expression).

    `committed` is right after the transaction of that statement, and before whatever waits for it.
    """

    statement: str
    moment: Literal["before", "after", "committed"] = "after"
    times: int = 1


def dying_process(work: str, cut: Cut, *, var: Path, **environment: str) -> "subprocess.Popen[str]":
    """A process that does this work on the test's database and dies there. What the test wrote must be committed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_", "REDIS_"))}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, work, cut.statement, cut.moment, str(cut.times)],
        cwd=env.ROOT,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
            "CHATLOOP_VAR": str(var),
            "DATABASE_URL": _database_url(),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_killed(process: "subprocess.Popen[str]") -> None:
    """Return when it has died there; fail with what it said when it ended otherwise, or lives."""
    try:
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL, said


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
