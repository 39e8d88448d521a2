"""Each import contract can fail: broken on purpose in a copy of the source, lint-imports sees it."""

import shutil
import subprocess
import sys
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
    "marketing-door": ("config/demo.py", "import apps.marketing.rules", "marketing is entered through services"),
    "layers": ("apps/orders/models.py", "import apps.orders.services", "Interfaces call services"),
    "vocabulary": ("apps/orders/utils.py", "", "Interfaces call services"),
    "interfaces": ("apps/orders/api/__init__.py", "import apps.orders.models", "never import models"),
    "rules": ("apps/orders/rules.py", "import django", "rules import no framework"),
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
