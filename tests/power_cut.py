"""A process of its own that dies by kill -9 in the middle of a transaction, always at the same statement."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from config import env

_PROGRAM = """
import os, signal, sys
import django
django.setup()
from django.db import connection

work, last, left = sys.argv[1], sys.argv[2], int(sys.argv[3])

def cut(execute, sql, *rest):
    global left
    result = execute(sql, *rest)
    left -= sql.startswith(last)
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

with connection.execute_wrapper(cut):
    exec(work)
"""


def run_until_killed(work: str, *, after: str, times: int, var: Path, **environment: str) -> None:
    """Do this work on the test's database, and die right after the statement that begins so, at its nth time.

    What the test wrote must be committed.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_", "REDIS_"))}
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, work, after, str(times)],
        cwd=env.ROOT,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
            "CHATLOOP_VAR": str(var),
            "DATABASE_URL": _database_url(),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr


def _database_url() -> str:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(env.text("DATABASE_URL"))._replace(path=f"/{name}").geturl()
