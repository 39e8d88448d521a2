"""Keys from the environment, each tried before the site starts: a broken one would fail members later."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_pem_x509_certificates

from config import env

_SMALLEST = 2048  # bits
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


def aes_key(name: str) -> str:
    """An EncodingAESKey: base64 of 32 bytes without its padding."""
    return env.shaped(name, "[A-Za-z0-9]{43}", "the 43 letters and digits of the account's EncodingAESKey")


def api_v3_key(name: str) -> str:
    """An APIv3 key, which is 32 bytes as they are."""
    return env.shaped(name, "[A-Za-z0-9]{32}", "the 32 letters and digits of the merchant's APIv3 key")


def private_key(name: str) -> str:
    """A private RSA key as PEM, which has signed and whose signature was good."""
    pem = env.several_lines(name)
    key = _private(pem)
    env.refuse(
        key is None or not _signs(key, key.public_key()), f"{name} must be a private RSA key of 2048 bits as PEM"
    )
    return pem


def public_key(name: str) -> str:
    """A public RSA key as PEM."""
    pem = env.several_lines(name)
    env.refuse(_public(pem) is None, f"{name} must be a public RSA key of 2048 bits as PEM")
    return pem


def certificate_keys(name: str) -> tuple[tuple[str, str], ...]:
    """Serial number (upper-case hexadecimal) and public RSA key as PEM of each certificate; none is usual."""
    pem = env.several_lines(name, is_required=False)
    try:
        certificates = load_pem_x509_certificates(pem.encode()) if pem else []
    except _UNREADABLE:
        certificates = []
    found = tuple((f"{one.serial_number:X}", _pem(one.public_key())) for one in certificates)
    are_good = all(_public(key) is not None for _, key in found)
    env.refuse(bool(pem) and not (found and are_good), f"{name} must be certificates of RSA keys of 2048 bits as PEM")
    return found


def are_a_pair(private_pem: str, public_pem: str) -> bool:
    """Whether the second key confirms what the first one signs."""
    private, public = _private(private_pem), _public(public_pem)
    return private is not None and public is not None and _signs(private, public)


def _pem(key: CertificatePublicKeyTypes) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _private(pem: str) -> RSAPrivateKey | None:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except _UNREADABLE:
        return None
    return key if isinstance(key, RSAPrivateKey) and key.key_size >= _SMALLEST else None


def _public(pem: str) -> RSAPublicKey | None:
    try:
        key = load_pem_public_key(pem.encode())
    except _UNREADABLE:
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _SMALLEST else None


def _signs(private: RSAPrivateKey, public: RSAPublicKey) -> bool:
    message = b"chatloop"
    signature = private.sign(message, PKCS1v15(), hashes.SHA256())
    try:
        public.verify(signature, message, PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
