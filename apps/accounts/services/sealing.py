"""What must not lie in the database in the clear: hashed when we only compare it, encrypted when we need it back."""

import base64

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac


def keyed_hash(purpose: str, value: str) -> str:
    """64 hex digits that nobody can compute, or guess a short value from, without SECRET_KEY."""
    return salted_hmac(f"accounts.{purpose}", value, algorithm="sha256").hexdigest()


def seal(purpose: str, text: str) -> str:
    """Encrypt a text under SECRET_KEY."""
    return _cipher(purpose).encrypt(text.encode()).decode()


def unseal(purpose: str, sealed: str) -> str:
    """The text back. Raises cryptography.fernet.InvalidToken if it was sealed with another key."""
    return _cipher(purpose).decrypt(sealed.encode()).decode()


def _cipher(purpose: str) -> MultiFernet:
    """Seals with SECRET_KEY; what older keys sealed still opens."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([_cipher_of(key, purpose) for key in keys])


def _cipher_of(secret: str | bytes, purpose: str) -> Fernet:
    key = salted_hmac(f"accounts.seal.{purpose}", b"", secret=secret, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
