"""Foreign keys follow the arrows: import-linter cannot see them, they are strings."""

import tomllib
from pathlib import Path

from django.apps import apps
from django.db import models

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
# Of marketing's rooms: each with how far down it is.
DEPTH = {
    room: depth
    for contract in PYPROJECT["tool"]["importlinter"]["contracts"]
    if contract["id"] == "rooms-of-marketing"
    for depth, layer in enumerate(contract["layers"])
    for room in layer.split(" | ")
}
# Keys of marketing that point up, by name (docs/adr/0015-rooms-of-marketing.md).
POINT_UP = {"marketing.Activity.odds", "marketing.Delivery.draw"}
LOW_TO_HIGH = ["kernel", "ledger", "accounts", "chat", "orders", "marketing", "analytics"]


def test_foreign_keys_point_down_and_leave_no_reverse_accessor() -> None:
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if field.related_model is None or isinstance(field.related_model, str):
                continue
            here, there = model._meta.app_label, field.related_model._meta.app_label
            if here == there or not {here, there} <= set(LOW_TO_HIGH):
                continue
            assert LOW_TO_HIGH.index(there) < LOW_TO_HIGH.index(here), f"{field} points up"
            assert field.remote_field is not None
            assert field.remote_field.hidden, f"{field} needs related_name='+'"
            assert field.remote_field.on_delete is models.PROTECT, f"{field} would delete another app's rows"


def test_the_sandbox_points_at_nobody_and_nobody_points_at_it() -> None:
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if field.related_model is None or isinstance(field.related_model, str):
                continue
            ends = {model._meta.app_label, field.related_model._meta.app_label}
            assert "sandbox" not in ends or ends == {"sandbox"}, f"{field} crosses the sandbox's border"


def test_foreign_keys_between_rooms_point_down() -> None:
    up = {
        str(field)
        for model in apps.get_app_config("marketing").get_models()
        for field in model._meta.local_fields
        if isinstance(field.related_model, type) and field.related_model._meta.app_label == "marketing"
        if field.related_model is not model and not _is_below(field.related_model, model)
    }

    assert up == POINT_UP


def _is_below(there: type[models.Model], here: type[models.Model]) -> bool:
    there_room, here_room = (model.__module__.split(".")[2] for model in (there, here))
    return there_room == here_room or DEPTH[there_room] > DEPTH[here_room]
