"""How long `manage.py up` takes and how much memory the site holds at rest: `python benchmarks/embedded.py`.

Starts the site in a temporary folder (the first start makes keys, database and demonstration), stops it, starts it
again, in turn with what one process of it must import at least, lets it rest, and adds up the proportional set size of
its processes (Linux).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that it is on

UP = [sys.executable, "manage.py", "up"]
IMPORTS = [sys.executable, "-c", "import config.asgi"]


def main() -> None:
    """Measure and print."""
    wanted = common.options(__doc__)
    starts, rest_seconds = (1, 3) if wanted.short else (5, 10)
    print(common.machine())
    with tempfile.TemporaryDirectory() as folder:
        site = common.Site(common.free_port(), Path(folder))
        environment = {**os.environ, "CHATLOOP_VAR": folder, "PORT": str(site.port)}
        first, again, imports = start(site, environment), [], []
        for _ in range(starts):
            again.append(start(site, environment))
            began = time.monotonic()
            subprocess.run(IMPORTS, cwd=ROOT, env=environment, check=True)
            imports.append(time.monotonic() - began)
        with common.serving(UP, site.port, environment):
            time.sleep(rest_seconds)
            memory = {name: common.pss_mib(pid) for name, pid in site.pids().items()}
    least = statistics.median(imports)
    print(f"first start   {first:6.1f} s, {first / least:.1f} times the imports of the web process alone")
    middle = statistics.median(again)
    print(f"later starts  {middle:6.1f} s, {middle / least:.1f} times them (fastest {min(again):.1f} s of {starts})")
    for name, size in memory.items():
        print(f"{name:12}  {size:6.0f} MiB")
    print(f"{'all':12}  {sum(memory.values()):6.0f} MiB")


def start(site: common.Site, environment: dict[str, str]) -> float:
    """Start the site and stop it; the seconds until /healthz answered."""
    began = time.monotonic()
    with common.serving(UP, site.port, environment):
        return time.monotonic() - began


if __name__ == "__main__":
    main()
