"""The first release's rows come through every migration since, on both engines, and its people stay who they are.

What was under way then comes to its end, and what was sealed then opens, and is sealed by the present key.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config import env


@pytest.fixture
def database_url(tmp_path: Path, django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """An empty database on the engine of this run."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'landed.sqlite3'}"
        return
    usual = connection.settings_dict
    name = f"{usual['NAME']}_landed"
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
    yield f"postgres://{usual['USER']}:{usual['PASSWORD']}@{usual['HOST']}:{usual['PORT']}/{name}"
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_first_release_comes_through(tmp_path: Path, database_url: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "CHATLOOP_VAR": str(tmp_path),
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
        "SECRET_KEY": "the-first-release-sealed-with-this-key-of-many-signs",
    }

    run = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", "from tests.integration.ops.landed_site import main; main()"],
        cwd=env.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == {
        "carol's answers": [["finished", "an answer"], ["finished", "an answer"], ["running", "so far"]],
        "thoughts": [["an answer", "a thought"]],
        "usages": [["demo-swift/1", 0, "counted"], ["demo-swift/1", 0, "counted"], ["demo-swift/2", 0, "counted"]],
        "asked at": [["demo-swift/1", 1000], ["demo-swift/1", 1000], ["demo-swift/2", 1500]],
        "present prices": [["demo-deep/1", 5000], ["demo-steady/1", 2000], ["demo-swift/3", 1000]],
        "opened": {
            "session": "k" * 32,
            "second_factor": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "reply": "first reply",
            "channel_key": "sk-of-the-first-release",
        },
        "olga's codes": ["", ""],
        "resealed": [
            ["accounts.MemberSession.key_sealed", 1, 0],
            ["accounts.SecondFactor.secret_sealed", 1, 0],
            ["accounts.CallbackMessage.reply_sealed", 1, 0],
            ["chat.ChannelKey.api_key_sealed", 1, 0],
        ],
        "opened again": True,
        "orders": ["closed", "delivered", "delivered", "delivered", "delivered"],
        "holds": ["expired"],
        "hash as it was": True,
        "audit": "",
        "alice is recognised": True,
        "bob is not": True,
        "granted and left by purse": [
            ["points", "gift", 262, 247],
            ["quota", "gift", 9000, 9000],
            ["quota", "paid", 400000, 400000],
        ],
        "points of the new account": 0,
        "draws so far": 2,
        "signed in today": True,
        "signing in again": "already_signed_in",
        "left of the limited item": 0,
        "free messages gone": 2,
        "carol draws": "member_blocked",
        "a draw is changed": "IntegrityError",
        "audit afterwards": "",
    }
