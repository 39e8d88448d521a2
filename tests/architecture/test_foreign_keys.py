"""Foreign keys follow the arrows: import-linter cannot see them, they are strings."""

from django.apps import apps
from django.db import models

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
