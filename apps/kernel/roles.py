"""Operators' roles: Django groups, granted by migrations so that every deployment has the same ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.migrations import RunPython

Grants = Mapping[str, Sequence[str]]


def grant(grants: Grants) -> RunPython:
    """A migration operation that gives roles permissions: {"finance": ["orders.view_order"]}; missing roles are made.

    Undoing it takes these permissions away again and leaves the groups, which may have others.
    """

    def forwards(apps: Any, schema_editor: Any) -> None:
        grant_now(apps, grants)

    def backwards(apps: Any, schema_editor: Any) -> None:
        for role, names in grants.items():
            for group in apps.get_model("auth", "Group").objects.filter(name=role):
                group.permissions.remove(*_permissions(apps, names))

    return RunPython(forwards, backwards, elidable=False)


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
