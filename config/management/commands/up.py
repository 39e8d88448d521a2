"""Run the whole site on this machine: `manage.py up`."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from apps.kernel import clock
from config import demo, env, static_files, stores, supervisor, valkey

_CANNOT_START = 2


class Command(BaseCommand):
    """Check the ground, start Redis, migrate, load the demonstration, collect static files, then supervise."""

    help = "Run the site, its worker, its schedule and an embedded Redis until Ctrl-C. PORT and CHATLOOP_VAR move it."
    requires_system_checks = []
    _is_leaving = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`up` takes no arguments: it is configured by the environment."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Never returns: the process image is replaced."""
        started = time.monotonic() - _age()
        var = Path(settings.VAR_DIR)
        for number in supervisor.STOP_SIGNALS:
            signal.signal(number, self._leave)
        _lock(var)
        _check_port(settings.PORT)
        server = None
        if env.text("REDIS_URL"):
            _check_redis()
        else:
            server = _start_valkey(var)
        try:
            _prepare_database()
            static_files.collect_changed()
            # From here on a signal waits for the supervisor, which has this process's mask and takes it up.
            signal.pthread_sigmask(signal.SIG_BLOCK, supervisor.STOP_SIGNALS)
            if self._is_leaving:
                raise SystemExit(0)
        except BaseException:
            if server is not None:
                server.kill()
            raise
        line = supervisor.command_line(
            supervisor.Options(
                port=settings.PORT, var=var, started=started, valkey_pid=None if server is None else server.pid
            )
        )
        connection.close()
        sys.stdout.flush()
        os.chdir(env.ROOT)
        os.execv(line[0], line)  # noqa: S606 -- our own interpreter and module

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        # Remembered too: what is raised while an object is finalised, Python reports and forgets.
        self._is_leaving = True
        raise SystemExit(0)


def _refuse(text: str) -> CommandError:
    return CommandError(text, returncode=_CANNOT_START)


def _age() -> float:
    """Seconds since this process began: the imports behind us are part of the start."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return time.process_time()  # no Linux; imports cost CPU time and little else
    began = int(stat.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")  # after boot
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def _lock(var: Path) -> None:
    """One run per data folder. The lock goes with the process, through exec, and ends with it."""
    try:
        (var / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(var / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _refuse(f"The data folder {var} cannot be written ({error.strerror}); set CHATLOOP_VAR.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _refuse(f"Chatloop already runs on the data folder {var}; stop it or set CHATLOOP_VAR.") from error
    os.set_inheritable(lock, True)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OverflowError as error:
            raise _refuse(f"{port} is not a port; choose one up to 65535.") from error
        except OSError as error:
            reason = "in use" if error.errno == errno.EADDRINUSE else "not allowed"
            raise _refuse(f"Port {port} is {reason}; choose another one: make run PORT=8001") from error


def _check_redis() -> None:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise _refuse(f"The Redis of REDIS_URL does not answer: {error}") from error


def _start_valkey(var: Path) -> subprocess.Popen[bytes]:
    socket_path = stores.valkey_socket(var)
    with (var / "log" / "valkey.log").open("wb") as log:
        try:
            server = subprocess.Popen(
                valkey.command(socket_path=socket_path, directory=var / "valkey"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=supervisor.dies_with_parent(),  # noqa: PLW1509 -- this process has one thread
            )
        except (valkey.ValkeyFailed, OSError) as error:
            raise _refuse(f"The embedded Redis did not start: {error}") from error
    try:
        valkey.wait_until_ready(server, socket_path)
    except valkey.ValkeyFailed as error:
        server.kill()
        raise _refuse(f"The embedded Redis did not start: {error}; see {log.name}") from error
    return server


def _prepare_database() -> None:
    try:
        if connection.vendor == "postgresql":
            # The pool would say for ten seconds, attempt by attempt, what this says once.
            psycopg.connect(**connection.get_connection_params()).close()
        executor = MigrationExecutor(connection)
        # Asking first: an empty `migrate` still walks every permission and content type.
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
    except (DatabaseError, psycopg.Error) as error:
        reason, _, _ = str(error).strip().partition("\n")
        raise _refuse(f"The database cannot be used: {reason}") from error
    for problem in run_checks(tags=[Tags.database], databases=["default"]):
        raise _refuse(f"{problem.msg}; see {problem.hint}")
    call_command("load_demo")
    demo.follow_port(now=clock.now())
