"""A registry: what it takes, what it answers, and what it refuses."""

from dataclasses import dataclass

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.kernel.errors import CodeUnknown
from apps.kernel.registries import CodeField, Registry


@dataclass(frozen=True)
class Lamp:
    code: str
    label: str = "Lamp"


def test_entries_keep_the_order_of_their_registration() -> None:
    lamps: Registry[Lamp] = Registry("lamp")
    for code in ("desk", "attic", "wall-2"):
        lamps.register(Lamp(code))

    assert lamps.choices() == [("desk", "Lamp"), ("attic", "Lamp"), ("wall-2", "Lamp")]
    assert [lamp.code for lamp in lamps] == ["desk", "attic", "wall-2"]
    assert lamps["attic"] is lamps.get("attic")


@pytest.mark.parametrize("code", ["desk", "", "Desk", "a lamp", "2nd", "лампа", "l" * 41, "desk\n"])
def test_a_code_is_taken_once_and_looks_like_one(code: str) -> None:
    lamps: Registry[Lamp] = Registry("lamp")
    lamps.register(Lamp("desk"))

    with pytest.raises(ImproperlyConfigured):
        lamps.register(Lamp(code))


def test_what_is_gone_can_be_shown_and_not_be_done() -> None:
    lamps: Registry[Lamp] = Registry("lamp")
    lamps.register(Lamp("desk"))
    lamps.unregister("desk")

    assert "desk" not in lamps
    assert lamps.get("desk") is None
    with pytest.raises(CodeUnknown) as refusal:
        lamps["desk"]
    assert refusal.value.context == {"noun": "lamp", "unknown": "desk"}


def test_a_form_offers_what_is_registered_when_it_is_made_and_a_migration_knows_none_of_it() -> None:
    lamps: Registry[Lamp] = Registry("lamp")
    column = CodeField("lamp", registry=lamps)
    lamps.register(Lamp("desk"))

    assert list(column.get_choices(include_blank=False)) == [("desk", "Lamp")]
    _, path, _, options = column.deconstruct()
    assert (path, options) == ("django.db.models.CharField", {"verbose_name": "lamp", "max_length": 40})
