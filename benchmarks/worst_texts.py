"""How long /healthz takes while members stream the worst texts: `python benchmarks/worst_texts.py`.

Starts the site in a temporary folder, lets it rest, then asks the sandbox's model to repeat texts that are hard to
render, all at the same time; each answer is read by three pages, and its page is loaded at the end. Meanwhile
/healthz is asked every 20 ms. With --steps the longest steps of the web process's loop are
listed, too, in time of the processor, so that other work on the machine does not count.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import common  # noqa: E402  # after the path that they are on
from tests.member import Member  # noqa: E402

WANTED = common.options(__doc__, steps="list the longest steps of the web process's loop")
CHARS = 2_000 if WANTED.short else 20_000
READERS = 3
QUIET_SECONDS = 5.0
EVERY_SECONDS = 0.02
LONGEST_STEPS = 10
ALLOWED_SECONDS = 0.5
TEXTS = {
    "open formulas": "$$ a\n",
    "open brackets": "[",
    "flat list": "- a\n",
    "emphasis": "*a **b ",
    "pictures": "![",
    "headings": "# a\n",
    "python": "x = f(1, 'a') + b\n",
    "one line": "你好，world ",
}
CONFIGURE = """
from apps.chat import services
from apps.chat.contracts import Policy
from apps.kernel import clock
now = clock.now()
limits = Policy(free_per_day=100, max_running=2, max_message_chars=30_000)
services.save_policy(policy=limits, now=now, reason="benchmark")
services.save_model(code="worst", name="worst", price_milli=1000,
    context_tokens=400_000, max_output_tokens=100_000, is_in_free_allowance=True, now=now, reason="benchmark")
services.save_route(model_code="worst", channel_code="demo", upstream_name="demo-swift", now=now, reason="benchmark")
"""


class Pulse:
    """Asks /healthz all the time, and remembers how long each answer took."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._beat)
        self.seconds: list[float] = []

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()

    def _beat(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._ending.wait(EVERY_SECONDS):
            began = time.monotonic()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            self.seconds.append(time.monotonic() - began)
        connection.close()


def main() -> None:
    """Measure and print; fails if an answer took too long."""
    print(common.machine())
    with tempfile.TemporaryDirectory() as folder:
        var, port = Path(folder), common.free_port()
        environment = {**os.environ, "CHATLOOP_VAR": folder, "PORT": str(port)}
        if WANTED.steps:
            environment |= {"PYTHONPATH": str(ROOT / "benchmarks" / "steps"), "LOOP_STEPS": folder}
        with common.serving([sys.executable, "manage.py", "up"], port, environment):
            command = [sys.executable, "manage.py", "shell", "-c", CONFIGURE]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
            members = {name: Member(f"http://127.0.0.1:{port}") for name in TEXTS}
            for member in members.values():
                member.sign_in()
            with Pulse(port) as quiet:
                time.sleep(QUIET_SECONDS)
            began = time.time()
            with Pulse(port) as busy:
                took = stream_all(members)
            steps = steps_of_the_web(var, since=began)
    for name, seconds in took.items():
        print(f"{name:15} {seconds:6.1f} s for {CHARS} characters, read by {READERS}, and its page")
    for name, pulse in (("quiet", quiet), ("worst texts", busy)):
        middle, longest = statistics.median(pulse.seconds) * 1000, max(pulse.seconds) * 1000
        print(f"/healthz, {name:12} median {middle:5.0f} ms, longest {longest:5.0f} ms of {len(pulse.seconds)}")
    middle, longest = (shape(busy.seconds) / shape(quiet.seconds) for shape in (statistics.median, max))
    print(f"worst texts / quiet    median {middle:.1f}, longest {longest:.1f}")
    for milliseconds, name in steps[:LONGEST_STEPS]:
        print(f"{milliseconds:6.1f} ms {name[:200]}")
    if took.keys() != TEXTS.keys():
        raise SystemExit(f"not whole: {', '.join(TEXTS.keys() - took.keys())}")
    if max(busy.seconds) > ALLOWED_SECONDS:
        raise SystemExit(f"an answer took longer than {ALLOWED_SECONDS} s")


def steps_of_the_web(var: Path, *, since: float) -> list[tuple[float, str]]:
    """The milliseconds and names of the web process's long steps since that time, the longest first."""
    written = var / f"{json.loads((var / 'pids.json').read_text())['web']}.steps"
    lines = [line.split(" ", 2) for line in written.read_text().splitlines()] if written.exists() else []
    return sorted(((float(took), name) for end, took, name in lines if float(end) > since), reverse=True)


def stream_all(members: dict[str, Member]) -> dict[str, float]:
    """Every text at the same time, each by a member of its own; how long each took that came whole to all readers."""
    took: dict[str, float] = {}
    threads = [threading.Thread(target=stream, args=(member, name, took)) for name, member in members.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def stream(member: Member, name: str, took: dict[str, float]) -> None:
    """One member: ask, read the answer on several pages, load the conversation's page."""
    text = (TEXTS[name] * CHARS)[:CHARS]
    fence = "```python\n" if name == "python" else ""
    began = time.monotonic()
    conversation = member.new_conversation()
    generation = member.ask(conversation, f"repeat: {fence}{text}", model="worst")
    whole: list[str] = []
    readers = [threading.Thread(target=read, args=(member, generation, whole)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    member.http.get(f"/chat/{conversation}/", timeout=60).raise_for_status()
    member.http.close()
    if len(whole) == READERS:
        took[name] = time.monotonic() - began


def read(member: Member, generation: str, whole: list[str]) -> None:
    """One page that shows the answer while it comes."""
    with member.http.stream("GET", f"/api/v1/chat/generations/{generation}/events?view=html", timeout=120) as response:
        if b'"state": "finished"' in response.read()[-200:]:
            whole.append(generation)


if __name__ == "__main__":
    main()
