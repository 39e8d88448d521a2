"""The official account's callback as WeChat speaks it: signatures, XML, and AES in safe mode.

wechatpy parses and encrypts. Signatures are ours: its comparison is not constant-time, and it
does not look at the age of a message.
"""

import hashlib
import hmac
import re
import secrets
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict
from django.conf import settings
from wechatpy import parse_message
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException

from apps.accounts import rules
from apps.accounts.contracts import CallbackRequest
from apps.accounts.errors import CallbackForged

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# What xmltodict and wechatpy raise on bodies that are not WeChat's.
_UNREADABLE = (ExpatError, KeyError, TypeError, AttributeError, ValueError)
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class MessageKind(Enum):
    """What a follower did, as far as we act on it."""

    TEXT = "text"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    SCAN = "scan"
    OTHER = "other"


class MessageUnreadable(Exception):
    """A body with a valid signature that is not a message we know."""


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One verified message. `openid` comes from the signed or encrypted XML, never from the query."""

    kind: MessageKind
    openid: str
    account: str
    text: str
    dedupe: str
    sent_at: datetime
    signature: str
    is_encrypted: bool
    # Of a parametric QR code, when one was scanned; following by it is FOLLOW with a scene.
    scene: str = ""
    ticket: str = ""


def verify_url(request: CallbackRequest, *, now: datetime) -> None:
    """Check the signature and age of WeChat's GET, which is plain in every mode. Raises CallbackForged."""
    _check(request.signature, request, now=now)


def open_message(request: CallbackRequest, *, now: datetime) -> Incoming:
    """Verify and read one POST, in the mode that settings name.

    Raises CallbackForged, MessageUnreadable.
    """
    mode = settings.WECHAT_OA["MODE"]
    is_encrypted = request.encrypt_type == "aes"
    if (is_encrypted and mode == "plain") or (not is_encrypted and mode == "safe"):
        raise CallbackForged()
    if not is_encrypted:
        _check(request.signature, request, now=now)
        return _read(request.body, signature=request.signature, is_encrypted=False)
    # In compatible mode the body also holds the plain fields; they are not signed and not read.
    encrypted = _encrypted_part(request.body)
    _check(request.msg_signature, request, encrypted, now=now)
    return _read(_decrypt(encrypted), signature=request.msg_signature, is_encrypted=True)


def passive_reply(message: Incoming, text: str, *, now: datetime) -> str:
    """The XML that answers a message with a text, encrypted if the message was."""
    seconds = int(now.timestamp())
    xml = (
        f"<xml><ToUserName>{_cdata(message.openid)}</ToUserName>"
        f"<FromUserName>{_cdata(message.account)}</FromUserName>"
        f"<CreateTime>{seconds}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content>{_cdata(text)}</Content></xml>"
    )
    if not message.is_encrypted:
        return xml
    account = settings.WECHAT_OA
    crypto = WeChatCrypto(account["TOKEN"], account["AES_KEY"], account["APP_ID"])
    return str(crypto.encrypt_message(xml, secrets.token_hex(8), str(seconds)))


def _check(signature: str, request: CallbackRequest, *signed: str, now: datetime) -> None:
    parts = sorted([settings.WECHAT_OA["TOKEN"], request.timestamp, request.nonce, *signed])
    expected = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    is_ours = hmac.compare_digest(expected.encode(), signature.encode())
    if not is_ours or not rules.is_fresh(request.timestamp, now=now):
        raise CallbackForged()


def _encrypted_part(body: bytes) -> str:
    """The Encrypt element; without it there is no signature to check."""
    try:
        encrypted = xmltodict.parse(body)["xml"]["Encrypt"]
    except _UNREADABLE:
        raise CallbackForged() from None
    if not isinstance(encrypted, str):
        raise CallbackForged()
    return encrypted


def _decrypt(encrypted: str) -> bytes:
    account = settings.WECHAT_OA
    crypto = WeChatCrypto(account["TOKEN"], account["AES_KEY"], account["APP_ID"])
    try:
        return str(PrpCrypto(crypto.key).decrypt(encrypted, account["APP_ID"])).encode()
    except (InvalidAppIdException, ValueError, IndexError, struct.error):
        raise CallbackForged() from None


def _read(xml: bytes, *, signature: str, is_encrypted: bool) -> Incoming:
    try:
        message = parse_message(xml)
        openid, account = _name(message.source), _name(message.target)
        sent_at = datetime.fromtimestamp(int(message.time), UTC)
        message_id = int(message.id or 0)
    except (*_UNREADABLE, OverflowError, OSError):
        raise MessageUnreadable() from None
    return Incoming(
        kind=_kind(message),
        openid=openid,
        account=account,
        text=message.content or "" if message.type == "text" else "",
        dedupe=_dedupe(message, openid, message_id),
        sent_at=sent_at,
        signature=signature,
        is_encrypted=is_encrypted,
        scene=_optional(message, "scene_id"),
        ticket=_optional(message, "ticket"),
    )


def _optional(message: Any, name: str) -> str:
    """A field of an event that only some events have; "" also for what is no text."""
    value = getattr(message, name, "")
    return value if isinstance(value, str) else ""


def _name(value: object) -> str:
    """An openid or account name as it is; a repeated element arrives as a list and is refused."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("not a WeChat name")
    return value


def _kind(message: Any) -> MessageKind:
    if message.type == "text" and isinstance(message.content, str | None):
        return MessageKind.TEXT
    events = {
        "subscribe": MessageKind.FOLLOW,
        "subscribe_scan": MessageKind.FOLLOW,
        "unsubscribe": MessageKind.UNFOLLOW,
        "scan": MessageKind.SCAN,
    }
    return events.get(getattr(message, "event", ""), MessageKind.OTHER)


def _dedupe(message: Any, openid: str, message_id: int) -> str:
    """What makes two deliveries the same message: MsgId, which events lack. Always within one sender."""
    if message_id and message.type != "event":
        return f"message|{openid}|{message_id}"
    key = getattr(message, "scene_id", None) or getattr(message, "key", None) or ""
    return f"event|{openid}|{message.time}|{getattr(message, 'event', message.type)}|{key}"


def _cdata(text: str) -> str:
    """A text as CDATA that nothing in it can end early, without the characters that XML does not have."""
    return f"<![CDATA[{_NOT_IN_XML.sub('', text).replace(']]>', ']]]]><![CDATA[>')}]]>"
