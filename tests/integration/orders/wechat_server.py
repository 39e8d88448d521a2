"""WeChat Pay as our gateway meets it: an httpx transport that checks our signatures and signs its answers."""

import base64
import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from django.conf import settings

from apps.kernel import clock
from apps.orders import gateways
from apps.orders.gateways import wechat_pay

BASE_URL = "https://pay.example/gateway"
_TRADE = re.compile(r"/gateway/v3/pay/transactions/out-trade-no/(\w+)(/close)?")


@dataclass
class Trade:
    """One trade on WeChat's side."""

    asked: dict[str, Any]
    state: str = "NOTPAY"
    transaction_id: str = ""
    changes: dict[str, Any] = field(default_factory=dict)

    def pay(self, *, transaction_id: str = "", **changes: Any) -> None:
        """The member pays; `changes` are what a broken or hostile provider would say instead of the truth."""
        self.state = "SUCCESS"
        self.transaction_id = transaction_id or f"42000{secrets.randbelow(10**15):015d}"
        self.changes = changes

    def transaction(self) -> dict[str, Any]:
        """As in notifications and query answers."""
        told: dict[str, Any] = {
            "mchid": self.asked["mchid"],
            "appid": self.asked["appid"],
            "out_trade_no": self.asked["out_trade_no"],
            "trade_state": self.state,
        }
        if self.state == "SUCCESS":
            told |= {
                "transaction_id": self.transaction_id,
                "trade_type": "NATIVE",
                "success_time": "2026-11-01T20:00:30+08:00",
                "payer": {"openid": "oPayer0001"},
                "amount": {"total": self.asked["amount"]["total"], "currency": "CNY"},
            }
        amount = {**told.get("amount", {}), **self.changes.get("amount", {})}
        return {**told, **self.changes, **({"amount": amount} if amount else {})}


class WechatServer:
    """Trades by out_trade_no. `before_answer` runs a rival's act at the worst moment; `fault` breaks one answer."""

    def __init__(self) -> None:
        self.trades: dict[str, Trade] = {}
        self.calls: list[str] = []
        self.prepays: list[dict[str, Any]] = []
        self.fault: Callable[[httpx2.Request], httpx2.Response | None] = lambda request: None
        self.before_answer: Callable[[httpx2.Request], None] = lambda request: None
        self._lock = threading.Lock()

    def trade(self) -> Trade:
        """The only trade."""
        (trade,) = self.trades.values()
        return trade

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request as WeChat Pay would."""
        _check_signature(request)
        with self._lock:
            self.calls.append(f"{request.method} {request.url.path.removeprefix('/gateway/v3/pay/transactions/')}")
            answer = self.fault(request) or self._route(request)
        self.before_answer(request)
        return answer

    def _route(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/gateway/v3/pay/transactions/native":
            return self._prepay(json.loads(request.content))
        match = _TRADE.fullmatch(request.url.path)
        assert match is not None, request.url
        trade = self.trades.get(match[1])
        if trade is None:
            return refused(404, "ORDER_NOT_EXIST")
        if not match[2]:
            return answered(trade.transaction())
        if trade.state == "SUCCESS":
            return refused(400, "ORDERPAID")
        trade.state = "CLOSED"
        return answered(None)

    def _prepay(self, asked: dict[str, Any]) -> httpx2.Response:
        self.prepays.append(asked)
        trade = self.trades.setdefault(asked["out_trade_no"], Trade(asked))
        if trade.asked != asked:
            return refused(400, "INVALID_REQUEST")
        return answered({"code_url": f"weixin://wxpay/bizpayurl?pr={secrets.token_hex(4)}"})


def answered(body: dict[str, Any] | None) -> httpx2.Response:
    """A signed answer; None is the 204 of a close."""
    content = b"" if body is None else json.dumps(body).encode()
    return httpx2.Response(204 if body is None else 200, headers=signature(content), content=content)


def refused(status: int, code: str) -> httpx2.Response:
    """WeChat's way to say no."""
    return httpx2.Response(status, json={"code": code, "message": "refused"})


def signature(body: bytes, *, at: datetime | None = None, **changes: str) -> dict[str, str]:
    """The headers that prove that WeChat Pay wrote this body."""
    timestamp, nonce = str(int((at or clock.now()).timestamp())), secrets.token_hex(16)
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    signed = _platform_key(settings.SANDBOX["PLATFORM_PRIVATE_KEY"]).sign(message, PKCS1v15(), hashes.SHA256())
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": settings.WECHAT_PAY["PUBLIC_KEY_ID"],
        "Wechatpay-Signature": base64.b64encode(signed).decode(),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        **changes,
    }


@cache
def _platform_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def notice(
    transaction: dict[str, Any], *, event_id: str = "", event_type: str = "TRANSACTION.SUCCESS", api_key: str = ""
) -> bytes:
    """The body of a notification about a transaction."""
    nonce = secrets.token_hex(6)
    key = (api_key or settings.WECHAT_PAY["API_V3_KEY"]).encode()
    sealed = AESGCM(key).encrypt(nonce.encode(), json.dumps(transaction).encode(), b"transaction")
    resource = {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": "transaction",
        "nonce": nonce,
    }
    return json.dumps(
        {
            "id": event_id or f"EV-{secrets.token_hex(8)}",
            "create_time": "2026-11-01T20:00:31+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": "支付成功",
            "resource": resource,
        }
    ).encode()


def _check_signature(request: httpx2.Request) -> None:
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    fields = {name: value.strip('"') for name, value in (part.split("=", 1) for part in rest.split(","))}
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert fields["mchid"] == settings.WECHAT_PAY["MCH_ID"]
    assert fields["serial_no"] == settings.WECHAT_PAY["SERIAL_NO"]
    assert request.headers["Wechatpay-Serial"] == settings.WECHAT_PAY["PUBLIC_KEY_ID"]
    lines = [request.method, request.url.raw_path.decode(), fields["timestamp"], fields["nonce_str"]]
    message = "\n".join(lines).encode() + b"\n" + request.content + b"\n"
    key = load_pem_public_key(settings.SANDBOX["MERCHANT_PUBLIC_KEY"].encode())
    assert isinstance(key, RSAPublicKey)
    key.verify(base64.b64decode(fields["signature"]), message, PKCS1v15(), hashes.SHA256())


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> WechatServer:
    """WeChat Pay behind our real gateway, without a socket."""
    return connect(monkeypatch)


def connect(monkeypatch: pytest.MonkeyPatch) -> WechatServer:
    """A new server, which our real gateway asks until the patch is undone."""
    server = WechatServer()
    account = settings.WECHAT_PAY
    config = wechat_pay.Config(
        merchant_id=account["MCH_ID"],
        app_id=account["APP_ID"],
        serial=account["SERIAL_NO"],
        private_key=account["PRIVATE_KEY"],
        api_v3_key=account["API_V3_KEY"],
        platform_keys=((account["PUBLIC_KEY_ID"], account["PUBLIC_KEY"]),),
        base_url=BASE_URL,
        notify_url=account["NOTIFY_URL"],
    )
    gateway = wechat_pay.WechatPay(config, transport=httpx2.MockTransport(server.handle))
    monkeypatch.setitem(gateways.REGISTRY, "wechat", lambda: gateway)
    return server
