"""The rows of each release come through every migration since, on both engines, and its people stay who they are.

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

KEYS = {
    "first": {"SECRET_KEY": "sealed-with"},
    "second": {"SECRET_KEY": "signed-with", "PERSON_KEY": "knew-people-by", "SEALING_KEY": "sealed-with"},
}


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


def lived_with(release: str, *, var: Path, database_url: str) -> Any:
    """What happened to the rows of this release, as landed_<release>.py tells."""
    environment = {
        "PATH": os.environ["PATH"],
        "CHATLOOP_VAR": str(var),
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
        # With which that release wrote them.
        **{name: f"the-{release}-release-{had}-this-key-of-many-signs" for name, had in KEYS[release].items()},
    }
    run = subprocess.run(
        [
            sys.executable,
            "manage.py",
            "shell",
            "-c",
            f"from tests.integration.ops.landed_{release} import main; main()",
        ],
        cwd=env.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_the_first_release_comes_through(tmp_path: Path, database_url: str) -> None:
    assert lived_with("first", var=tmp_path, database_url=database_url) == {
        "carol's answers": [["finished", "an answer"], ["finished", "an answer"], ["running", "so far"]],
        "thoughts": [["an answer", "a thought"]],
        "usages": [["demo-swift/1", 0, "counted"], ["demo-swift/1", 0, "counted"], ["demo-swift/2", 0, "counted"]],
        "asked at": [["demo-swift/1", 1000], ["demo-swift/1", 1000], ["demo-swift/2", 1500]],
        "present prices": [["demo-deep/1", 5000], ["demo-steady/1", 2000], ["demo-swift/3", 1000]],
        "opened": {
            "session": ["k" * 32],
            "second_factor": ["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"],
            "reply": ["first reply"],
            "channel_key": ["sk-of-the-first-release"],
        },
        "olga's codes": ["", ""],
        "resealed": [
            ["accounts.MemberSession.key_sealed", 1, 0],
            ["accounts.SecondFactor.secret_sealed", 1, 0],
            ["accounts.CallbackMessage.reply_sealed", 1, 0],
            ["chat.ChannelKey.api_key_sealed", 1, 0],
            ["chat.OwnKey.api_key_sealed", 0, 0],
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


def test_the_second_release_comes_through(tmp_path: Path, database_url: str) -> None:
    assert lived_with("second", var=tmp_path, database_url=database_url) == {
        # A channel's key became a row, a model's channel a route.
        "changed": ["chat.Channel.api_key_sealed", "chat.ChatModel.channel_id", "chat.ChatModel.upstream_name"],
        "audit": "",
        "opened": {
            "second_factor": ["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"],
            "reply": ["Welcome to Chatloop.", "Your sign-in code: 46CWKY"],
            "channel_key": ["sk-of-the-second-release", "sk-spare"],
        },
        "session": 1,
        "answers without a usage, and with": [0, 23],
        "balances that are not their lots": [],
        "granted and left by purse": [
            ["points", "gift", 490, 370],
            ["points", "paid", 15, 6],
            ["quota", "gift", 34700, 29700],
            ["quota", "paid", 710000, 696500],
        ],
        "olga's code": "",
        "is signed in": True,
        "models of carol": ["broken", "demo-deep", "demo-steady", "demo-swift", "drops", "vip"],
        "a draw is changed": "IntegrityError",
        "asked at": [
            ["demo-steady", "sk-of-the-second-release"],
            ["demo-swift", "sk-of-the-second-release"],
            ["demo-swift", "sk-of-the-second-release"],
        ],
        "turns": [1, 3, 5],
        "answers": [
            ["interrupted", "quota", "so far", 0],
            ["stopped", "quota", "so far", 0],
            ["interrupted", "free", "so far", 0],
            ["finished", "quota", "an answer", 3000],
            ["finished", "quota", "an answer", 2000],
            ["finished", "free", "an answer", 0],
        ],
        "holds under way": 0,
        "orders": ["closed", "closed", *["delivered"] * 6, "mismatch"],
        "delivered": [True, True],
        "proposals": ["done", "done", "rejected"],
        "odds": ["retired", "retired", "published"],
        "resealed": [
            ["accounts.CallbackMessage.reply_sealed", 0],
            ["accounts.MemberSession.key_sealed", 0],
            ["accounts.SecondFactor.secret_sealed", 0],
            ["chat.ChannelKey.api_key_sealed", 0],
            ["chat.OwnKey.api_key_sealed", 0],
        ],
        "spent by the key": 6500,
        "asked by the key": ["", "key_spend_cap_reached", "key_spend_cap_reached"],
        "dave is recognised": True,
        "alice takes away": {"messages": 27, "orders": 2, "draws": 4},
        "debts": [[3, 0], 0],
        "free messages left of frank": 1,
        "signing in again": "already_signed_in",
        "audit afterwards": "",
        "ended": [1, 6],
    }
