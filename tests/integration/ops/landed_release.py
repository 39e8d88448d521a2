"""A release that landed: its last migrations, rows that its own services wrote, and the moment at which they stood so.

`landed_<release>.py` brings them to the present and lives with them, run by `manage.py shell` on a database of its own.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pyotp
from django.apps import apps as present
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from apps.accounts import services as accounts
from apps.kernel import clock, sealing
from apps.kernel.errors import DomainError
from apps.kernel.ids import UserId, new_id

# Olga's authenticator, sealed in the rows as all else there, by that release.
PYOTP = pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")


@dataclass(frozen=True)
class Release:
    """Its name, its last migrations (other people's apps have theirs), and a moment after the last of its rows."""

    name: str
    leaves: Mapping[str, str]
    then: datetime

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """By model: the names of the columns, and the rows."""
        text = (Path(__file__).parent / f"landed_{self.name}.json").read_text()
        return dict(json.loads(text))

    def named(self, label: str) -> list[dict[str, Any]]:
        """The rows of a model, each value by its column."""
        table = self.rows[label]
        return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]

    def user(self, **values: str) -> UserId:
        """The first account with these values."""
        return UserId(UUID(next(row["id"] for row in self.named("accounts.User") if values.items() <= row.items())))

    def land(self) -> Any:
        """Make an empty database what it was: tables and rows; returns the models of then."""
        executor = MigrationExecutor(connection)
        leaves = dict(executor.loader.graph.leaf_nodes())
        release = executor.migrate([(app, self.leaves.get(app, leaf)) for app, leaf in leaves.items()]).apps
        models = [release.get_model(label) for label in self.rows]
        # One transaction: keys that point forward are checked at its end.
        with transaction.atomic(), connection.cursor() as cursor:
            for model, table in zip(models, self.rows.values(), strict=True):
                fields = [_fields(model)[name] for name in table["columns"]]
                model._base_manager.bulk_create(
                    model(**{field.attname: field.to_python(value) for field, value in zip(fields, row, strict=True)})
                    for row in table["rows"]
                )
            for statement in connection.ops.sequence_reset_sql(no_style(), models):
                cursor.execute(statement)
        return release

    def changed(self) -> list[str]:
        """Columns that are gone, or do not hold what they held in each of the rows."""
        return [f"{label}.{name}" for label in self.rows for name in self._changed(label)]

    def _changed(self, label: str) -> list[str]:
        model = present.get_model(label)
        fields, names = _fields(model), self.rows[label]["columns"]
        kept = [name for name in names if name in fields]
        now = {row["pk"]: row for row in model._base_manager.values("pk", *kept)}
        key = fields[model._meta.pk.attname]
        return [
            name
            for name in names
            if name not in fields
            or any(
                now.get(key.to_python(row[key.attname]), {}).get(name, ...) != fields[name].to_python(row[name])
                for row in self.named(label)
            )
        ]


def _fields(model: Any) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.local_fields}


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Commands and handlers look at the clock themselves: it shows this moment."""
    with mock.patch.object(clock, "now", return_value=moment):
        yield


def copy(row: Any, **changes: Any) -> None:
    """Another row with the same values but these; `row` is it from now on."""
    for name, value in {"id": new_id(), **changes}.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def audit() -> str:
    """What `manage.py audit` finds broken."""
    output = StringIO()
    try:
        call_command("audit", stdout=output)
    except SystemExit:
        return "\n".join(line for line in output.getvalue().splitlines() if not line.startswith("ok"))
    return ""


def opened() -> dict[str, list[str | None]]:
    """Everything that is sealed, by what it is for."""
    found: dict[str, list[str | None]] = {}
    for column in sealing.sealed_columns():
        for value in column.model._base_manager.order_by("pk").values_list(column.attname, flat=True):
            found.setdefault(column.purpose, []).append(sealing.unseal(column.purpose, value))
    return found


def second_factor(*, of: UserId, code: str, now: datetime) -> str:
    """What an operator is told who types this code."""
    return refusal(lambda: accounts.check_second_factor(user_id=of, code=code, now=now))


def change_a_draw() -> None:
    """What a trigger refuses."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE marketing_draw SET roll = roll + 1")


def refusal(act: Callable[[], Any]) -> str:
    """The code with which this is refused, or the error's name; "" if it is not."""
    try:
        act()
    except DomainError as refused:
        return refused.code
    except DatabaseError as error:
        return type(error).__name__
    return ""
