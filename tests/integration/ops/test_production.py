"""config.settings.production: complete or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from config import demo_keys, env

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
_PUBLIC = (
    _KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
COMPLETE = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "k7Yw2pR9vT4sX1zQ8mN5bC3hJ6gF0dLaKeUiOyPtRwEqZxVnB7sM",
    "ALLOWED_HOSTS": "chat.example.com",
    "PUBLIC_URL": "https://chat.example.com",
    "DATABASE_URL": "postgres://chatloop:secret@127.0.0.1:5432/chatloop",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "WECHAT_OA_ORIGINAL_ID": "gh_0123456789ab",
    "WECHAT_OA_APP_ID": "wx0123456789abcdef",
    "WECHAT_OA_APP_SECRET": "0123456789abcdef0123456789abcdef",
    "WECHAT_OA_TOKEN": "a-token-of-our-own",
    "WECHAT_OA_AES_KEY": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
    "WECHAT_PAY_MCH_ID": "1612345678",
    "WECHAT_PAY_APP_ID": "wx0123456789abcdef",
    "WECHAT_PAY_SERIAL_NO": "0123456789ABCDEF0123456789ABCDEF01234567",
    "WECHAT_PAY_PRIVATE_KEY": _PRIVATE,
    "WECHAT_PAY_API_V3_KEY": "0123456789abcdef0123456789abcdef",
    "WECHAT_PAY_PUBLIC_KEY_ID": "PUB_KEY_ID_0116123456782026112100000000000001",
    "WECHAT_PAY_PUBLIC_KEY": _PUBLIC,
}


def _check(var: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "CHATLOOP_VAR": str(var), **COMPLETE, **changes}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=env.ROOT,
        env={name: value for name, value in environment.items() if value},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_complete_environment_passes_the_deployment_check(tmp_path: Path) -> None:
    result = _check(tmp_path)

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "WECHAT_PAY_PRIVATE_KEY"])
def test_a_missing_variable_gets_one_line_with_its_name(tmp_path: Path, name: str) -> None:
    result = _check(tmp_path, **{name: ""})

    assert result.returncode == 2
    assert result.stderr == f"Chatloop cannot start: {name} must be set; see docs/operations.md\n"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name the hosts of this site"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must have at least 50 characters"),
        ({"DATABASE_URL": "sqlite:///chatloop.sqlite3"}, "DATABASE_URL must name a PostgreSQL database"),
        ({"PUBLIC_URL": "http://chat.example.com"}, "PUBLIC_URL must be an https address"),
        ({"WECHAT_OA_API_URL": "http://api.weixin.qq.com"}, "WECHAT_OA_API_URL must be an https address"),
        (
            {"WECHAT_PAY_API_URL": "https://chat.example.com/sandbox/wechatpay"},
            "a provider's API_URL must not lead to this site",
        ),
        ({"WECHAT_OA_APP_ID": "wxdemo000000000001"}, "the demonstration's WeChat account must not be used"),
    ],
)
def test_an_unsafe_value_is_refused(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    result = _check(tmp_path, **changes)

    assert (result.returncode, result.stderr) == (2, f"Chatloop cannot start: {reason}\n")


def test_a_secret_of_the_demonstration_is_refused(tmp_path: Path) -> None:
    keys = demo_keys.load_or_create(tmp_path)

    result = _check(tmp_path, WECHAT_PAY_API_V3_KEY=keys.api_v3_key)

    assert (result.returncode, result.stderr) == (
        2,
        "Chatloop cannot start: a secret of the demonstration must not be used\n",
    )
