"""The site, seen from WeChat: where events and payment notifications are sent. No database in here."""

import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

import httpx2
from django.conf import settings

from apps.kernel.http import client
from apps.sandbox.contracts import Callback, Delivery
from apps.sandbox.errors import BadReply
from apps.sandbox.rules import message_crypto, message_xml, pay_crypto

_TRIES = 3
_PATIENCE_SECONDS = 5.0
_XML = {"Content-Type": "text/xml"}
_STALE = timedelta(minutes=10)
# An attacker may send an encrypted message whatever mode the account is in.
_ENCRYPTED_FAULTS = ("bad_msg_signature", "wrong_appid_inside")
_STRANGER = "wxsomebodyelse00001"


def call_back(fields: message_xml.Fields, *, openid: str, fault: str, now: datetime) -> list[Callback]:
    """Send one message or event to the site; returns the tries, of which the last one counts.

    Plain, compatible or safe as the account's mode says; up to three tries of 5 s with the same
    message. `fault` is one of Area.CALLBACK in rules/faults.py, or "". Never raises for what the site does.
    """

    def once(_: int) -> Callback:
        return _try(fields, openid=openid, fault=fault, now=now)

    if fault == "dup":
        with ThreadPoolExecutor(max_workers=2) as threads:
            return list(threads.map(once, range(2)))
    tries = [_hang_up(fields, openid=openid, now=now)] if fault == "slow_client" else []
    while len(tries) < _TRIES:
        tries.append(once(len(tries)))
        if not _is_lost(tries[-1]):
            break
    return tries


def notify(url: str, *, body: str, private_key: str, now: datetime) -> Delivery:
    """Send one signed payment notification; never raises for what the merchant does."""
    timestamp, nonce = int(now.timestamp()), secrets.token_hex(16)
    text = pay_crypto.answer_text(timestamp=timestamp, nonce=nonce, body=body)
    headers = {
        "Content-Type": "application/json",
        "Wechatpay-Timestamp": str(timestamp),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": settings.WECHAT_PAY["PUBLIC_KEY_ID"],
        "Wechatpay-Signature": pay_crypto.sign(private_key, text),
        "Wechatpay-Signature-Type": pay_crypto.SCHEME,
    }
    started = time.monotonic()
    try:
        with client("", within=_PATIENCE_SECONDS) as http:
            answer = http.post(url, content=body.encode(), headers=headers)
    except httpx2.TransportError as error:
        return Delivery(status=None, answer=type(error).__name__, milliseconds=_since(started))
    return Delivery(status=answer.status_code, answer=answer.text[:300], milliseconds=_since(started))


def _is_lost(answer: Callback) -> bool:
    """No answer, or a broken site: WeChat tries again."""
    return answer.status is None or answer.status >= httpx2.codes.INTERNAL_SERVER_ERROR


def _try(fields: message_xml.Fields, *, openid: str, fault: str, now: datetime) -> Callback:
    query, body = _sealed(fields, openid=openid, fault=fault, now=now)
    started = time.monotonic()
    try:
        with client("", within=_PATIENCE_SECONDS) as http:
            answer = http.post(settings.SANDBOX["CALLBACK_URL"], params=query, content=body, headers=_XML)
    except httpx2.TransportError as error:
        return Callback(status=None, reply=None, trouble=type(error).__name__, milliseconds=_since(started))
    reply, trouble = None, ""
    try:
        reply = _reply_text(answer, openid=openid)
    except BadReply as error:
        trouble = str(error)
    return Callback(status=answer.status_code, reply=reply, trouble=trouble, milliseconds=_since(started))


def _hang_up(fields: message_xml.Fields, *, openid: str, now: datetime) -> Callback:
    """Send the message, read nothing for 5 s, and drop the connection."""
    query, body = _sealed(fields, openid=openid, fault="", now=now)
    started = time.monotonic()
    with (
        suppress(httpx2.TransportError),
        client("", within=_PATIENCE_SECONDS) as http,
        http.stream("POST", settings.SANDBOX["CALLBACK_URL"], params=query, content=body, headers=_XML),
    ):
        time.sleep(max(0.0, _PATIENCE_SECONDS - (time.monotonic() - started)))
    return Callback(status=None, reply=None, trouble="hung up", milliseconds=_since(started))


def _sealed(fields: message_xml.Fields, *, openid: str, fault: str, now: datetime) -> tuple[dict[str, str], bytes]:
    """The query and the body of one try, in the account's mode, spoilt as the fault says."""
    account = settings.WECHAT_OA
    token = secrets.token_hex(8) if fault == "bad_signature" else account["TOKEN"]
    signed_at = now - _STALE if fault == "stale_timestamp" else now
    timestamp, nonce = str(int(signed_at.timestamp())), secrets.token_hex(8)
    message = _spoilt(message_xml.render(fields), fault=fault)
    query = {
        "signature": message_crypto.signature(token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "openid": openid,
    }
    if account["MODE"] == "plain" and fault not in _ENCRYPTED_FAULTS:
        return query, message.encode()
    ciphertext = message_crypto.encrypt(
        message.encode(),
        aes_key=account["AES_KEY"],
        app_id=_STRANGER if fault == "wrong_appid_inside" else account["APP_ID"],
        random=secrets.token_hex(8).encode(),
    )
    query["encrypt_type"] = "aes"
    signer = secrets.token_hex(8) if fault == "bad_msg_signature" else token
    query["msg_signature"] = message_crypto.signature(signer, timestamp, nonce, ciphertext)
    outer: Mapping[str, str | int] = {"ToUserName": account["ORIGINAL_ID"]}
    if account["MODE"] == "compatible":
        outer = fields
    return query, message_xml.render({**outer, "Encrypt": ciphertext}).encode()


def _spoilt(message: str, *, fault: str) -> str:
    if fault == "malformed_xml":
        return message[: len(message) // 2]
    return message_xml.entity_bomb(message) if fault == "entity_bomb" else message


def _reply_text(answer: httpx2.Response, *, openid: str) -> str | None:
    if answer.status_code != httpx2.codes.OK:
        raise BadReply(f"HTTP {answer.status_code}")
    if answer.content.strip() in (b"", b"success"):
        return None
    try:
        reply = message_xml.parse(answer.content)
        if "Encrypt" in reply or settings.WECHAT_OA["MODE"] == "safe":
            reply = message_xml.parse(_opened(reply))
    except (message_xml.NotXml, message_crypto.NotDecryptable) as error:
        raise BadReply(str(error)) from None
    if reply.get("ToUserName") != openid or reply.get("FromUserName") != settings.WECHAT_OA["ORIGINAL_ID"]:
        raise BadReply("ToUserName and FromUserName are not swapped")
    if not reply.get("CreateTime", "").isdigit():
        raise BadReply("CreateTime")
    if reply.get("MsgType") == "text":
        return reply.get("Content", "")
    return f"[{reply.get('MsgType', '')}]"


def _opened(reply: dict[str, str]) -> bytes:
    account = settings.WECHAT_OA
    ciphertext = reply.get("Encrypt", "")
    signed = (account["TOKEN"], reply.get("TimeStamp", ""), reply.get("Nonce", ""), ciphertext)
    if not message_crypto.is_signature_of(reply.get("MsgSignature", ""), *signed):
        raise BadReply("MsgSignature")
    return message_crypto.decrypt(ciphertext, aes_key=account["AES_KEY"], app_id=account["APP_ID"])


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
