"""The sandbox's counterparts: a site that listens to it, a merchant that calls it, and a server that serves it."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.test import Client

from apps.kernel import clock
from apps.sandbox.rules import pay_crypto
from tests.loopback import serving


@dataclass(frozen=True)
class Heard:
    """One request that the site received."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """A site on loopback that writes down what it hears and answers as the test says."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answer: Callable[[Heard], tuple[int, bytes]] = lambda heard: (200, b"success")


@pytest.fixture
def site_heard(settings: Any) -> Iterator[Site]:
    """The site that the official account's callbacks and the payment notifications go to."""
    listening = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard = Heard(path=self.path, headers=dict(self.headers.items()), body=body)
            listening.heard.append(heard)
            status, answer = listening.answer(heard)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Tests read `heard`, not the log."""

    with serving(Handler) as listening.url:
        settings.SANDBOX = {**settings.SANDBOX, "CALLBACK_URL": f"{listening.url}/wechat/callback"}
        yield listening


class Merchant:
    """Our own side of WeChat Pay, written from the protocol: it signs calls and checks signed answers."""

    base = "/sandbox/wechatpay"

    def __init__(self, client: Client, notify_url: str) -> None:
        self.client = client
        self.notify_url = notify_url

    def order(self, **changes: Any) -> dict[str, Any]:
        """An order's parameters."""
        return {
            "appid": settings.WECHAT_PAY["APP_ID"],
            "mchid": settings.WECHAT_PAY["MCH_ID"],
            "description": "100 credits",
            "out_trade_no": f"T{secrets.token_hex(8)}",
            "notify_url": self.notify_url,
            "amount": {"total": 990, "currency": "CNY"},
            **changes,
        }

    def post(self, path: str, body: dict[str, Any], **forgery: Any) -> HttpResponse:
        """A signed POST."""
        return self._call("POST", path, json.dumps(body), forgery)

    def get(self, path: str, **forgery: Any) -> HttpResponse:
        """A signed GET; the merchant's number is in the query."""
        return self._call("GET", f"{path}?mchid={settings.WECHAT_PAY['MCH_ID']}", "", forgery)

    def place(self, order: dict[str, Any]) -> str:
        """Place an order and return its code_url."""
        answer = self.post("/v3/pay/transactions/native", order)
        assert answer.status_code == 200, answer.content
        return str(json.loads(answer.content)["code_url"])

    def query(self, order: dict[str, Any]) -> dict[str, Any]:
        """What WeChat Pay knows of an order."""
        answer = self.get(f"/v3/pay/transactions/out-trade-no/{order['out_trade_no']}")
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = json.loads(answer.content)
        return found

    def _call(self, method: str, path: str, body: str, forgery: dict[str, Any]) -> HttpResponse:
        timestamp = forgery.get("timestamp", int(clock.now().timestamp()))
        nonce = secrets.token_hex(16)
        text = pay_crypto.request_text(
            method=method,
            target=forgery.get("signed_path", self.base + path),
            timestamp=timestamp,
            nonce=nonce,
            body=forgery.get("signed_body", body),
        )
        signature = pay_crypto.sign(forgery.get("key", settings.WECHAT_PAY["PRIVATE_KEY"]), text)
        mch_id = forgery.get("mch_id", settings.WECHAT_PAY["MCH_ID"])
        authorization = (
            f'{pay_crypto.SCHEME} mchid="{mch_id}",nonce_str="{nonce}",signature="{signature}",'
            f'timestamp="{timestamp}",serial_no="{settings.WECHAT_PAY["SERIAL_NO"]}"'
        )
        answer = self.client.generic(
            method,
            self.base + path,
            body,
            content_type="application/json",
            headers={
                "Authorization": forgery.get("authorization", authorization),
                "Wechatpay-Serial": forgery.get("serial", settings.WECHAT_PAY["PUBLIC_KEY_ID"]),
            },
        )
        assert isinstance(answer, HttpResponse)
        if answer.status_code < 300:
            assert_signed_by_platform(answer.headers, answer.content)
        return answer


def assert_signed_by_platform(headers: Any, body: bytes) -> None:
    """The platform's signature over an answer or a notification, checked with the public half."""
    assert headers["Wechatpay-Signature-Type"] == pay_crypto.SCHEME
    assert headers["Wechatpay-Serial"] == settings.WECHAT_PAY["PUBLIC_KEY_ID"]
    text = pay_crypto.answer_text(
        timestamp=int(headers["Wechatpay-Timestamp"]), nonce=headers["Wechatpay-Nonce"], body=body.decode()
    )
    assert pay_crypto.is_signed(settings.WECHAT_PAY["PUBLIC_KEY"], text, headers["Wechatpay-Signature"])


@pytest.fixture
def merchant(db: None, site_heard: Site) -> Merchant:
    """A merchant whose notifications arrive at `site_heard`."""
    return Merchant(Client(), f"{site_heard.url}/pay/wechat/notify")


@pytest.fixture
def press(db: None, site_heard: Site) -> Callable[..., Any]:
    """press("oDemo1", "text", content="hi") presses a button of the phone and returns the answer's JSON."""

    def pressed(openid: str, button: str, *, status: int = 200, **body: Any) -> Any:
        answer = Client().post(f"/sandbox/phone/{openid}/{button}", body, content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json()

    return pressed


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """The address of a real uvicorn in a thread; it serves without a database, which these tests thereby show."""
    config = uvicorn.Config(
        get_asgi_application(), host="127.0.0.1", port=0, lifespan="off", log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "uvicorn did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/sandbox/llm/v1"
    server.should_exit = True
    thread.join(timeout=10)
