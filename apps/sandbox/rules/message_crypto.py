"""Signature and message encryption of the official account (plain, compatible and safe mode)."""

import base64
import binascii
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 32  # PKCS#7 padding to 32 bytes, though AES has blocks of 16: the protocol says so
_HEAD = 20  # 16 random bytes and the length of the message


class NotDecryptable(Exception):
    """The ciphertext is damaged, made with another key, or meant for another app."""


def signature(*parts: str) -> str:
    """SHA-1 in hex over the sorted parts: token, timestamp, nonce, and in safe mode the ciphertext."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def is_signature_of(given: str, *parts: str) -> bool:
    """Whether `given` signs the parts; takes the same time for every wrong answer."""
    return hmac.compare_digest(signature(*parts).encode(), given.encode())


def encrypt(message: bytes, *, aes_key: str, app_id: str, random: bytes) -> str:
    """AES-256-CBC in base64 over: 16 random bytes, length, message, app id. `aes_key` has 43 characters."""
    key = _key(aes_key)
    plain = random + struct.pack(">I", len(message)) + message + app_id.encode()
    padding = _BLOCK - len(plain) % _BLOCK
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    ciphertext = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    return base64.b64encode(ciphertext).decode()


def decrypt(ciphertext: str, *, aes_key: str, app_id: str) -> bytes:
    """The message inside; raises NotDecryptable."""
    key = _key(aes_key)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    try:
        plain = decryptor.update(base64.b64decode(ciphertext, validate=True)) + decryptor.finalize()
    except (ValueError, binascii.Error):
        raise NotDecryptable("not base64 of whole AES blocks") from None
    if not plain or not 1 <= plain[-1] <= _BLOCK:
        raise NotDecryptable("padding")
    plain = plain[: -plain[-1]]
    if len(plain) < _HEAD:
        raise NotDecryptable("too short")
    length = struct.unpack(">I", plain[16:_HEAD])[0]
    message, owner = plain[_HEAD : _HEAD + length], plain[_HEAD + length :]
    if not hmac.compare_digest(owner, app_id.encode()):
        raise NotDecryptable("app id")
    return message


def _key(aes_key: str) -> bytes:
    return base64.b64decode(aes_key + "=")
