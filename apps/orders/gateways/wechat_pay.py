"""WeChat Pay API v3, Native: a code to scan, signed answers, sealed notifications."""

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.conf import settings

from apps.kernel import clock, http
from apps.orders.contracts import NoticeReply, PayInstruction
from apps.orders.gateways import wechat_crypto
from apps.orders.gateways.contract import (
    AnswerToAnother,
    BadNotice,
    Capture,
    Charge,
    Notice,
    PermanentFailure,
    SignatureProbe,
    TemporaryFailure,
    Trade,
    TradeState,
)
from apps.orders.rules import FURTHEST_AHEAD, LARGEST_AMOUNT_FEN, LONGEST_TITLE_BYTES, Terms

logger = logging.getLogger(__name__)

_BEIJING = ZoneInfo("Asia/Shanghai")
# As wide as the column that keeps it.
_LONGEST_CODE = 512
_SERIAL = "Wechatpay-Serial"
_NOT_THERE = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"})
_TRADE_STATES = {
    "NOTPAY": TradeState.NOT_PAID,
    "USERPAYING": TradeState.NOT_PAID,
    "PAYERROR": TradeState.NOT_PAID,
    "SUCCESS": TradeState.PAID,
    # Refunded money was captured first; the order hears of both (Capture.is_refunded).
    "REFUND": TradeState.PAID,
    "CLOSED": TradeState.CLOSED,
    "REVOKED": TradeState.CLOSED,
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """A merchant's account; keys are PEM texts and stay out of reprs."""

    merchant_id: str
    app_id: str
    serial: str
    private_key: str = field(repr=False)
    api_v3_key: str = field(repr=False)
    # Serial (certificate serial or PUB_KEY_ID_…) and PEM of each key that may sign what we receive.
    # During WeChat's change from certificates to public keys both kinds arrive.
    platform_keys: tuple[tuple[str, str], ...] = field(repr=False)
    base_url: str
    notify_url: str


class WechatPay:
    """The gateway "wechat"."""

    def __init__(self, config: Config, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._config = config
        self._private_key = _private(config.private_key)
        self._platform_keys = {serial: _public(pem) for serial, pem in config.platform_keys}
        self._http = http.client(config.base_url, transport=transport)

    @property
    def thanks(self) -> NoticeReply:
        """204; an answer with FAIL means "not accepted"."""
        return NoticeReply(status=204)

    @property
    def merchant_id(self) -> str:
        """The merchant number."""
        return self._config.merchant_id

    @property
    def app_id(self) -> str:
        """The application bound to the merchant."""
        return self._config.app_id

    def prepay(self, charge: Charge) -> PayInstruction:
        """Open the trade; with identical parameters WeChat gives a fresh code and kills the old one."""
        answer = self._call(
            "POST",
            "/v3/pay/transactions/native",
            {
                "appid": self.app_id,
                "mchid": self.merchant_id,
                "description": _fitting(charge.title, LONGEST_TITLE_BYTES),
                "out_trade_no": charge.out_trade_no,
                "time_expire": charge.expires_at.astimezone(_BEIJING).isoformat(timespec="seconds"),
                "notify_url": self._config.notify_url,
                "amount": {"total": charge.amount_fen, "currency": "CNY"},
            },
        )
        code_url = answer.get("code_url")
        # The answer names no trade; that it is a code of WeChat's which fits our column is all there is to check.
        if not isinstance(code_url, str) or not code_url.startswith("weixin://") or len(code_url) > _LONGEST_CODE:
            raise TemporaryFailure("no code_url in the answer")
        return PayInstruction(kind="qr", content=code_url)

    def query(self, out_trade_no: str) -> Trade:
        """Ask by our own number; an order that WeChat never saw is UNKNOWN, not an error."""
        path = f"/v3/pay/transactions/out-trade-no/{quote(out_trade_no)}?mchid={quote(self.merchant_id)}"
        try:
            answer = self._call("GET", path)
        except PermanentFailure as refusal:
            if refusal.code in _NOT_THERE:
                return Trade(out_trade_no=out_trade_no, state=TradeState.UNKNOWN)
            raise
        # Before anything else is read: an unpaid or closed stranger would mislead us as much as a paid one.
        _check_about(answer, out_trade_no=out_trade_no)
        state = _TRADE_STATES.get(str(answer.get("trade_state")))
        if state is None:
            raise TemporaryFailure("unknown trade_state")
        if state is not TradeState.PAID:
            # Money that another merchant took is compared with the order; that none was taken, only ours can say.
            _check_about(answer, mchid=self.merchant_id)
            return Trade(out_trade_no=out_trade_no, state=state)
        try:
            return Trade(out_trade_no=out_trade_no, state=state, capture=_capture(answer, now=clock.now()))
        except ValueError:
            raise TemporaryFailure("malformed transaction") from None

    def close(self, out_trade_no: str) -> bool:
        """Close an unpaid trade; closing twice is fine, and one that was never opened counts as closed."""
        path = f"/v3/pay/transactions/out-trade-no/{quote(out_trade_no)}/close"
        try:
            answer = self._call("POST", path, {"mchid": self.merchant_id})
        except PermanentFailure as refusal:
            return refusal.code in _NOT_THERE
        if answer:
            raise AnswerToAnother("words where a close has none")
        return True

    def read_notice(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Verify first, then decrypt, then read."""
        try:
            wechat_crypto.verify(headers, body, keys=self._platform_keys, now=now)
            envelope = _json_object(body)
            event_id, kind = _word(envelope["id"], 64), _word(envelope["event_type"], 64)
            if kind != "TRANSACTION.SUCCESS":
                return Notice(event_id=event_id, kind=kind, capture=None)
            opened = wechat_crypto.open_resource(self._config.api_v3_key.encode(), envelope["resource"])
            if opened.get("trade_state") != "SUCCESS":
                raise BadNotice("a success without success")
            return Notice(event_id=event_id, kind=kind, capture=_capture(opened, now=now))
        except wechat_crypto.Probe as probe:
            raise SignatureProbe(str(probe)) from None
        except wechat_crypto.Untrusted as reason:
            raise BadNotice(str(reason)) from None
        except (KeyError, TypeError, AttributeError, ValueError):
            raise BadNotice("malformed") from None

    def _call(self, method: str, path: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = "" if payload is None else json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        request = self._http.build_request(method, path, content=body.encode() or None)
        now = clock.now()
        request.headers.update(self._headers(request, body, now))
        try:
            response = self._http.send(request)
        except httpx2.TransportError as failure:
            raise TemporaryFailure(type(failure).__name__) from failure
        return self._read(response, asked_key=request.headers[_SERIAL], now=clock.now())

    def _headers(self, request: httpx2.Request, body: str, now: datetime) -> dict[str, str]:
        newest_serial, _ = self._config.platform_keys[0]
        return {
            "Accept": "application/json",
            "Content-Type": "application/json",
            # Decides which key signs the answer.
            _SERIAL: newest_serial,
            "Authorization": wechat_crypto.authorization(
                private_key=self._private_key,
                merchant_id=self.merchant_id,
                serial=self._config.serial,
                method=request.method,
                target=request.url.raw_path.decode("ascii"),
                body=body,
                timestamp=int(now.timestamp()),
                nonce=secrets.token_hex(16),
            ),
        }

    def _read(self, response: httpx2.Response, *, asked_key: str, now: datetime) -> dict[str, Any]:
        if response.is_success:
            try:
                # An answer is signed with the key that its request named; only notifications come with either.
                keys = {asked_key: self._platform_keys[asked_key]}
                wechat_crypto.verify(response.headers, response.content, keys=keys, now=now)
                return _json_object(response.content) if response.content else {}
            except (wechat_crypto.Untrusted, ValueError) as reason:
                # Somebody between us and WeChat, or a broken answer: we know nothing.
                logger.error("wechat pay: an answer to %s is not to be trusted (%s)", response.url.path, reason)
                raise TemporaryFailure("untrusted answer") from reason
        code = _error_code(response)
        logger.warning("wechat pay: %s answered %d %s", response.url.path, response.status_code, code)
        # The provider's trouble, or its asking for patience; everything else it has understood and refused.
        if response.status_code >= 500 or response.status_code == 429 or not code:
            raise TemporaryFailure(f"{response.status_code} {code}")
        raise PermanentFailure(code)


def from_settings() -> WechatPay | None:
    """The gateway for settings.WECHAT_PAY, or None where no merchant is set up. One client per configuration."""
    account = settings.WECHAT_PAY
    if not account.get("MCH_ID"):
        return None
    keys = ((account["PUBLIC_KEY_ID"], account["PUBLIC_KEY"]), *account.get("OLDER_PLATFORM_KEYS", ()))
    return _connected(
        Config(
            merchant_id=account["MCH_ID"],
            app_id=account["APP_ID"],
            serial=account["SERIAL_NO"],
            private_key=account["PRIVATE_KEY"],
            api_v3_key=account["API_V3_KEY"],
            platform_keys=keys,
            base_url=account["API_URL"],
            notify_url=account["NOTIFY_URL"],
        )
    )


@lru_cache(maxsize=8)
def _connected(config: Config) -> WechatPay:
    return WechatPay(config)


def _capture(transaction: Mapping[str, Any], *, now: datetime) -> Capture:
    """A transaction of WeChat's, typed. Raises ValueError when something needed is missing or odd."""
    try:
        amount = transaction["amount"]
        total = amount["total"]
        # bool is an int in Python, and 990.0 is not 990 fen.
        if type(total) is not int or not 1 <= total <= LARGEST_AMOUNT_FEN:
            raise ValueError("amount")
        payer = (transaction.get("payer") or {}).get("openid")
        return Capture(
            out_trade_no=_word(transaction["out_trade_no"], 32),
            transaction_id=_word(transaction["transaction_id"], 64),
            terms=Terms(
                merchant_id=_word(transaction["mchid"], 32),
                app_id=_word(transaction["appid"], 32),
                amount_fen=total,
                currency=_word(amount.get("currency", "CNY"), 16),
            ),
            payer=_word(payer, 128) if payer else "",
            paid_at=_moment(transaction["success_time"], now=now),
            is_refunded=transaction.get("trade_state") == "REFUND",
        )
    except (KeyError, TypeError, AttributeError) as odd:
        raise ValueError("transaction") from odd


def _check_about(answer: Mapping[str, Any], **asked: str) -> None:
    """Raise AnswerToAnother unless the answer names everything that was asked about."""
    for name, value in asked.items():
        if answer.get(name) != value:
            logger.error("wechat pay: an answer about another %s than was asked about", name)
            raise AnswerToAnother(f"another {name}")


def _fitting(text: str, most_bytes: int) -> str:
    """The text, or as much of it as fits, cut between two characters: the same in every repeat."""
    return text.encode()[:most_bytes].decode(errors="ignore")


def _word(value: object, longest: int) -> str:
    """A name of the provider's: plain characters, so that it can be stored, hashed and shown."""
    if not isinstance(value, str) or not 0 < len(value) <= longest or not (value.isascii() and value.isprintable()):
        raise ValueError("word")
    return value


def _moment(value: object, *, now: datetime) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError("time without offset")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("time beyond the calendar") from None
    if moment > now + FURTHEST_AHEAD:
        raise ValueError("time to come")
    return moment


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return parsed


def _error_code(response: httpx2.Response) -> str:
    try:
        return str(_json_object(response.content).get("code", ""))[:64]
    except ValueError:
        return ""


@lru_cache(maxsize=8)  # reading a private key checks it, and that is fifty signatures' work
def _private(pem: str) -> RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the merchant key must be RSA")
    return key


def _public(pem: str) -> RSAPublicKey:
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise TypeError("a platform key must be RSA")
    return key
