"""System checks: a rule that only a document knows is enforced by nobody."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags
from django.core.checks import register as register_check
from django.db import connection, models

from apps.kernel import sealing
from apps.kernel.registries import CodeField

# Provider settings that hold a URL: in production they must be https and must not lead to our own sandbox.
_PROVIDER_SETTINGS = ("WECHAT_OA", "WECHAT_PAY")


def register() -> None:
    """Register every check of this module; called once from AppConfig.ready()."""
    register_check(check_choices_are_constrained, Tags.models)
    register_check(check_no_sandbox_in_production, Tags.security)
    register_check(check_sealing_keys_are_named, Tags.database)


def check_choices_are_constrained(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Every column with choices has its `…_known` constraint, and one of codes its `…_is_code`: `choices=` alone
    protects nothing.
    """
    return [
        Error(f"{model.__name__}.{column} has choices but no constraint named {name}", id="kernel.E001")
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
        for column, name in _unconstrained(model)
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


def check_sealing_keys_are_named(*, databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    """Every key that sealed a value is in the settings, or that value would be lost."""
    return [
        Error(
            f"{field} has values under the key {key_id}, which is neither SEALING_KEY nor in SEALING_KEY_FORMER",
            hint="name it, or give it up with `manage.py reseal --forget`: docs/operations.md, The sealing key",
            id="kernel.E004",
        )
        for field in sealing.sealed_columns()
        if "default" in (databases or ()) and _is_migrated(field)
        for key_id in sealing.unknown_keys(field)
    ]


def _is_migrated(field: "models.Field[Any, Any]") -> bool:
    """Whether the column is there yet: `migrate` asks before it begins."""
    table = field.model._meta.db_table
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return False
        columns = connection.introspection.get_table_description(cursor, table)
    return field.column in {column.name for column in columns}


def _unconstrained(model: type[models.Model]) -> Iterator[tuple[str, str]]:
    """Columns with choices, and the name of the constraint that each lacks."""
    names = {constraint.name for constraint in model._meta.constraints}
    for field in model._meta.local_fields:
        name = f"{model._meta.db_table}_{field.name}_{'is_code' if isinstance(field, CodeField) else 'known'}"
        if field.choices and name not in names:
            yield field.name, name
