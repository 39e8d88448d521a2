"""What was sealed and hashed under SECRET_KEY, before there was SEALING_KEY: still opened and found, never made."""

import base64

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.encoding import force_bytes

# The salt of a purpose that was not accounts'.
_SALTS = {"payer": "apps.orders.payer"}


def unseal(purpose: str, sealed: str) -> str:
    """The text back. Raises cryptography.fernet.InvalidToken if no SECRET_KEY of the settings has sealed it."""
    keys = [key for secret in _secrets() for key in (_of_accounts(secret, purpose), _of_channels(secret))]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys]).decrypt(sealed.encode()).decode()


def keyed_hashes(purpose: str, value: str) -> list[str]:
    """The hash of a value under each SECRET_KEY."""
    salt = _SALTS.get(purpose, f"accounts.{purpose}")
    return [salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest() for secret in _secrets()]


def _secrets() -> list[str | bytes]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _of_accounts(secret: str | bytes, purpose: str) -> bytes:
    return salted_hmac(f"accounts.seal.{purpose}", b"", secret=secret, algorithm="sha256").digest()


def _of_channels(secret: str | bytes) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"chatloop channel keys")
    return derivation.derive(force_bytes(secret))
