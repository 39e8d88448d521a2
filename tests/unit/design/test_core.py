"""Clocks, storage and streams are reached through the core modules: what they take care of is easily forgotten."""

import re
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "static" / "js"
# Runs before any module, and reads the theme by itself.
BEFORE_ALL = "core/theme.js"
ONLY_IN = {
    r"\blocalStorage\b": {"core/storage.js", BEFORE_ALL},
    r"\bnew EventSource\b": set(),
    # Each of these has a deadline.
    r"\bfetch\(": {"core/api.js", "core/event_stream.js", "core/fresh_page.js", "accounts/own_data.js"},
    r"\bnew BroadcastChannel\b": {"core/tabs.js"},
    # The wall's clock is asked how long we slept, never what time it is at the server.
    r"\bDate\.now\(": {"core/clock.js", "core/way_back.js", "core/event_stream.js"},
    r"\bnew Date\(\)": set(),
}


@pytest.mark.parametrize("pattern", ONLY_IN)
def test_only_the_core_reaches_for_it(pattern: str) -> None:
    used = {
        str(file.relative_to(SCRIPTS))
        for file in SCRIPTS.rglob("*.js")
        if re.search(pattern, re.sub(r"//.*", "", file.read_text(encoding="utf-8")))
    }

    assert used - ONLY_IN[pattern] == set()
