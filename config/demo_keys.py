"""Keys of the embedded set-up: made at first run, kept under the data folder, never in the repository."""

import json
import os
import secrets
import string
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class DemoKeys:
    """Both halves of every secret that the site shares with its sandbox; PEM texts and plain strings."""

    secret_key: str
    wechat_app_secret: str
    wechat_token: str
    wechat_aes_key: str
    merchant_private_key: str
    merchant_public_key: str
    platform_private_key: str
    platform_public_key: str
    api_v3_key: str
    model_api_key: str


def load_or_create(directory: Path) -> DemoKeys:
    """Read the keys of this data folder, or make them once; two first runs at a time agree on one set.

    Raises ImproperlyConfigured when the folder cannot be written or read.
    """
    path = directory / "keys.json"
    try:
        if not path.exists():
            _create(path)
        return DemoKeys(**json.loads(path.read_text()))
    except OSError as error:
        raise ImproperlyConfigured(f"the data folder {directory} cannot be used ({error.strerror})") from error


def are_among(values: Collection[str], directory: Path) -> bool:
    """Is one of these values a secret of this data folder's demonstration?"""
    path = directory / "keys.json"
    return path.exists() and not set(json.loads(path.read_text()).values()).isdisjoint(values)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"keys.{os.getpid()}.json")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(_generate()), indent=1))
    try:
        os.link(draft, path)  # fails if another process was first; its keys win
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _generate() -> DemoKeys:
    merchant_private, merchant_public = _rsa_pair()
    platform_private, platform_public = _rsa_pair()
    return DemoKeys(
        secret_key=secrets.token_urlsafe(48),
        wechat_app_secret=secrets.token_hex(16),
        wechat_token=secrets.token_hex(12),
        wechat_aes_key=_letters(43),
        merchant_private_key=merchant_private,
        merchant_public_key=merchant_public,
        platform_private_key=platform_private,
        platform_public_key=platform_public,
        api_v3_key=_letters(32),
        model_api_key=f"sk-demo-{secrets.token_hex(16)}",
    )


def _letters(length: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def _rsa_pair() -> tuple[str, str]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )
