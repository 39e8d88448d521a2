"""The gateway's own decisions: which keys it believes, what it makes of odd answers, what it never shows."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from apps.kernel import clock
from apps.orders import gateways
from apps.orders.errors import GatewayUnknown
from apps.orders.gateways import wechat_pay
from apps.orders.gateways.contract import Charge, PermanentFailure, TemporaryFailure, TradeState

CHARGE = Charge(
    out_trade_no="0123456789abcdef0123456789abcdef",
    title="100 次对话",
    amount_fen=990,
    expires_at=datetime(2026, 11, 1, 12, 30, tzinfo=UTC),
)
OURS, NEW, OLD = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))


def public_pem(key: rsa.RSAPrivateKey) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()


CONFIG = wechat_pay.Config(
    merchant_id="1900000109",
    app_id="wxsim0000000000001",
    serial="5EC2",
    private_key=OURS.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode(),
    api_v3_key="0123456789abcdef0123456789ABCDEF",
    platform_keys=(("PUB_KEY_ID_1", public_pem(NEW)), ("77AA", public_pem(OLD))),
    base_url="https://pay.example",
    notify_url="https://shop.example/pay/wechat/notify",
)


def signed(body: dict[str, Any], *, key: rsa.RSAPrivateKey = NEW, serial: str = "PUB_KEY_ID_1") -> httpx2.Response:
    content, timestamp = json.dumps(body).encode(), str(int(clock.now().timestamp()))
    signature = key.sign(f"{timestamp}\nn0\n".encode() + content + b"\n", PKCS1v15(), hashes.SHA256())
    headers = {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": "n0",
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": base64.b64encode(signature).decode(),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }
    return httpx2.Response(200, headers=headers, content=content)


def answering(answer: httpx2.Response) -> wechat_pay.WechatPay:
    return wechat_pay.WechatPay(CONFIG, transport=httpx2.MockTransport(lambda request: answer))


def test_the_request_is_what_the_protocol_asks_for() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return signed({"code_url": "weixin://wxpay/bizpayurl?pr=1"})

    wechat_pay.WechatPay(CONFIG, transport=httpx2.MockTransport(answer)).prepay(CHARGE)

    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "https://pay.example/v3/pay/transactions/native")
    assert request.headers["Wechatpay-Serial"] == "PUB_KEY_ID_1"
    assert (request.headers["Accept"], request.headers["Content-Type"]) == ("application/json", "application/json")
    assert request.content.decode() == (
        '{"appid":"wxsim0000000000001","mchid":"1900000109","description":"100 次对话",'
        '"out_trade_no":"0123456789abcdef0123456789abcdef","time_expire":"2026-11-01T20:30:00+08:00",'
        '"notify_url":"https://shop.example/pay/wechat/notify","amount":{"total":990,"currency":"CNY"}}'
    )


def test_every_platform_key_is_believed_under_its_own_serial_only() -> None:
    body = {"code_url": "weixin://wxpay/bizpayurl?pr=1"}

    assert answering(signed(body, key=OLD, serial="77AA")).prepay(CHARGE).content == body["code_url"]
    with pytest.raises(TemporaryFailure):
        answering(signed(body, key=OLD, serial="PUB_KEY_ID_1")).prepay(CHARGE)
    with pytest.raises(TemporaryFailure):
        answering(signed(body, key=OURS, serial="77AA")).prepay(CHARGE)


@pytest.mark.parametrize(
    ("told", "state"),
    [("NOTPAY", TradeState.NOT_PAID), ("CLOSED", TradeState.CLOSED), ("REVOKED", TradeState.CLOSED)],
)
def test_an_unpaid_trade_has_no_capture(told: str, state: TradeState) -> None:
    trade = answering(signed({"trade_state": told})).query(CHARGE.out_trade_no)

    assert (trade.state, trade.capture) == (state, None)


@pytest.mark.parametrize("body", [{}, {"trade_state": "WONDERFUL"}, {"trade_state": "SUCCESS"}])
def test_an_answer_that_makes_no_sense_is_no_answer(body: dict[str, str]) -> None:
    with pytest.raises(TemporaryFailure):
        answering(signed(body)).query(CHARGE.out_trade_no)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (500, b'{"code": "SYSTEM_ERROR"}', TemporaryFailure),
        (429, b'{"code": "RATELIMIT_EXCEEDED"}', TemporaryFailure),
        (502, b"<html>", TemporaryFailure),
        (400, b"<html>", TemporaryFailure),
        (302, b"", TemporaryFailure),
        (401, b'{"code": "SIGN_ERROR"}', PermanentFailure),
        (400, b'{"code": "PARAM_ERROR"}', PermanentFailure),
    ],
)
def test_what_may_be_repeated_is_told_from_what_was_refused(status: int, body: bytes, failure: type[Exception]) -> None:
    gateway = answering(httpx2.Response(status, content=body))

    for call in (lambda: gateway.prepay(CHARGE), lambda: gateway.query(CHARGE.out_trade_no)):
        with pytest.raises(failure):
            call()


def test_an_unknown_trade_is_a_state_not_a_failure() -> None:
    gateway = answering(httpx2.Response(404, json={"code": "ORDER_NOT_EXIST"}))

    assert gateway.query(CHARGE.out_trade_no).state is TradeState.UNKNOWN
    assert gateway.close(CHARGE.out_trade_no) is True


def test_a_refused_close_says_so() -> None:
    assert answering(httpx2.Response(400, json={"code": "ORDERPAID"})).close(CHARGE.out_trade_no) is False


def test_keys_do_not_show_in_a_traceback() -> None:
    assert "PRIVATE" not in repr(CONFIG)
    assert CONFIG.api_v3_key not in repr(CONFIG)


@pytest.mark.parametrize("code", ["alipay", "", "WECHAT"])
def test_a_gateway_that_is_not_there_is_unknown(code: str) -> None:
    with pytest.raises(GatewayUnknown):
        gateways.for_code(code)
