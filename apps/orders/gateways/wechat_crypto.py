"""Signatures and sealed resources of WeChat Pay API v3; pure functions, no network and no clock."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.orders.rules import MAX_SKEW_SECONDS

SCHEME = "WECHATPAY2-SHA256-RSA2048"
_PROBE = "WECHATPAY/SIGNTEST/"


class Untrusted(Exception):
    """A signature, time or seal that is not in order; the text says which."""


class Probe(Untrusted):
    """A deliberately wrong signature by which WeChat Pay tests that we look."""


def authorization(
    *,
    private_key: RSAPrivateKey,
    merchant_id: str,
    serial: str,
    method: str,
    target: str,
    body: str,
    timestamp: int,
    nonce: str,
) -> str:
    """The Authorization header of a request; `target` is the path and query as sent, without the host."""
    signature = sign(private_key, f"{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n")
    return (
        f'{SCHEME} mchid="{merchant_id}",nonce_str="{nonce}",timestamp="{timestamp}",'
        f'serial_no="{serial}",signature="{signature}"'
    )


def sign(private_key: RSAPrivateKey, message: str) -> str:
    """RSA PKCS#1 v1.5 over SHA-256, in base64."""
    return base64.b64encode(private_key.sign(message.encode(), PKCS1v15(), hashes.SHA256())).decode()


def verify(headers: Mapping[str, str], body: bytes, *, keys: Mapping[str, RSAPublicKey], now: datetime) -> None:
    """Check the signature of a response or notification with the key that its serial names.

    `headers` must find names in any case. Raises Untrusted, or Probe.
    """
    timestamp = headers.get("Wechatpay-Timestamp", "")
    nonce = headers.get("Wechatpay-Nonce", "")
    signature = headers.get("Wechatpay-Signature", "")
    serial = _plain_serial(headers.get("Wechatpay-Serial", ""))
    if headers.get("Wechatpay-Signature-Type", SCHEME) != SCHEME:
        raise Untrusted("signature type")
    if not _is_fresh(timestamp, now):
        raise Untrusted("timestamp")
    if signature.startswith(_PROBE):
        raise Probe("signature probe")
    known = {_plain_serial(name): key for name, key in keys.items()}
    if serial not in known:
        raise Untrusted("unknown serial")
    message = timestamp.encode() + b"\n" + nonce.encode() + b"\n" + body + b"\n"
    try:
        known[serial].verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):  # binascii.Error is a ValueError
        raise Untrusted("signature") from None


def _plain_serial(serial: str) -> str:
    """A certificate's number as everybody may write it: in either case, with zeros before it or without."""
    return serial.upper().lstrip("0")


def _is_fresh(timestamp: str, now: datetime) -> bool:
    # Longer digits than a date can have are not worth converting.
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= MAX_SKEW_SECONDS


def open_resource(api_v3_key: bytes, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Decrypt the `resource` of a notification.

    Raises Untrusted.
    """
    if resource.get("algorithm") != "AEAD_AES_256_GCM":
        raise Untrusted("algorithm")
    try:
        plain = AESGCM(api_v3_key).decrypt(
            str(resource["nonce"]).encode(),
            base64.b64decode(str(resource["ciphertext"]), validate=True),
            str(resource.get("associated_data") or "").encode(),
        )
        opened = json.loads(plain)
    except (InvalidTag, KeyError, ValueError, RecursionError):
        raise Untrusted("resource") from None
    if not isinstance(opened, dict):
        raise Untrusted("resource")
    return opened
