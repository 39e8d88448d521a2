"""Every icon that a template or a script names is drawn in the sprite."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
IN_TEMPLATES = re.compile(r'components/icon\.html" with name="([\w-]+)"|\bicon="([\w-]+)"')
IN_SCRIPTS = re.compile(r'\bicon\("([\w-]+)"')


def drawn() -> set[str]:
    sprite = (ROOT / "static" / "img" / "icons.svg").read_text(encoding="utf-8")
    return set(re.findall(r'<symbol id="([\w-]+)"', sprite))


def named(folder: Path, suffix: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """Icon name → one file that names it."""
    found = {}
    for file in sorted(folder.rglob(f"*{suffix}")):
        for groups in pattern.findall(file.read_text(encoding="utf-8")):
            name = groups if isinstance(groups, str) else next(filter(None, groups))
            found[name] = str(file.relative_to(ROOT))
    return found


def test_icons_in_templates_exist() -> None:
    names = named(ROOT / "templates", ".html", IN_TEMPLATES)
    assert {name: file for name, file in names.items() if name not in drawn()} == {}


def test_icons_in_scripts_exist() -> None:
    names = named(ROOT / "static" / "js", ".js", IN_SCRIPTS)
    assert {name: file for name, file in names.items() if name not in drawn()} == {}
