"""Members who ask and read event streams, in one process that costs little: what the benchmarks of answers share."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks import common

PATIENCE_SECONDS = 60
MODEL = "benchmark"
_STAMP = re.compile(rb"\d+\.\d{6} ")
# Makes the model, its channel, and members with quota and a key; printed are the keys.
_PREPARE = """
import json
from django.db import transaction
from apps.accounts import services as accounts
from apps.chat import services
from apps.chat.contracts import Policy
from apps.kernel import clock
from apps.ledger.contracts import Cause, Purse
now = clock.now()
limits = Policy(free_per_day=0, max_running=100, max_message_chars=1000, max_unpaid_per_day=10_000,
    max_per_minute=30_000)
services.save_policy(policy=limits, now=now, reason="benchmark")
services.save_channel(code="benchmark", base_url={url!r}, api_key="sk-benchmark", now=now, reason="benchmark")
services.save_model(code={model!r}, name="benchmark", price_milli=1, now=now, reason="benchmark")
services.save_route(model_code={model!r}, channel_code="benchmark", upstream_name="benchmark", now=now,
    reason="benchmark")
keys = []
for number in range({count}):
    user_id = accounts.register_member(openid=f"oBenchmark{{number}}", now=now).id
    with transaction.atomic():
        services.grant_quota(user_id=user_id, amount_milli=10**9, purse=Purse.GIFT, kind="benchmark",
            cause=Cause("benchmark", str(number)), now=now)
    keys.append(accounts.create_api_key(user_id=user_id, name="b", scopes=("chat",), now=now).key)
print("keys:" + json.dumps(keys))
"""


@dataclass(frozen=True)
class Seen:
    """When one reader asked, when the model said its first word, and when that word was read; on one clock."""

    asked: float
    said: float
    read: float

    def waited(self) -> float:
        """The seconds from the question to its first text."""
        return self.read - self.asked

    def behind(self) -> float:
        """The seconds from the model's first byte to its reader."""
        return self.read - self.said


class Line:
    """One kept HTTP connection, and no more of HTTP than these servers speak."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, method: str, path: str, headers: str = "", body: Any = None) -> tuple[int, bytes]:
        """A request and its whole answer."""
        async with self.opened(method, path, headers, body) as (status, parts):
            return status, b"".join([part async for part in parts])

    @asynccontextmanager
    async def opened(
        self, method: str, path: str, headers: str = "", body: Any = None
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """A request, the status of its answer and the parts of its body as they come."""
        if self._pair is None or self._pair[0].at_eof():
            self._pair = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        reader, writer = self._pair
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{headers}Content-Type: application/json\r\n"
        )
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = re.search(rb"\r\ncontent-length: (\d+)", answer)
        yield int(answer[9:12]), _chunks(reader) if length is None else _whole(reader, int(length[1]))


async def _whole(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    yield await reader.readexactly(length)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)


class Member:
    """One member, with a key and a conversation."""

    def __init__(self, port: int, key: str, *, view: str = "") -> None:
        self._port, self._view = port, view
        self._headers = self.headers = f"Authorization: Bearer {key}\r\n"
        self._line = Line(port)
        self._conversation = ""

    async def begin(self) -> str:
        """Begin a conversation for the next question; its id."""
        self._conversation = str((await self._post("/api/v1/chat/conversations", {}))["id"])
        return self._conversation

    async def post(self, question: str, *, conversation: str = "") -> str:
        """Send a message, to another conversation if one is named; the id of the generation that answers it."""
        path = f"/api/v1/chat/conversations/{conversation or self._conversation}/messages"
        body = {"content": question, "model": MODEL, "client_id": str(uuid4())}
        return str((await self._post(path, body))["generation"]["id"])

    async def ask(self, question: str) -> Seen:
        """Send a message and read its answer to the end."""
        asked = time.monotonic()
        generation = await self.post(question)
        async with self.following(generation, self._line) as parts:
            return await first_word(asked, parts)

    @asynccontextmanager
    async def following(self, generation: str, line: Line | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """The event stream of an answer, to its end; on a connection of its own unless one is given."""
        async with self.open(generation, line) as parts:
            yield parts
            async for _ in parts:
                pass

    @asynccontextmanager
    async def open(self, generation: str, line: Line | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """The same; it is left where its reader leaves it."""
        path = f"/api/v1/chat/generations/{generation}/events" + (f"?view={self._view}" if self._view else "")
        async with (line or Line(self._port)).opened("GET", path, self._headers) as (status, parts):
            if status != 200:
                raise SystemExit(f"the event stream answered {status}")
            yield parts

    async def look(self, path: str) -> None:
        """Ask for something that is there."""
        status, _ = await self._line.send("GET", path, self._headers)
        if status != 200:
            raise SystemExit(f"{path} answered {status}")

    async def _post(self, path: str, body: Any) -> Any:
        headers = f"{self._headers}Idempotency-Key: {uuid4()}\r\n"
        status, answer = await self._line.send("POST", path, headers, body)
        if status >= 300:
            raise SystemExit(f"{path} answered {status} {answer.decode()}")
        return json.loads(answer)


class Model:
    """The model server, asked directly over kept connections."""

    def __init__(self, url: str, *, pid: int = 0) -> None:
        self.port = self._port = urlsplit(url).port or 80
        self._pid = pid
        self._free: list[Line] = []

    async def ask(self, question: str) -> Seen:
        """Ask and read to the end."""
        line = self._free.pop() if self._free else Line(self._port)
        asked = time.monotonic()
        async with self.answering(question, line) as parts:
            seen = await first_word(asked, parts)
            async for _ in parts:
                pass
        self._free.append(line)
        return seen

    def processor(self) -> float:
        """The seconds of the processor of its process so far."""
        return common.cpu_seconds(self._pid)

    @asynccontextmanager
    async def answering(self, question: str, line: Line | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """The stream of an answer."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": question}], "stream": True}
        async with (line or Line(self._port)).opened("POST", "/v1/chat/completions", "", body) as (_, parts):
            yield parts


async def warm_up(members: list[Member]) -> None:
    """Ask until the engine is there, and what is made once is made."""
    for at_once in (1, 1, len(members)):
        await asyncio.gather(*(member.begin() for member in members[:at_once]))
        await asyncio.gather(*(member.ask("0 1 0.01") for member in members[:at_once]))


async def first_word(asked: float, parts: AsyncIterator[bytes]) -> Seen:
    """When the first word was said and read."""
    async for part in parts:
        if found := _STAMP.search(part):
            return Seen(asked, float(found[0]), time.monotonic())
    raise SystemExit("an answer ended without a word")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running_model() -> Iterator[str]:
    """The address of a model server in a process of its own."""
    port = common.free_port()
    process = subprocess.Popen([sys.executable, str(common.ROOT / "benchmarks" / "model_server.py"), str(port)])
    try:
        while not _listens(port):
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


@contextmanager
def running_litellm(model_url: str) -> Iterator[Model | None]:
    """LiteLLM's proxy before that model server, one worker and no database; None unless LITELLM names its program.

    It is no dependency: `python -m venv v && v/bin/pip install "litellm[proxy]"`, then `LITELLM=v/bin/litellm`.
    """
    program = os.environ.get("LITELLM")
    if program is None:
        yield None
        return
    port = common.free_port()
    upstream = {"model": f"openai/{MODEL}", "api_base": model_url, "api_key": "sk-benchmark"}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        # What is JSON is YAML.
        file.write(json.dumps({"model_list": [{"model_name": MODEL, "litellm_params": upstream}]}))
        file.flush()
        command = [program, "--config", file.name, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        # Not ours: it would take our database for its own.
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        }
        process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not _listens(port):
                if process.poll() is not None:
                    raise SystemExit(f"{program} ended with {process.returncode}")
                time.sleep(0.2)
            yield Model(f"http://127.0.0.1:{port}", pid=process.pid)
        finally:
            process.kill()
            process.wait()


def members_of(site: common.Site, *, model_url: str, count: int, view: str = "") -> list[Member]:
    """Members with quota for many answers of the model at this address."""
    code = _PREPARE.format(url=model_url, model=MODEL, count=count)
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    printed = subprocess.run(command, cwd=common.ROOT, check=True, stdout=subprocess.PIPE, text=True)
    keys = json.loads(printed.stdout.rpartition("keys:")[2])
    return [Member(site.port, key, view=view) for key in keys]
