"""Each import contract can fail: broken on purpose in a copy of the source, lint-imports sees it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# One forbidden line for each contract: where it is written, what it says, and the name that must be reported.
BREACHES = {
    "arrows": ("apps/chat/services/__init__.py", "import apps.orders.services", "Apps depend in one direction only"),
    "sandbox": ("apps/sandbox/apps.py", "import apps.orders.events", "The sandbox knows only the kernel"),
    "nobody": ("config/demo.py", "import apps.sandbox.errors", "Nothing imports the sandbox"),
    **{
        f"{app}-door": ("apps/marketing/handlers.py", f"import apps.{app}.models", f"{app} is entered through services")
        for app in ("ledger", "accounts", "chat", "orders")
    },
    "marketing-door": ("config/demo.py", "import apps.marketing.models", "marketing is entered through services"),
    "marketing-rooms": (
        "config/demo.py",
        "import apps.marketing.draws.services",
        "marketing is entered through services",
    ),
    "room-above": ("apps/marketing/campaigns/rules.py", "import apps.marketing.odds.rules", "A room of marketing"),
    "room-beside": (
        "apps/marketing/draws/rules.py",
        "import apps.marketing.exchange.rules",
        "A room of marketing",
    ),
    "room-face": ("apps/marketing/seats/services.py", "import apps.marketing.contracts", "A room of marketing"),
    "room-unknown": ("apps/marketing/lottery.py", "", "A room of marketing"),
    "room-layers": (
        "apps/marketing/draws/models.py",
        "import apps.marketing.draws.services",
        "Interfaces call services",
    ),
    "room-vocabulary": ("apps/marketing/draws/rolling.py", "", "Interfaces call services"),
    "room-interfaces": ("apps/marketing/draws/api.py", "import apps.marketing.draws.models", "never import models"),
    "room-rules": ("apps/marketing/odds/rules.py", "import django", "rules import no framework"),
    "room-transport": (
        "apps/marketing/odds/selectors.py",
        "import celery",
        "Services, selectors and models import neither",
    ),
    "layers": ("apps/orders/models.py", "import apps.orders.services", "Interfaces call services"),
    "vocabulary": ("apps/orders/utils.py", "", "Interfaces call services"),
    "kernel": ("apps/kernel/ids.py", "import apps.kernel.models", "The kernel's interfaces use its mechanisms"),
    "kernel-vocabulary": ("apps/kernel/misc.py", "", "The kernel's interfaces use its mechanisms"),
    "interfaces": ("apps/orders/api/__init__.py", "import apps.orders.models", "never import models"),
    "rules": ("apps/orders/rules.py", "import django", "rules import no framework"),
    "sessions": ("apps/accounts/sessions.py", "import apps.accounts.models", "never import models"),
    "kernel-transport": (
        "apps/orders/selectors.py",
        "import apps.kernel.visitors",
        "Services, selectors and models import neither",
    ),
    "transport": ("apps/orders/services/__init__.py", "import celery", "Services, selectors and models import neither"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source without anything else."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("apps", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_every_room_has_the_layers_of_an_app() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layered = {name for contract in contracts if contract["id"] == "inside-an-app" for name in contract["containers"]}
    rooms = {name for contract in contracts if contract["id"] == "rooms-of-marketing" for name in contract["layers"]}

    found = {path.parent.name for path in (ROOT / "apps/marketing").glob("*/*.py")} & {
        room for layer in rooms for room in layer.split(" | ")
    } - {"api"}

    assert {f"apps.marketing.{room}" for room in found} == {name for name in layered if name.count(".") == 2}


def test_every_contract_is_kept(copy: Path) -> None:
    result = _lint(copy)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_seen(copy: Path, breach: str) -> None:
    where, line, reported = BREACHES[breach]
    path = copy / where
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        result = _lint(copy)
    finally:
        path.unlink() if before is None else path.write_text(before)

    assert result.returncode == 1
    broken = result.stdout.partition("Broken contracts")[2]
    assert reported in broken, result.stdout
