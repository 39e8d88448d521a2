"""How long `manage.py up` takes and how much memory the site holds at rest: `python benchmarks/embedded.py`.

Starts the site in a temporary folder (the first start makes keys, database and demonstration), stops it, starts it
again, lets it rest, and adds up the proportional set size of its processes (Linux).
"""

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REST_SECONDS = 10
STARTS = 5


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        port = free_port()
        first, process = start(var, port)
        stop(process)
        seconds = []
        for _ in range(STARTS):
            again, process = start(var, port)
            seconds.append(again)
            if len(seconds) < STARTS:
                stop(process)
        time.sleep(REST_SECONDS)
        memory = {name: pss_mib(pid) for name, pid in json.loads((var / "pids.json").read_text()).items()}
        stop(process)
    print(f"first start   {first:6.1f} s")
    print(f"later starts  {min(seconds):6.1f} s fastest, {statistics.median(seconds):.1f} s median of {STARTS}")
    for name, size in memory.items():
        print(f"{name:12}  {size:6.0f} MiB")
    print(f"{'all':12}  {sum(memory.values()):6.0f} MiB")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(var: Path, port: int) -> tuple[float, subprocess.Popen[bytes]]:
    """Start the site; the seconds until /healthz answers, and its process."""
    environment = {**os.environ, "CHATLOOP_VAR": str(var), "PORT": str(port)}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    while not answers(port):
        if process.poll() is not None:
            raise SystemExit(f"the site ended with exit code {process.returncode}")
        time.sleep(0.02)
    return time.monotonic() - began, process


def answers(port: int) -> bool:
    """Whether /healthz answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the site as Ctrl-C would, and wait for it."""
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)


def pss_mib(pid: int) -> float:
    """A process's share of the memory, shared pages divided among those who share them."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"no Pss of process {pid}")


if __name__ == "__main__":
    main()
