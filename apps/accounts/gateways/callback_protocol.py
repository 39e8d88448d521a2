"""The official account's callback as WeChat speaks it: signatures, XML, and AES in safe mode.

wechatpy parses and encrypts. Signatures are ours: its comparison is not constant-time, and it
does not look at the age of a message.
"""

import hashlib
import hmac
import re
import secrets
import struct
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict
from django.conf import settings

from apps.accounts import rules
from apps.accounts.contracts import CallbackRequest
from apps.accounts.errors import CallbackForged

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# What xmltodict and wechatpy raise on bodies that are not WeChat's; LookupError is also an encoding unknown to us.
_UNREADABLE = (ExpatError, LookupError, TypeError, AttributeError, ValueError, RecursionError)
# Opening and closing tags. WeChat's longest events have a few dozen; reading takes the square of their depth.
_MOST_TAGS = 1000
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class MessageKind(Enum):
    """What a follower did, as far as we act on it."""

    TEXT = "text"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    SCAN = "scan"
    # A picture, a voice, a place: sent by a person, and nothing that we can read.
    UNREAD = "unread"
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
    is_encrypted: bool
    # Of a parametric QR code, when one was scanned; following by it is FOLLOW with a scene.
    scene: str = ""
    ticket: str = ""


def signatures_of(request: CallbackRequest, *, now: datetime) -> frozenset[str]:
    """The fresh signatures of WeChat's that a request carries, in whatever mode: none means that it is forged."""
    if not rules.is_fresh(request.timestamp, now=now):
        return frozenset()
    found = {request.signature} if _signs(request.signature, request) else set()
    encrypted = _encrypted_part(request.body) if request.msg_signature else None
    if encrypted is not None and _signs(request.msg_signature, request, encrypted):
        found.add(request.msg_signature)
    return frozenset(found)


def open_message(request: CallbackRequest, *, signatures: Collection[str]) -> Incoming:
    """Read one POST in the mode that settings name, if the signature that this mode asks for is among `signatures`.

    Raises CallbackForged, MessageUnreadable.
    """
    mode = settings.WECHAT_OA["MODE"]
    is_encrypted = request.encrypt_type == "aes"
    if (is_encrypted and mode == "plain") or (not is_encrypted and mode == "safe"):
        raise CallbackForged()
    if (request.msg_signature if is_encrypted else request.signature) not in signatures:
        raise CallbackForged()
    # In compatible mode an encrypted body also holds the plain fields; they are not signed and not read.
    xml = _decrypt(_encrypted_part(request.body) or "") if is_encrypted else request.body
    message = _read(xml, is_encrypted=is_encrypted)
    # One token may serve several accounts, and the openids of another one are nobody here.
    if message.account != settings.WECHAT_OA["ORIGINAL_ID"]:
        raise CallbackForged()
    return message


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
    return str(_crypto().encrypt_message(xml, secrets.token_hex(8), str(seconds)))


def _signs(signature: str, request: CallbackRequest, *signed: str) -> bool:
    parts = sorted([settings.WECHAT_OA["TOKEN"], request.timestamp, request.nonce, *signed])
    expected = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def _encrypted_part(body: bytes) -> str | None:
    """The Encrypt element, which is what `msg_signature` covers."""
    try:
        encrypted = xmltodict.parse(_measured(body))["xml"]["Encrypt"]
    except _UNREADABLE:
        return None
    return encrypted if isinstance(encrypted, str) else None


def _measured(xml: bytes) -> bytes:
    if xml.count(b"<") > _MOST_TAGS:
        raise ValueError("more tags than any message has")
    return xml


def _decrypt(encrypted: str) -> bytes:
    try:
        decryption = _wechatpy().crypto.PrpCrypto(_crypto().key)
        return str(decryption.decrypt(encrypted, settings.WECHAT_OA["APP_ID"])).encode()
    except (_wechatpy().exceptions.InvalidAppIdException, ValueError, IndexError, struct.error):
        raise CallbackForged() from None


def _crypto() -> Any:
    account = settings.WECHAT_OA
    return _wechatpy().crypto.WeChatCrypto(account["TOKEN"], account["AES_KEY"], account["APP_ID"])


def _read(xml: bytes, *, is_encrypted: bool) -> Incoming:
    try:
        message = _wechatpy().parse_message(_measured(xml))
        openid, account = _name(message.source), _name(message.target)
        sent_at = datetime.fromtimestamp(int(message.time), UTC)
        message_id = int(message.id or 0)
    except (*_UNREADABLE, OverflowError, OSError):
        raise MessageUnreadable() from None
    return Incoming(
        kind=_kind(message),
        openid=openid,
        account=account,
        text=_text(message),
        dedupe=_dedupe(message, openid, message_id),
        sent_at=sent_at,
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


def _text(message: Any) -> str:
    """What was written, or the word behind the item of the menu that was chosen."""
    if message.type == "text":
        return message.content or ""
    return _optional(message, "key") if getattr(message, "event", "") == "click" else ""


def _kind(message: Any) -> MessageKind:
    if message.type == "text" and isinstance(message.content, str | None):
        return MessageKind.TEXT
    if message.type in ("image", "voice", "video", "shortvideo", "location", "link"):
        return MessageKind.UNREAD
    events = {
        "click": MessageKind.TEXT,
        "subscribe": MessageKind.FOLLOW,
        "subscribe_scan": MessageKind.FOLLOW,
        "subscribe_scan_product": MessageKind.FOLLOW,
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


def _wechatpy() -> Any:
    """The library, once there is a message to read: it brings every interface of WeChat's, which no process needs."""
    import wechatpy.crypto  # noqa: PLC0415

    return wechatpy


def _cdata(text: str) -> str:
    """A text as CDATA that nothing in it can end early, without the characters that XML does not have."""
    return f"<![CDATA[{_NOT_IN_XML.sub('', text).replace(']]>', ']]]]><![CDATA[>')}]]>"
