"""The tokens are readable: WCAG 2.2 contrast of every text and control colour on the grounds it stands on."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[3] / "static" / "css" / "tokens.css"

TEXT_RATIO = 4.5
CONTROL_RATIO = 3.0

TEXT_ON_GROUND = [
    *[(text, ground) for text in ("ink", "soft") for ground in ("paper", "surface", "sunken")],
    *[("faint", ground) for ground in ("paper", "surface")],
    *[(text, ground) for text in ("jade", "ok", "warn", "bad", "gold") for ground in ("paper", "surface")],
    *[("vermilion", ground) for ground in ("paper", "surface")],
    *[(state, f"{state}-tint") for state in ("jade", "vermilion", "gold", "ok", "warn", "bad")],
    *[("ink", f"{state}-tint") for state in ("jade", "vermilion", "gold", "ok", "warn", "bad")],
    *[("soft", f"{state}-tint") for state in ("jade", "vermilion", "gold")],
    ("on-jade", "jade"),
    ("on-jade", "jade-hover"),
    ("on-vermilion", "vermilion"),
    ("on-vermilion", "vermilion-hover"),
    ("on-bad", "bad"),
    ("jade-hover", "paper"),
    ("jade-hover", "sunken"),
    *[(text, "sunken") for text in ("jade", "gold", "ok", "bad")],
    ("gold-tint", "gold"),
]
CONTROL_ON_GROUND = [("edge", ground) for ground in ("paper", "surface", "sunken")]


def declarations(block: str) -> dict[str, str]:
    """The custom properties of one rule, by name without the dashes."""
    return {name: value.strip() for name, value in re.findall(r"--([\w-]+):\s*([^;]+);", block)}


def rules() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Light, dark by system preference, dark by choice."""
    css = TOKENS.read_text(encoding="utf-8")
    light = re.search(r":root \{\s*color-scheme: light;(.*?)\n  \}", css, re.DOTALL)
    system = re.search(r':root:not\(\[data-theme="light"\]\) \{(.*?)\n    \}', css, re.DOTALL)
    chosen = re.search(r':root\[data-theme="dark"\] \{(.*?)\n  \}', css, re.DOTALL)
    assert light
    assert system
    assert chosen
    return declarations(light[1]), declarations(system[1]), declarations(chosen[1])


def luminance(colour: str) -> float:
    """Relative luminance of "#RRGGBB"."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio, 1 to 21."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_is_21() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


def test_both_dark_blocks_say_the_same() -> None:
    light, system, chosen = rules()
    assert system == chosen
    assert set(system) == set(light)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "ground", "ratio"),
    [(*pair, TEXT_RATIO) for pair in TEXT_ON_GROUND] + [(*pair, CONTROL_RATIO) for pair in CONTROL_ON_GROUND],
)
def test_colour_is_readable_on_its_ground(theme: str, front: str, ground: str, ratio: float) -> None:
    light, dark, _ = rules()
    tokens = light if theme == "light" else dark
    assert contrast(tokens[front], tokens[ground]) >= ratio
