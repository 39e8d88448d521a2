"""System checks that ask the database: `migrate` and `check --database default` run them."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags
from django.core.checks import register as register_check
from django.db import connections

from apps.accounts import services
from apps.accounts.models import Person


def register() -> None:
    """Register every check of this module; called once from AppConfig.ready()."""
    register_check(check_persons_are_recognised, Tags.database)


def check_persons_are_recognised(*, databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    """Every secret that persons are known by is named in the settings, or who left would come back as a stranger."""
    if "default" not in (databases or ()) or not _is_migrated():
        return []
    return [
        Error(
            f"{use.persons} persons are known by the secret {use.key_id}, which is neither PERSON_KEY nor in "
            "PERSON_KEY_FORMER",
            hint="docs/operations.md, The person key",
            id="accounts.E001",
        )
        for use in services.person_keys()
        if use.standing == "unknown"
    ]


def _is_migrated() -> bool:
    return Person._meta.db_table in connections["default"].introspection.table_names()
