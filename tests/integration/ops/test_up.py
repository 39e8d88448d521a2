"""`manage.py up`: what it says when it cannot, and that nothing outlives it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config import env, stores, supervisor, valkey
from tests.site import Prepared, Site, running_site

_CANNOT_START = 2


def _is_alive(pid: int) -> bool:
    try:
        # A zombie has ended: its parent just has not asked yet.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_until_gone(pids: dict[str, int]) -> dict[str, int]:
    deadline = time.monotonic() + 12
    while (left := {name: pid for name, pid in pids.items() if _is_alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _up(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=env.ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_a_used_port_gets_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = _up(CHATLOOP_VAR=str(tmp_path), PORT=str(port))

    assert result.returncode == _CANNOT_START
    assert result.stderr.count("\n") == 1
    assert f"Port {port} is in use; choose another one" in result.stderr


def test_an_unwritable_data_folder_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = _up(CHATLOOP_VAR=str(tmp_path / "file" / "var"))

    assert result.returncode == _CANNOT_START
    assert result.stderr.count("\n") == 1
    assert "the data folder" in result.stderr


def test_a_port_that_is_no_number_gets_one_line(tmp_path: Path) -> None:
    result = _up(CHATLOOP_VAR=str(tmp_path), PORT="eighty")

    assert (result.returncode, result.stderr) == (
        _CANNOT_START,
        "Chatloop cannot start: PORT must be a whole number from 1 to 65535\n",
    )


def test_a_silent_redis_gets_one_line(tmp_path: Path) -> None:
    result = _up(CHATLOOP_VAR=str(tmp_path), PORT="65535", REDIS_URL="redis://127.0.0.1:1/0")

    assert result.returncode == _CANNOT_START
    assert result.stderr.count("\n") == 1
    assert "The Redis of REDIS_URL does not answer" in result.stderr


def test_a_silent_database_gets_one_line_without_its_password(tmp_path: Path) -> None:
    result = _up(CHATLOOP_VAR=str(tmp_path), PORT="65535", DATABASE_URL="postgres://u:hunter2@127.0.0.1:1/d")

    assert result.returncode == _CANNOT_START
    assert result.stderr.count("\n") == 1
    assert "The database cannot be used: " in result.stderr
    assert "Connection refused" in result.stderr
    assert "hunter2" not in result.stderr


def test_a_file_that_is_no_database_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "chatloop.sqlite3").write_text("not a database at all")

    result = _up(CHATLOOP_VAR=str(tmp_path), PORT="65535")

    assert (result.returncode, result.stderr.count("\n")) == (_CANNOT_START, 1)
    assert "The database cannot be used: file is not a database" in result.stderr


def test_a_site_with_a_name_of_its_own_is_found_by_its_own_watch(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, prepared: Prepared
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "chat.example.com")

    with running_site(tmp_path_factory.mktemp("named-site"), like=prepared) as site:
        assert "ready in" in site.output()
        assert site.stop() == 0


def test_it_runs_once_per_data_folder_stops_whole_and_comes_back(own_site: Site) -> None:
    pids = own_site.pids()

    second = _up(CHATLOOP_VAR=str(own_site.var), PORT="65535")
    code = own_site.stop()

    assert {"supervisor", "web", "worker", "beat", "generate"} <= set(pids)
    assert second.returncode == _CANNOT_START
    assert "already runs" in second.stderr
    assert code == 0
    assert _wait_until_gone(pids) == {}

    own_site.start()

    assert own_site.output().count("Operator account") == 1
    assert own_site.manage("audit").returncode == 0


def test_when_a_child_dies_everything_stops_and_the_code_says_which(own_site: Site) -> None:
    pids = own_site.pids()

    own_site.kill("worker")

    assert own_site.wait_until_stopped() == supervisor.EXIT_CODES["worker"]
    assert _wait_until_gone(pids) == {}
    assert "worker ended" in own_site.output()


# Python reports what a finalizer raises and goes on, so this signal is easily lost.
_TERMINATED_IN_A_FINALIZER = """
import os, signal, weakref
import django
django.setup()
from django.core.management import call_command
from django.db.models.signals import post_save
class Thing: pass
def stop(**_):
    weakref.finalize(Thing(), os.kill, os.getpid(), signal.SIGTERM)
post_save.connect(stop)
call_command("up")
"""


def test_a_stop_while_the_database_is_prepared_is_not_lost(tmp_path: Path, migrated_file: Path) -> None:
    shutil.copy(migrated_file, tmp_path / "chatloop.sqlite3")  # the demonstration is loaded into it

    result = subprocess.run(
        [sys.executable, "-c", _TERMINATED_IN_A_FINALIZER],
        cwd=env.ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
            "CHATLOOP_VAR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert "Exception ignored in" in result.stderr
    assert result.returncode == 0
    assert not (tmp_path / "pids.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_kill_minus_nine_of_the_parent_leaves_no_orphan(own_site: Site) -> None:
    pids = own_site.pids()

    own_site.kill("supervisor")

    assert own_site.wait_until_stopped() == -signal.SIGKILL
    assert _wait_until_gone(pids) == {}


def test_a_deep_data_folder_still_gets_a_socket(tmp_path: Path) -> None:
    """Linux allows 107 bytes for the path of a socket."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    path = stores.valkey_socket(deep)

    server = subprocess.Popen(valkey.command(socket_path=path, directory=deep), stdout=subprocess.DEVNULL)
    try:
        valkey.wait_until_ready(server, path)
        assert path.parent.stat().st_mode & 0o777 == 0o700
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(path.parent)
