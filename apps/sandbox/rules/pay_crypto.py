"""Signatures and encryption of WeChat Pay v3."""

import base64
import re
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

SCHEME = "WECHATPAY2-SHA256-RSA2048"
_LONGEST_NONCE = 32
_MEMBER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """The members of a merchant's Authorization header."""

    mch_id: str
    nonce: str
    timestamp: int
    serial_no: str
    signature: str


def parse_authorization(header: str) -> Authorization | None:
    """Read the header, whose members may come in any order; None when it is not of this scheme."""
    scheme, _, rest = header.partition(" ")
    members = dict(_MEMBER.findall(rest))
    timestamp = members.get("timestamp", "")
    if scheme != SCHEME or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return None
    if len(members.get("nonce_str", "")) > _LONGEST_NONCE:
        return None
    try:
        return Authorization(
            mch_id=members["mchid"],
            nonce=members["nonce_str"],
            timestamp=int(timestamp),
            serial_no=members["serial_no"],
            signature=members["signature"],
        )
    except KeyError:
        return None


def request_text(*, method: str, target: str, timestamp: int, nonce: str, body: str) -> str:
    """What a merchant signs; `target` is the path with its query, as sent."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n"


def answer_text(*, timestamp: int, nonce: str, body: str) -> str:
    """What the platform signs, in answers and notifications alike."""
    return f"{timestamp}\n{nonce}\n{body}\n"


def sign(private_key: str, text: str) -> str:
    """RSA PKCS#1 v1.5 with SHA-256 in base64; the key is a PEM text."""
    return base64.b64encode(_private(private_key).sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()


def is_signed(public_key: str, text: str, signature: str) -> bool:
    """Whether the signature belongs to the text and the key, a PEM text."""
    try:
        _public(public_key).verify(
            base64.b64decode(signature, validate=True), text.encode(), PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def encrypt_resource(plaintext: str, *, key: str, nonce: str, associated_data: str) -> str:
    """AES-256-GCM in base64, the tag appended; key of 32 and nonce of 12 ASCII characters."""
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), plaintext.encode(), associated_data.encode())
    return base64.b64encode(sealed).decode()


@lru_cache(maxsize=8)
def _private(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("WeChat Pay signs with RSA keys")
    return key


@lru_cache(maxsize=8)
def _public(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise TypeError("WeChat Pay signs with RSA keys")
    return key
