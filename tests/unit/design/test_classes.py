"""A class that nothing carries styles nothing: whoever removes its last use removes it, too."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Django's own markup and the highlighter's, which no file of ours spells out.
FOREIGN = {"admin.css", "prose.css"}
STYLESHEETS = sorted(path for path in (ROOT / "static" / "css").glob("*.css") if path.name not in FOREIGN)
MARKUP = "\n".join(
    path.read_text(encoding="utf-8")
    for folder, pattern in (("templates", "*.html"), ("static/js", "*.js"), ("apps", "*.py"))
    for path in sorted((ROOT / folder).rglob(pattern))
)


def is_carried(name: str) -> bool:
    """Somewhere whole, or with an end that a template or a script chooses."""
    start = re.match(r".*(--|__)", name)
    return name in MARKUP or bool(start and re.search(rf"{re.escape(start[0])}(\{{\{{|\$\{{)", MARKUP))


@pytest.mark.parametrize("path", STYLESHEETS, ids=lambda path: path.name)
def test_every_class_is_carried_by_something(path: Path) -> None:
    rules = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    selectors = " ".join(re.findall(r"([^{}]+)\{", rules))
    names = set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors))
    assert sorted(name for name in names if not is_carried(name)) == []
