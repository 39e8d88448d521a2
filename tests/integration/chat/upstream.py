"""A provider for tests: speaks the OpenAI protocol over real HTTP and does, model by model, what it was told."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import serving

# A gate that nobody opens must not keep the suite.
_PATIENCE_SECONDS = 20.0

Step = bytes | threading.Event


class Silence(threading.Event):
    """A step that says nothing, not even a comment, until it is set."""


class Drop:
    """A step that breaks the connection inside the body."""


def piece(text: str, *, finish_reason: str | None = None) -> bytes:
    """One event with some text."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return event({"id": "c1", "object": "chat.completion.chunk", "choices": [choice]})


def usage(prompt: int, completion: int) -> bytes:
    """The extra event with the usage."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event({"id": "c1", "object": "chat.completion.chunk", "choices": [], "usage": counts})


def reason(finish_reason: str, text: str = "") -> bytes:
    """The last piece, with why the answer ends there."""
    return piece(text, finish_reason=finish_reason)


def failure(code: str) -> bytes:
    """An error in the middle of the stream."""
    return event({"error": {"code": code, "message": "something went wrong"}})


def event(value: Any) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def answer(*texts: str) -> list[bytes]:
    """A good answer in these pieces."""
    return [*(piece(text) for text in texts), piece("", finish_reason="stop"), usage(7, 5), DONE]


@dataclass
class Upstream:
    """The running server: its address, its scripts by model, what it was asked, and who hung up."""

    url: str = ""
    scripts: dict[str, Sequence[Step | Drop]] = field(default_factory=dict)
    refusals: dict[str, tuple[int, Any]] = field(default_factory=dict)
    # By what stands in Authorization.
    refused_keys: dict[str, tuple[int, Any]] = field(default_factory=dict)
    # By an option that is asked for.
    refused_options: dict[str, Any] = field(default_factory=dict)
    # By an option and its value.
    refused_values: dict[tuple[str, Any], Any] = field(default_factory=dict)
    # Said with every refusal.
    retry_after: str = ""
    location: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    """Serve until the block ends."""
    upstream = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            upstream.requests.append(body)
            upstream.keys.append(self.headers["Authorization"])
            if upstream.keys[-1] in upstream.refused_keys:
                self._refuse(*upstream.refused_keys[upstream.keys[-1]])
                return
            if refused := [upstream.refused_options[name] for name in body if name in upstream.refused_options]:
                self._refuse(400, refused[0])
                return
            if refused := [why for (name, value), why in upstream.refused_values.items() if body.get(name) == value]:
                self._refuse(400, refused[0])
                return
            if body["model"] in upstream.refusals:
                self._refuse(*upstream.refusals[body["model"]])
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                self._play(upstream.scripts[body["model"]])
            except (BrokenPipeError, ConnectionResetError):
                upstream.hung_up.set()
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _refuse(self, status: int, document: Any) -> None:
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if upstream.retry_after:
                self.send_header("Retry-After", upstream.retry_after)
            if upstream.location:
                self.send_header("Location", upstream.location)
            self.end_headers()
            self.wfile.write(content)

        def _play(self, script: Sequence[Step | Drop]) -> None:
            for step in script:
                if isinstance(step, Drop):
                    self.close_connection = True
                    return
                if isinstance(step, Silence):
                    step.wait(_PATIENCE_SECONDS)
                elif isinstance(step, threading.Event):
                    self._wait(step)
                else:
                    self._send(step)
            self.wfile.write(b"0\r\n\r\n")

        def _wait(self, gate: threading.Event) -> None:
            """Until the gate opens; comments meanwhile, which is how a reader that is gone shows."""
            waited = 0.0
            while not gate.wait(0.05) and waited < _PATIENCE_SECONDS:
                waited += 0.05
                self._send(b": keep-alive\n\n")

        def _send(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

    with serving(Handler) as address:
        upstream.url = f"{address}/v1"
        yield upstream


class Line:
    """One connection to a provider that may say whatever it likes, HTTP or not."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._heard = connection.makefile("rb")

    def hear(self) -> dict[str, Any] | None:
        """The next request's body; None when the caller has hung up."""
        length = 0
        while (line := self._heard.readline()).strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self._heard.read(length)) if length else None

    def say(self, data: bytes) -> None:
        """These bytes."""
        self.connection.sendall(data)

    def wait(self) -> None:
        """Say nothing until the caller hangs up."""
        with suppress(OSError):
            self._heard.read()


def head(status: str = "200 OK", *, content_type: str = "text/event-stream", more: str = "") -> bytes:
    """The head of a response that ends with its connection."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}Connection: close\r\n\r\n".encode()


def chunk(data: bytes) -> bytes:
    """One chunk of a body in chunked framing."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@contextmanager
def running_line(play: Callable[[Line], None]) -> Iterator[str]:
    """The address of a provider that plays this on each connection, and then hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE_SECONDS)
        with connection, suppress(OSError):
            play(Line(connection))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
