"""Each app's door: what `services` exports is what it has."""

import importlib
import inspect
from pathlib import Path

import pytest

# Names of accounts, the calendar, and a registration at start-up: no verbs on data.
BY_POSITION = {
    "local_day",
    "user_owner",
    "user_account",
    "system_account",
    "register_command",
    "register_export",
    "register_export_files",
    "register_closing_check",
    "register_closing_step",
}
ROOT = Path(__file__).resolve().parents[2]
DOORS = sorted(
    ".".join(path.relative_to(ROOT).parts)
    for pattern in ("apps/*", "apps/*/*")
    for path in ROOT.glob(pattern)
    if (path / "services.py").exists() or (path / "services" / "__init__.py").exists()
)


@pytest.mark.parametrize("place", DOORS)
def test_services_export_exactly_their_public_names(place: str) -> None:
    door = importlib.import_module(f"{place}.services")
    offered = set(door.__all__)
    public = {
        name
        for name, thing in vars(door).items()
        if inspect.isfunction(thing) and thing.__module__.startswith(door.__name__) and not name.startswith("_")
    }

    assert all(hasattr(door, name) for name in offered)
    assert public <= offered, f"not in __all__: {sorted(public - offered)}"


def test_the_face_of_an_app_with_rooms_offers_what_its_rooms_offer() -> None:
    face = importlib.import_module("apps.marketing.services")
    for name in face.__all__:
        room = ".".join(getattr(face, name).__module__.split(".")[:3])
        assert name in importlib.import_module(f"{room}.services").__all__, f"{room} does not offer {name}"


@pytest.mark.parametrize("place", DOORS)
def test_services_take_their_arguments_by_name_and_say_what_they_do(place: str) -> None:
    door = importlib.import_module(f"{place}.services")
    for name in door.__all__:
        thing = getattr(door, name)
        if not inspect.isfunction(thing) or name in BY_POSITION:
            continue
        parameters = inspect.signature(thing).parameters.values()
        positional = [p for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
        assert positional == [], f"{name} takes {positional} by position"
        assert thing.__doc__, f"{name} has no docstring"


@pytest.mark.parametrize("app", sorted(path.name for path in (ROOT / "apps").iterdir() if path.is_dir()))
def test_a_package_is_empty_unless_it_is_a_door(app: str) -> None:
    for marker in (ROOT / "apps" / app).rglob("__init__.py"):
        if marker.parent.name in {"migrations", "services"}:
            continue
        lines = [line for line in marker.read_text().splitlines() if line.strip()]
        assert len(lines) == 0 or "__all__" in marker.read_text(), f"{marker} hides code"
