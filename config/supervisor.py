"""The processes of the embedded set-up, as one: they start together, and when one ends, all end.

Started by `manage.py up`, which replaces itself by this file: run by its path, it imports neither Django nor our code
and stays small.
"""

import argparse
import contextlib
import ctypes
import io
import json
import logging
import logging.handlers
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_GRACE = 8.0  # seconds between SIGTERM and SIGKILL
# Of the web process alone, in seconds: the first start has migrated before, which takes a slow machine minutes.
_READY_WITHIN = 120.0
_LOG_BYTES = 5_000_000  # per program, and one old file
_PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# The exit code names the child whose death ended the run; 0 is a stop that somebody asked for.
EXIT_CODES = {"valkey": 10, "web": 11, "worker": 12, "beat": 13, "generate": 14}

# Everybody's names for a proxy; nothing here uses one (see docs/operations.md).
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")

_LOUD = re.compile(rb"(^|[ \[])(WARNING|ERROR|CRITICAL)[:/ ]|^Traceback|^\S*(Error|Exception)\b")

_BANNER = """
  Chatloop {url}/            ready in {seconds:.1f} s · 已就绪
  手机 Phone   {url}/sandbox/   模拟微信：关注、扫码、付款 · a simulated WeChat phone
  后台 Admin   {url}/admin/     用户 user: operator

  1. 打开网站点「登录」，用手机页扫码或发送验证码 · Open the site, sign in with the phone page
  2. 和模型聊天，直到免费次数用完 · Chat until the free allowance is used up
  3. 买一个额度包，在手机页付款 · Buy a pack and pay on the phone page
  4. 去福利页签到、兑换、抽奖，赢额度继续聊 · Sign in daily, exchange points, draw, win quota, chat on

  日志 Logs: {logs}   停止 Stop: Ctrl-C
"""


@dataclass(frozen=True)
class Options:
    """What `manage.py up` hands over."""

    port: int
    var: Path
    started: float  # time.monotonic() of the beginning
    valkey_pid: int | None  # the server that it started, if any


@dataclass
class _Child:
    name: str
    pid: int
    log: logging.Logger | None = None
    unfinished_line: bytes = b""
    loud: bool = False


def programs(*, port: int, var: Path) -> dict[str, list[str]]:
    """The command lines by name."""
    python = sys.executable
    return {
        "web": [
            *(python, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(port)),
            *(
                "--lifespan",
                "off",
                "--no-access-log",
                "--no-proxy-headers",
                "--timeout-graceful-shutdown",
                "5",
                "--log-level",
                "warning",
            ),
        ],
        "worker": [
            *(python, "-m", "celery", "-A", "config", "worker", "-P", "threads", "-c", "4", "-l", "INFO"),
            *("-Q", "default,outbox,rebates,deliveries,orders,chat"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        "beat": [
            *(python, "-m", "celery", "-A", "config.scheduler", "beat", "-l", "WARNING"),
            *("--schedule", str(var / "beat"), "--pidfile", ""),
        ],
        "generate": [python, "manage.py", "generate"],
    }


def dies_with_parent() -> Callable[[], None]:
    """For `preexec_fn`: on Linux the kernel kills the child when we are gone, however we went."""
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def in_child() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # gone before the line above
                os._exit(1)

    return in_child


class Supervisor:
    """One loop over the children's output, their deaths and our signals."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._exit_code = 0
        self._kill_at: float | None = None  # set when stopping
        self._ready = False
        self._began = time.monotonic()

    def run(self) -> int:
        """Start everything, watch it until it stops; the exit code for the process."""
        self._listen_to_signals()
        if self._options.valkey_pid is not None:
            self._children[self._options.valkey_pid] = _Child("valkey", self._options.valkey_pid)
        self._start("web")
        while self._children:
            self._turn()
        (self._options.var / "pids.json").unlink(missing_ok=True)
        return self._exit_code

    def _turn(self) -> None:
        for key, _ in self._selector.select(timeout=0.1):
            if isinstance(key.data, _Child):
                self._read(key.fd, key.data)
            else:
                self._on_signals(os.read(key.fd, 64))
        self._reap()
        if self._kill_at is not None:
            self._hurry()
        elif not self._ready:
            self._announce()

    def _start(self, *names: str) -> None:
        for name in names:
            self._start_one(name, programs(port=self._options.port, var=self._options.var)[name])
        pids = {child.name: child.pid for child in self._children.values()}
        _write_atomically(self._options.var / "pids.json", json.dumps({"supervisor": os.getpid(), **pids}))

    def _start_one(self, name: str, command: list[str]) -> None:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,  # Ctrl-C in the terminal is ours to pass on
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 -- this process has one thread
            # Its words come through a pipe of ours, whatever this terminal can print.
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        )
        child = self._children[process.pid] = _Child(name, process.pid, _log_file(self._options.var, name))
        assert process.stdout is not None  # noqa: S101 -- we asked for a pipe
        reading = os.dup(process.stdout.fileno())
        process.stdout.close()
        process.returncode = 0  # reaped by pid below; keeps Popen from waiting for it too
        self._selector.register(reading, selectors.EVENT_READ, child)

    def _read(self, fd: int, child: _Child) -> None:
        data = os.read(fd, 65536)
        if not data:
            self._selector.unregister(fd)
            os.close(fd)
            return
        *lines, child.unfinished_line = (child.unfinished_line + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            if child.log is not None:
                child.log.info("%s", text)
            # The indented lines of a traceback belong to the line that began it.
            child.loud = bool(_LOUD.search(line)) or (child.loud and line.startswith(b" "))
            if child.loud:
                _say(f"{child.name:8} | {text}")

    def _listen_to_signals(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        # What arrived while `up` became this program has waited.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        self._selector.register(reading, selectors.EVENT_READ, "signals")

    def _on_signals(self, numbers: bytes) -> None:
        if all(number == signal.SIGCHLD for number in numbers):
            return
        if self._kill_at is None:
            _say("Stopping … 正在停止")
            self._stop(exit_code=0)
        else:
            self._kill_at = 0.0  # asked twice: now

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None and self._kill_at is None:
                code = os.waitstatus_to_exitcode(status)
                log = self._options.var / "log" / f"{child.name}.log"
                _say(f"{child.name} ended (code {code}), so everything stops; its last words are in {log}")
                self._stop(exit_code=EXIT_CODES[child.name])

    def _stop(self, *, exit_code: int) -> None:
        self._exit_code = exit_code
        self._kill_at = time.monotonic() + _GRACE
        for child in self._children.values():
            if child.name != "valkey":  # the others still finish their work with it
                _signal(child, signal.SIGTERM)

    def _hurry(self) -> None:
        """Valkey stops when the others have; whoever outlives the grace is killed."""
        late = self._kill_at is not None and time.monotonic() > self._kill_at
        only_valkey = all(child.name == "valkey" for child in self._children.values())
        for child in self._children.values():
            if late:
                _signal(child, signal.SIGKILL)
            elif only_valkey:
                _signal(child, signal.SIGTERM)

    def _announce(self) -> None:
        now = time.monotonic()
        self._ready = is_healthy(self._options.port)
        if self._ready:
            url = f"http://127.0.0.1:{self._options.port}"
            _say(_BANNER.format(url=url, seconds=now - self._options.started, logs=self._options.var / "log"))
            if proxies := proxy_variables():
                _say(f"  未使用代理变量 Not used: {', '.join(proxies)}. A channel that needs a proxy names its own.\n")
            # People wait for pages; what they start meanwhile lies in rows until these are up.
            self._start("worker", "generate", "beat")
        elif now - self._began > _READY_WITHIN:
            _say(f"The site did not answer within {_READY_WITHIN:.0f} s; see {self._options.var / 'log' / 'web.log'}")
            self._stop(exit_code=EXIT_CODES["web"])


def proxy_variables() -> list[str]:
    """The names of the shell's variables that would send programs through a proxy; never their values."""
    return sorted(name for name, value in os.environ.items() if name.lower() in _PROXIES and value)


def print_what_can_be_printed() -> None:
    """Replace what this terminal's encoding lacks: a line may hold a password that is shown only once."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _signal(child: _Child, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself; the next turn reaps it
        os.killpg(child.pid, number)


def is_healthy(port: int) -> bool:
    """Whether /healthz of this machine answers 200 on that port, within two seconds."""
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(request.encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def _log_file(var: Path, name: str) -> logging.Logger:
    (var / "log").mkdir(mode=0o700, exist_ok=True)
    log = logging.getLogger(name)
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(
        logging.handlers.RotatingFileHandler(
            var / "log" / f"{name}.log", maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8"
        )
    )
    return log


def _write_atomically(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    os.replace(draft, path)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def command_line(options: Options) -> list[str]:
    """How `up` becomes the supervisor."""
    # -P: this folder's celery.py must not hide anybody else's.
    line = [sys.executable, "-P", __file__, "--port", str(options.port), "--var", str(options.var)]
    line += ["--started", str(options.started)]
    if options.valkey_pid is not None:
        line += ["--valkey-pid", str(options.valkey_pid)]
    return line


def main() -> int:
    """Read the command line that `up` wrote, and run."""
    print_what_can_be_printed()
    parser = argparse.ArgumentParser(prog="supervisor")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--var", type=Path, required=True)
    parser.add_argument("--started", type=float, required=True)
    parser.add_argument("--valkey-pid", type=int)
    return Supervisor(Options(**vars(parser.parse_args()))).run()


if __name__ == "__main__":
    sys.exit(main())
