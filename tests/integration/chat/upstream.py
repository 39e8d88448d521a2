"""A provider for tests: speaks the OpenAI protocol over real HTTP and does, model by model, what it was told."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    upstream.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
