"""Channel keys at rest: Fernet with a key derived from SECRET_KEY; old secrets still open what they sealed."""

import base64

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes


def seal(plain: str) -> str:
    """Encrypt a secret for the database."""
    return _fernet().encrypt(plain.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt a secret from the database.

    Raises cryptography.fernet.InvalidToken when SECRET_KEY was changed without SECRET_KEY_FALLBACKS.
    """
    return _fernet().decrypt(sealed.encode()).decode()


def _fernet() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derive(force_bytes(secret))) for secret in secrets])


def _derive(secret: bytes) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"chatloop channel keys")
    return base64.urlsafe_b64encode(derivation.derive(secret))
