"""Walls that imports cannot see: the product keeps them, a line that would not is seen, no door stands open unused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.walls import WALLS, Wall, misnamed

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for folder in ("apps", "config")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
each = pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.name)

# For each wall: files that would break it, each by one line.
BREACHES = {
    "models are imported, not looked up": {
        "apps/chat/services/quota.py": "User = get_user_model()",
        "apps/chat/selectors/answers.py": 'apps.get_model("orders", "Order")',
        "apps/orders/services/placing.py": 'importlib.import_module("apps.marketing.models")',
        "apps/orders/admin.py": "row.product._meta.model._default_manager.all()",
        "apps/orders/views.py": "Order._base_manager.all()",
        "config/demo.py": 'import_string("apps.chat.models.Channel")',
        "apps/chat/views.py": "from django.contrib.auth import get_user_model as people",
    },
    "interfaces open no transaction and hold no lock": {
        "apps/chat/api/views.py": "with transaction.atomic(): pass",
        "apps/orders/views.py": "@atomic\ndef page(): pass",
        "apps/chat/admin/channels.py": 'Channel.objects.select_for_update(of=("self",))',
        "apps/accounts/admin/people.py": "selectors.lock_user(user_id)",
        "apps/orders/tasks.py": "transaction.on_commit(send)",
        "apps/marketing/handlers.py": "accounts.hold_member(user_id=user_id)",
        "apps/accounts/forms.py": "with atomic(): pass",
        "apps/chat/management/commands/generate.py": "with transaction.atomic(): pass",
        "config/admin_site.py": "with transaction.atomic(): pass",
    },
    "services talk to the network and to Redis through gateways": {
        "apps/accounts/services/oauth.py": "import httpx2",
        "apps/chat/services/asking.py": "from apps.kernel.redis import sync_redis",
        "apps/orders/selectors.py": "from django.core.cache import cache",
        "apps/marketing/draws/rules.py": "import socket",
        "apps/marketing/handlers.py": "import redis.asyncio",
        "apps/chat/services/quota.py": "def read():\n    from urllib import request",
    },
    "services know no request and no answer": {
        "apps/accounts/services/sessions.py": "from django.http import HttpRequest",
        "apps/accounts/services/passwords.py": "from django.contrib.auth import update_session_auth_hash",
        "apps/chat/selectors/answers.py": "from django import http",
        "apps/orders/services/payment_codes.py": "from django.shortcuts import render",
        "apps/marketing/draws/services/drawing.py": "from django.http import HttpRequest",
    },
    "rules neither look at a clock nor roll dice": {
        "apps/marketing/draws/rules.py": "import random",
        "apps/accounts/rules/sign_in.py": "from secrets import token_urlsafe",
        "apps/chat/rules/charging.py": "from apps.kernel import clock",
        "apps/orders/rules.py": "datetime.now(UTC)",
        "apps/ledger/contracts.py": "uuid4()",
        "apps/sandbox/rules/payments.py": "date.today()",
    },
    "another app's tables are read by invariants alone": {
        "apps/chat/services/quota.py": 'SQL = "SELECT 1 FROM accounts_user"',
        "apps/orders/selectors.py": 'SQL = f"UPDATE ledger_account SET balance = {amount}"',
        "apps/marketing/draws/admin.py": 'SQL = "SELECT 1 FROM x LEFT\\n JOIN orders_order AS y ON y.id = x.id"',
        "apps/kernel/outbox.py": 'SQL = "INSERT INTO marketing_draw VALUES (1)"',
    },
    "nothing hangs on a signal": {
        "apps/chat/apps.py": "from django.db.models.signals import post_save",
        "apps/orders/apps.py": "from django.db.models import signals",
        "apps/marketing/handlers.py": "from django.dispatch import receiver",
        "apps/accounts/apps.py": "auth.user_logged_in.connect(greet)",
        "config/celery.py": "from celery.signals import task_failure",
    },
    "what a process remembers for good follows from what it was asked; the rest is a Fresh": {
        "apps/kernel/visitors.py": "@cache\ndef proxies(): return settings.TRUSTED_PROXIES",
        "apps/chat/services/catalogue.py": "@lru_cache(maxsize=1)\ndef policy(): return selectors.policy_on_show()",
        "apps/orders/selectors.py": "@functools.cache\ndef products(): return list(Product.objects.all())",
    },
}


@each
def test_nothing_goes_through_a_wall(wall: Wall) -> None:
    found = [f"{path}:{line}: {what}" for path, source in SOURCES.items() for line, what in wall.breaches(path, source)]

    assert found == []


@each
def test_every_door_is_used(wall: Wall) -> None:
    closed = Wall(wall.name, wall.guards, wall.look)

    used = {(path, what) for path, source in SOURCES.items() for _, what in closed.breaches(path, source)}

    assert set(wall.doors) - used == set()


@each
def test_a_breach_is_seen(wall: Wall) -> None:
    unseen = {path: line for path, line in BREACHES[wall.name].items() if not [*wall.breaches(path, line)]}

    assert unseen == {}
    assert all(path in SOURCES for path in BREACHES[wall.name])


def test_every_file_has_a_name_that_says_what_belongs_in_it() -> None:
    assert {path: reason for path in SOURCES if (reason := misnamed(path))} == {}


@pytest.mark.parametrize(
    "path",
    [
        "apps/chat/services/utils.py",
        "apps/marketing/admin/draw_helpers.py",
        "apps/orders/gateways/common.py",
        "apps/kernel/misc.py",
        "apps/orders/services/views.py",
        "apps/chat/selectors/rules.py",
        "apps/accounts/api/services.py",
        "apps/accounts/models/selectors.py",
        "apps/marketing/draws/rolling.py",
        "apps/marketing/draws/services/views.py",
    ],
)
def test_a_name_that_says_nothing_or_hides_a_layer_is_seen(path: str) -> None:
    assert misnamed(path)


@pytest.mark.parametrize("path", ["apps/marketing/draws/rules.py", "apps/marketing/draws/services/rolling.py"])
def test_a_room_has_the_files_of_an_app(path: str) -> None:
    assert misnamed(path) is None


# --- what decides can be read, imported and tried without a site

PURE = sorted(
    ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES
    if {"rules", "contracts", "errors"} & set(Path(path).with_suffix("").parts)
)
IMPORT = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"


def _import_without_settings(folder: Path, *modules: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-c", IMPORT, *modules],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_rules_contracts_and_errors_need_no_settings() -> None:
    result = _import_without_settings(ROOT, *PURE)

    assert result.returncode == 0, result.stderr


def test_one_that_needs_settings_is_seen(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text('from django.utils.translation import gettext_noop\nX = gettext_noop("x")\n')

    result = _import_without_settings(tmp_path, "rules")

    assert "ImproperlyConfigured" in result.stderr
