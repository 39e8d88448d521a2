"""System checks: a rule that only a document knows is enforced by nobody."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags
from django.core.checks import register as register_check
from django.db import models

# Provider settings that hold a URL: in production they must be https and must not lead to our own sandbox.
_PROVIDER_SETTINGS = ("WECHAT_OA", "WECHAT_PAY")


def register() -> None:
    """Register every check of this module; called once from AppConfig.ready()."""
    register_check(check_choices_are_constrained, Tags.models)
    register_check(check_no_sandbox_in_production, Tags.security)


def check_choices_are_constrained(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Every column with choices has its `…_known` constraint: `choices=` alone protects nothing."""
    return [
        Error(
            f"{model.__name__}.{field.name} has choices but no constraint named …_{field.name}_known", id="kernel.E001"
        )
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
        for field in _unconstrained(model)
    ]


def check_no_sandbox_in_production(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """A production deployment has no sandbox and talks to its providers over https."""
    if not getattr(settings, "IS_PRODUCTION", False):
        return []
    problems: list[CheckMessage] = []
    if apps.is_installed("apps.sandbox"):
        problems.append(Error("apps.sandbox must not be installed in production", id="kernel.E002"))
    for name in _PROVIDER_SETTINGS:
        for key, value in getattr(settings, name, {}).items():
            if key.endswith("_URL") and not str(value).startswith("https://"):
                problems.append(Error(f"{name}[{key!r}] must be an https URL in production", id="kernel.E003"))
    return problems


def _unconstrained(model: type[models.Model]) -> Iterator["models.Field[Any, Any]"]:
    names = {constraint.name for constraint in model._meta.constraints}
    for field in model._meta.local_fields:
        if field.choices and f"{model._meta.db_table}_{field.name}_known" not in names:
            yield field
