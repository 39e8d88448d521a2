"""The gateway's own decisions: which keys it believes, what it makes of odd answers, what it never shows."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from apps.kernel import clock, http
from apps.orders import gateways, rules
from apps.orders.errors import GatewayUnknown
from apps.orders.gateways import wechat_pay
from apps.orders.gateways.contract import (
    AnswerToAnother,
    Capture,
    Charge,
    PermanentFailure,
    TemporaryFailure,
    Trade,
    TradeState,
)
from apps.orders.rules import Terms

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


@pytest.mark.parametrize(
    ("title", "sent"), [("畅" * 60, "畅" * 42), ("a" * 128, "a" * 127), ("😀" * 60, "😀" * 31), ("", "")]
)
def test_a_description_is_cut_between_two_characters(title: str, sent: str) -> None:
    """WeChat counts bytes; an order of before we did would be refused, again and again."""
    seen: list[Any] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(json.loads(request.content)["description"])
        return signed({"code_url": "weixin://wxpay/bizpayurl?pr=1"})

    wechat_pay.WechatPay(CONFIG, transport=httpx2.MockTransport(answer)).prepay(replace(CHARGE, title=title))

    assert seen == [sent]


@pytest.mark.parametrize(("key", "serial"), [(OLD, "77AA"), (OLD, "PUB_KEY_ID_1"), (OURS, "77AA"), (NEW, "77AA")])
def test_an_answer_is_signed_with_the_key_that_the_request_named(key: rsa.RSAPrivateKey, serial: str) -> None:
    body = {"code_url": "weixin://wxpay/bizpayurl?pr=1"}

    assert answering(signed(body)).prepay(CHARGE).content == body["code_url"]
    with pytest.raises(TemporaryFailure):
        answering(signed(body, key=key, serial=serial)).prepay(CHARGE)


def test_a_notification_may_be_signed_with_any_key_of_ours() -> None:
    """While WeChat changes from certificates to public keys both kinds arrive."""
    body = {"id": "EV-1", "event_type": "REFUND.SUCCESS"}

    for key, serial in ((NEW, "PUB_KEY_ID_1"), (OLD, "77AA"), (OLD, "0077aa")):
        sent = signed(body, key=key, serial=serial)
        notice = answering(sent).read_notice(headers=sent.headers, body=sent.content, now=clock.now())
        assert (notice.event_id, notice.capture) == ("EV-1", None)


@pytest.mark.parametrize(
    "code_url", ["", "https://elsewhere.example/pay", 7, None, f"weixin://wxpay/bizpayurl?pr={'x' * 512}"]
)
def test_what_is_no_payment_code_is_not_shown(code_url: object) -> None:
    with pytest.raises(TemporaryFailure):
        answering(signed({"code_url": code_url})).prepay(CHARGE)


@pytest.mark.parametrize("told", ["NOTPAY", "SUCCESS", "REFUND", "CLOSED"])
@pytest.mark.parametrize("other", ["another", "", None])
def test_an_answer_about_another_trade_is_no_answer(told: str, other: str | None) -> None:
    transaction = {
        "trade_state": told,
        "out_trade_no": other,
        "mchid": CONFIG.merchant_id,
        "appid": CONFIG.app_id,
        "transaction_id": "42000",
        "success_time": "2026-11-01T20:00:30+08:00",
        "amount": {"total": 990, "currency": "CNY"},
    }

    with pytest.raises(AnswerToAnother):
        answering(signed(transaction)).query(CHARGE.out_trade_no)


@pytest.mark.parametrize(
    ("told", "state"),
    [("NOTPAY", TradeState.NOT_PAID), ("CLOSED", TradeState.CLOSED), ("REVOKED", TradeState.CLOSED)],
)
def test_an_unpaid_trade_has_no_capture(told: str, state: TradeState) -> None:
    answer = {"trade_state": told, "out_trade_no": CHARGE.out_trade_no, "mchid": CONFIG.merchant_id}

    trade = answering(signed(answer)).query(CHARGE.out_trade_no)

    assert (trade.state, trade.capture) == (state, None)
    with pytest.raises(AnswerToAnother):
        answering(signed({**answer, "mchid": "1900000999"})).query(CHARGE.out_trade_no)


def test_a_close_is_confirmed_by_its_empty_answer_and_by_no_other() -> None:
    done, words = signed({}), signed({"trade_state": "SUCCESS", "out_trade_no": CHARGE.out_trade_no})

    assert answering(done).close(CHARGE.out_trade_no) is True
    with pytest.raises(AnswerToAnother):
        answering(words).close(CHARGE.out_trade_no)


@pytest.mark.parametrize("body", [{}, {"trade_state": "WONDERFUL"}, {"trade_state": "SUCCESS"}])
def test_an_answer_that_makes_no_sense_is_no_answer(body: dict[str, str]) -> None:
    with pytest.raises(TemporaryFailure):
        answering(signed({"out_trade_no": CHARGE.out_trade_no, **body})).query(CHARGE.out_trade_no)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (500, b'{"code": "SYSTEM_ERROR"}', TemporaryFailure),
        (429, b'{"code": "RATELIMIT_EXCEEDED"}', TemporaryFailure),
        (502, b"<html>", TemporaryFailure),
        (400, b"<html>", TemporaryFailure),
        (400, b"[" * 30_000, TemporaryFailure),
        (400, b'{"code": "PARAM_ERROR"}'.ljust(http.MAX_BODY_BYTES + 1), TemporaryFailure),
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


def test_no_trade_holds_the_capture_of_another() -> None:
    capture = Capture(
        out_trade_no="b" * 32,
        transaction_id="4200000000000000000000000001",
        terms=Terms(merchant_id="1900000001", app_id="wx1", amount_fen=990, currency="CNY"),
        payer="",
        paid_at=datetime(2026, 11, 1, tzinfo=UTC),
    )

    with pytest.raises(AnswerToAnother):
        Trade(out_trade_no="a" * 32, state=TradeState.PAID, capture=capture)
    assert Trade(out_trade_no="b" * 32, state=TradeState.PAID, capture=capture).capture is capture


def test_an_answer_that_is_packed_is_no_answer() -> None:
    packed = {"Content-Encoding": "gzip"}
    answer = httpx2.Response(200, headers=packed, stream=httpx2.ByteStream(b"no gzip at all"))

    with pytest.raises(TemporaryFailure):
        answering(answer).query(CHARGE.out_trade_no)


def test_an_order_is_leased_for_longer_than_a_call_may_take() -> None:
    assert rules.PREPAY_LEASE.total_seconds() > http.CALL_SECONDS
