"""config.settings.production: complete or not at all."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from config import env

_KEY, _PLATFORM_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
_PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
_PUBLIC, _PLATFORM_PUBLIC = (
    key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    for key in (_KEY, _PLATFORM_KEY)
)
COMPLETE = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "k7Yw2pR9vT4sX1zQ8mN5bC3hJ6gF0dLaKeUiOyPtRwEqZxVnB7sM",
    "PERSON_KEY": "p8Yw2pR9vT4sX1zQ8mN5bC3hJ6gF0dLaKeUiOyPtRwEqZxVnB7sM",
    "SEALING_KEY": "s4Yw2pR9vT4sX1zQ8mN5bC3hJ6gF0dLaKeUiOyPtRwEqZxVnB7sM",
    "ALLOWED_HOSTS": "chat.example.com",
    "PUBLIC_URL": "https://chat.example.com",
    "DATABASE_URL": "postgres://chatloop:secret@127.0.0.1:5432/chatloop",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "TRUSTED_PROXIES": "127.0.0.1/32",
    "PICTURES_DIR": tempfile.gettempdir(),
    "WECHAT_OA_ORIGINAL_ID": "gh_0123456789ab",
    "WECHAT_OA_APP_ID": "wx0123456789abcdef",
    "WECHAT_OA_APP_SECRET": "0123456789abcdef0123456789abcdef",
    "WECHAT_OA_TOKEN": "AtokenOfOurOwn",
    "WECHAT_OA_AES_KEY": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
    "WECHAT_PAY_MCH_ID": "1612345678",
    "WECHAT_PAY_APP_ID": "wx0123456789abcdef",
    "WECHAT_PAY_SERIAL_NO": "0123456789ABCDEF0123456789ABCDEF01234567",
    "WECHAT_PAY_PRIVATE_KEY": _PRIVATE,
    "WECHAT_PAY_API_V3_KEY": "0123456789abcdef0123456789abcdef",
    "WECHAT_PAY_PUBLIC_KEY_ID": "PUB_KEY_ID_0116123456782026112100000000000001",
    "WECHAT_PAY_PUBLIC_KEY": _PLATFORM_PUBLIC,
}


def _run(var: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "CHATLOOP_VAR": str(var), **COMPLETE, **changes}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=env.ROOT,
        env={name: value for name, value in environment.items() if value},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_a_complete_environment_passes_the_deployment_check(tmp_path: Path) -> None:
    result = _run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert (result.returncode, result.stderr) == (0, "")


ENTRIES = {
    "manage.py": (["manage.py", "check"], env.CANNOT_START),
    "web": (["-m", "uvicorn", "config.asgi:application", "--port", "1"], env.SERVER_CANNOT_START),
    "worker": (["-m", "celery", "-A", "config", "worker"], env.CANNOT_START),
    "beat": (["-m", "celery", "-A", "config.scheduler", "beat"], env.CANNOT_START),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_process_ends_with_one_line_that_names_the_variable(tmp_path: Path, entry: str) -> None:
    arguments, exit_code = ENTRIES[entry]

    result = _run(tmp_path, *arguments, WECHAT_OA_AES_KEY="short")

    reason = "WECHAT_OA_AES_KEY must be the 43 letters and digits of the account's EncodingAESKey"
    assert (result.returncode, result.stderr) == (exit_code, f"Chatloop cannot start: {reason}\n")


@pytest.mark.parametrize("name", ["config.settings.prodution", "config.settings", "config.settings.base", "os"])
def test_settings_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    result = _run(tmp_path, "manage.py", "check", DJANGO_SETTINGS_MODULE=name)

    reason = (
        "DJANGO_SETTINGS_MODULE must be config.settings.embedded, config.settings.production or config.settings.test"
    )
    assert (result.returncode, result.stderr) == (env.CANNOT_START, f"Chatloop cannot start: {reason}\n")
