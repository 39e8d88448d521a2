"""Keys of the embedded set-up: made at first run, kept under the data folder, never in the repository."""

import fcntl
import json
import os
import secrets
import string
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class DemoKeys:
    """Both halves of every secret that the site shares with its sandbox; PEM texts and plain strings."""

    secret_key: str
    person_key: str
    sealing_key: str
    wechat_app_secret: str
    wechat_token: str
    wechat_aes_key: str
    merchant_private_key: str
    merchant_public_key: str
    platform_private_key: str
    platform_public_key: str
    api_v3_key: str
    model_api_key: str


_NAMES = {field.name for field in fields(DemoKeys)}
# What a folder of an older release may lack.
_LATER = {"person_key", "sealing_key"}


def load_or_create(directory: Path) -> DemoKeys:
    """Read the keys of this data folder, and make once those that it lacks; processes that start together agree.

    A folder of an older release keeps the keys that it has. Raises ImproperlyConfigured when the folder cannot be
    written or read, or the file is damaged.
    """
    path = directory / "keys.json"
    try:
        if not path.exists() or _NAMES - _LATER <= _read(path).keys() < _NAMES:
            _complete(path)
        return DemoKeys(**_read(path))
    except OSError as error:
        raise ImproperlyConfigured(f"the data folder {directory} cannot be used ({error.strerror})") from error
    except (ValueError, TypeError, AttributeError):  # not chained: its words may quote a key
        raise ImproperlyConfigured(f"{path} cannot be read; put it back, or move it away to get new keys") from None


def are_among(values: Collection[str], directory: Path) -> bool:
    """Is one of these values a secret of this data folder's demonstration?"""
    path = directory / "keys.json"
    return path.exists() and not set(json.loads(path.read_text("utf-8")).values()).isdisjoint(values)


def _read(path: Path) -> dict[str, str]:
    return json.loads(path.read_text("utf-8"))  # type: ignore[no-any-return]


def _complete(path: Path) -> None:
    """Add what is missing while no other process does, and put the file in place whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = _read(path) if path.exists() else {}
        if keys.keys() != _NAMES:
            keys = asdict(_generate()) | keys
            draft = path.with_name(f"keys.{os.getpid()}.json")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(keys, indent=1))
            draft.replace(path)
    finally:
        os.close(folder)


def _generate() -> DemoKeys:
    merchant_private, merchant_public = _rsa_pair()
    platform_private, platform_public = _rsa_pair()
    return DemoKeys(
        secret_key=secrets.token_urlsafe(48),
        person_key=secrets.token_urlsafe(48),
        sealing_key=secrets.token_urlsafe(48),
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
