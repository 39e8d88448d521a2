"""Operators' roles: Django groups, granted by migrations so that every deployment has the same ones."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db.migrations import RunPython
from django.db.migrations.loader import MigrationLoader

Grants = Mapping[str, Sequence[str]]


class Grant(RunPython):
    """The operation that grant() makes; it remembers what it gives."""

    grants: Grants = {}


def grant(grants: Grants) -> Grant:
    """A migration operation that gives roles permissions: {"finance": ["orders.view_order"]}; missing roles are made.

    Undoing it takes these permissions away again and leaves the groups, which may have others.
    """

    def forwards(apps: Any, schema_editor: Any) -> None:
        grant_now(apps, grants)

    def backwards(apps: Any, schema_editor: Any) -> None:
        for role, names in grants.items():
            for group in apps.get_model("auth", "Group").objects.filter(name=role):
                group.permissions.remove(*_permissions(apps, names))

    operation = Grant(forwards, backwards, elidable=False)
    operation.grants = grants
    return operation


@lru_cache(maxsize=1)
def granted() -> Mapping[str, frozenset[str]]:
    """What each role may do by all migrations of this release together."""
    given: dict[str, frozenset[str]] = {}
    for migration in MigrationLoader(None).disk_migrations.values():
        for operation in migration.operations:
            if isinstance(operation, Grant):
                for role, names in operation.grants.items():
                    given[role] = given.get(role, frozenset()) | frozenset(names)
    return given


def grant_now(apps: Any, grants: Grants) -> None:
    """Do it, as often as one likes. `apps` is a migration's state or Django's own registry."""
    for role, names in grants.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=role)
        group.permissions.add(*_permissions(apps, names))


def _permissions(apps: Any, names: Sequence[str]) -> list[Any]:
    """The permission rows, made here if they are not there yet.

    Django makes them only after all migrations, and then leaves those that exist as they are. A codename ends in
    its model's name, which is how a row finds its content type.
    """
    content_type, permission = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    rows = []
    for name in names:
        app, _, codename = name.partition(".")
        of_model, _ = content_type.objects.get_or_create(app_label=app, model=codename.rpartition("_")[2])
        row, _ = permission.objects.get_or_create(
            content_type=of_model, codename=codename, defaults={"name": f"Can {codename.replace('_', ' ')}"}
        )
        rows.append(row)
    return rows
