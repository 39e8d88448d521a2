"""A member with a phone and a client: the whole loop over HTTP, as a program outside the site would do it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx2
import pytest

_PATIENCE = 40.0  # seconds: above the outbox's lease, below a test's patience
_CODE = re.compile(r"\b[A-Z2-9]{6}\b")

T = TypeVar("T")


class Refused(Exception):
    """The site answered with a problem document."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['status']} {problem['code']}")
        self.code: str = problem["code"]
        self.status: int = problem["status"]
        self.context: dict[str, Any] = problem["context"]


class Answer:
    """What one generation said: the text, how it ended, what it cost."""

    def __init__(self) -> None:
        self.text = ""
        self.state = ""
        self.error = ""
        self.usage: dict[str, Any] = {}

    def take(self, event: str, data: dict[str, Any]) -> None:
        """Add one event."""
        if event == "delta":
            self.text += data["text"]
        elif event == "usage":
            self.usage = data
        elif event == "error":
            self.error = data["code"]
        elif event == "done":
            self.state = data["state"]


class Member:
    """One person: an openid in the sandbox's WeChat, and a browser's cookies."""

    def __init__(self, url: str, openid: str | None = None) -> None:
        self.openid = openid or f"oTest{uuid4().hex[:20]}"
        # Plain HTTP: nobody's certificates are read, which would take longer than signing in.
        self.http = httpx2.Client(base_url=url, timeout=20.0, trust_env=False, verify=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.http.close()

    # -- plumbing ---------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Any:
        """GET; the JSON, or Refused."""
        return self._json(self.http.get(path, params=query))

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """POST as a browser would: with the CSRF token, and with an Idempotency-Key of its own or the given one."""
        return self._json(self.send("POST", path, body, key=key))

    def send(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> httpx2.Response:
        """Any request as a browser would send it, answered or refused; bytes are a picture."""
        headers = {"Idempotency-Key": key or uuid4().hex, "Referer": str(self.http.base_url)}
        if token := self.http.cookies.get("csrftoken"):
            headers["X-CSRFToken"] = token
        if isinstance(body, bytes):
            return self.http.request(method, path, content=body, headers=headers | {"Content-Type": "image/png"})
        return self.http.request(method, path, json={} if body is None else body, headers=headers)

    def _json(self, response: httpx2.Response) -> Any:
        if response.status_code >= 500:
            raise AssertionError(f"{response.request.url} answered {response.status_code}: {response.text[:300]}")
        if response.status_code >= 400:
            raise Refused(response.json())
        return response.json() if response.content else None

    def phone(self, act: str, **body: Any) -> Any:
        """One act on the sandbox's phone."""
        return self.post(f"/sandbox/phone/{self.openid}/{act}", body)

    # -- the loop ---------------------------------------------------------------------------------

    def sign_in(self) -> dict[str, Any]:
        """Follow the account, ask it for a code, type the code; the profile."""
        attempt = self.post("/api/v1/auth/login-attempts", {"qr": False})  # of those an address has few in an hour
        self.phone("follow")
        reply = " ".join(self.phone("text", content=attempt["keyword"])["replies"])
        code = _CODE.search(reply)
        assert code, f"no code in the reply: {reply}"
        user: dict[str, Any] = self.post(f"/api/v1/auth/login-attempts/{attempt['id']}/code", {"code": code[0]})["user"]
        return user

    def cheapest_model(self) -> str:
        """The model whose answers cost least, of those that cost the same however long they are."""
        models = [model for model in self.get("/api/v1/chat/models") if model["price"] is not None]
        return str(min(models, key=lambda model: model["price"])["id"])

    def new_conversation(self) -> str:
        """Start a conversation; its id."""
        return str(self.post("/api/v1/chat/conversations")["id"])

    def ask(self, conversation: str, text: str, *, model: str, client_id: str | None = None) -> str:
        """Send one message; the id of the generation that answers it."""
        sent = self.post(
            f"/api/v1/chat/conversations/{conversation}/messages",
            {"content": text, "model": model, "client_id": client_id or str(uuid4())},
        )
        return str(sent["generation"]["id"])

    def follow(self, generation: str) -> Answer:
        """Read a generation's events to the end, resuming from the last id whenever the connection breaks."""
        answer, last_id, deadline = Answer(), "", time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with suppress(httpx2.HTTPError):
                for event, event_id, data in self.events(generation, last_id):
                    last_id = event_id or last_id
                    answer.take(event, data)
                    if answer.state:
                        return answer
            time.sleep(0.2)  # as a browser's EventSource waits before it reconnects
        raise AssertionError(f"generation {generation} did not end; so far: {answer.text!r}")

    def events(self, generation: str, last_id: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
        """The raw events of one connection: (event, id, data)."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        path = f"/api/v1/chat/generations/{generation}/events"
        with self.http.stream("GET", path, headers=headers) as response:
            assert response.status_code == 200, response.read()
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    yield fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"])
                    fields = {}
                else:
                    fields = {}

    def say(self, conversation: str, text: str, *, model: str) -> Answer:
        """Ask and read the whole answer."""
        return self.follow(self.ask(conversation, text, model=model))

    def order(self, product: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """Order a product at the price that was shown."""
        body = {
            "product_id": product["id"],
            "gateway": "wechat",
            "expected_amount_fen": product["amount_fen"],
        }
        placed: dict[str, Any] = self.post("/api/v1/orders", body, key=key)
        return placed

    def pay(self, order: dict[str, Any], *, outcome: str = "success", notify: str = "normal", **more: Any) -> Any:
        """Scan the order's code with the phone and pay."""
        content = order["pay"]["content"]
        self.phone("scan", content=content)
        return self.phone("pay", content=content, outcome=outcome, notify=notify, **more)

    def balances(self) -> dict[str, Any]:
        """Quota, free messages, points and chances."""
        found: dict[str, Any] = self.get("/api/v1/balances")
        return found


def eventually(read: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """Read until it is as wanted: for what a worker does in its own time."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        value = read()
        if wanted(value):
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still {value!r} after {_PATIENCE:.0f} s")
        time.sleep(0.1)


@contextmanager
def refused(code: str) -> Iterator[None]:
    """The block must be refused with exactly this code."""
    with pytest.raises(Refused) as refusal:
        yield
    assert refusal.value.code == code
