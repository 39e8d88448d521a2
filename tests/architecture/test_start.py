"""What registers itself is there in every process: nobody has to import it first."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = """
import django
django.setup()
from apps.kernel.invariants import all_invariants
print(*(check.name for check in all_invariants()))
"""


def test_every_check_of_the_audit_is_registered_at_the_start() -> None:
    """An import that looks unused is easily tidied away, and with it a whole app's checks, without a word."""
    fresh = subprocess.run([sys.executable, "-c", NAMES], cwd=ROOT, capture_output=True, text=True, check=True)
    registered = {name.rpartition(".")[0] for name in fresh.stdout.split()}

    written = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "apps").rglob("*.py")
        if "\n@invariant(" in path.read_text()
    }
    assert registered == written


def test_the_web_process_begins_with_what_stays_set_aside() -> None:
    """Or a full run of the garbage collector looks through every module while all streams wait: 100 ms, seen."""
    left = "import gc, config.asgi; print(gc.get_freeze_count(), len(gc.get_objects()))"
    fresh = subprocess.run([sys.executable, "-c", left], cwd=ROOT, capture_output=True, text=True, check=True)

    set_aside, still_looked_through = map(int, fresh.stdout.split())
    assert set_aside > 50_000
    assert still_looked_through < 1_000
