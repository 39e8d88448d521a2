"""Rows that never change, in tests that must be able to throw everything away."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models import QuerySet
from django.db.models.signals import post_migrate  # noqa: TID251  # Django's own, and only here

from apps.kernel.roles import granted
from apps.ledger import causes
from apps.ledger.engine import balances

_TABLE = re.compile(r'"(\w+)"')


def _flush(self: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
    """Empty the tables after a transactional test: those that have rows, of a hundred, which is most of such a test.

    Triggers that refuse DELETE are set aside. Nobody who still writes is passed: what they write goes, too.
    """
    with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
        statements = list(sql_list)
        empties = [statement for statement in statements if statement.startswith(("DELETE", "TRUNCATE"))]
        tables = sorted(set(_TABLE.findall(" ".join(empties))))
        is_on_server = self.connection.vendor == "postgresql"
        if is_on_server:
            cursor.execute("SHOW is_superuser")
            if cursor.fetchone() == ("off",):
                # Only a superuser may set triggers aside; all of it by TRUNCATE, which ours let pass.
                cursor.execute(" ".join(statements))
                return
            cursor.execute("LOCK TABLE " + ", ".join(f'"{table}"' for table in tables) + " IN EXCLUSIVE MODE")
            cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in tables)  # noqa: S608
        )
        filled = [name for (name,) in cursor.fetchall()]
        triggers = [] if is_on_server else _triggers_of(cursor, filled)
        drops = [f'DROP TRIGGER "{name}"' for name, _ in triggers]
        deletes = [f'DELETE FROM "{name}"' for name in filled]  # noqa: S608  # Django's names
        others = [statement for statement in statements if statement not in empties]
        for statement in [*drops, *deletes, *(sql for _, sql in triggers), *others]:
            cursor.execute(statement)


def _triggers_of(cursor: Any, tables: Sequence[str]) -> list[tuple[str, str]]:
    cursor.execute("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'")
    return [(name, sql) for table, name, sql in cursor.fetchall() if table in tables]


def _grant_again(**_signal: object) -> None:
    """Give the roles back that a transactional test emptied with all tables; Django itself only makes permissions."""
    if Group.objects.exists():
        return
    may = {f"{row.content_type.app_label}.{row.codename}": row for row in _permissions()}
    for role, names in granted().items():
        Group.objects.create(name=role).permissions.set([may[name] for name in names])


def _permissions() -> QuerySet[Permission]:
    return Permission.objects.select_related("content_type")


def pytest_configure() -> None:
    """Teach Django's flush."""
    post_migrate.connect(_grant_again, sender=apps.get_app_config("sandbox"))
    BaseDatabaseOperations.execute_sql_flush = _flush  # type: ignore[method-assign]  # for the test process
    # What tests give out of thin air is no breach of the closed list (I-51).
    causes.known_legs.update(
        (cause_type, leg)
        for cause_type in ("test", "test.gift", "test.fact")
        for name in ("main", "bonus", "quota", "chances", "points", "hold", "taken_back")
        for leg in (name, f"{name}.owed")
    )
    causes.known_reservations.add("test.fact")


def unguard(table: str) -> None:
    """Drop one trigger of a table, as a careless migration may; until the test's transaction is rolled back."""
    assert connection.in_atomic_block, "it would be gone for all tests behind this one"
    found = {
        "postgresql": "SELECT min(tgname) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass",
        "sqlite": "SELECT min(name) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(found, [table])
        (name,) = cursor.fetchone()
        cursor.execute(f'DROP TRIGGER "{name}"' + (f" ON {table}" if connection.vendor == "postgresql" else ""))


def unguard_all(table: str) -> None:
    """Drop every trigger of a table, as somebody may who wants to forge its rows; until the transaction's end."""
    assert connection.in_atomic_block, "they would be gone for all tests behind this one"
    found = {
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
    }[connection.vendor]
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(found, [table])
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"{on}')


@pytest.fixture(autouse=True)
def forgotten_system_accounts() -> Iterator[None]:
    """System accounts that a test rolled back must not be remembered as committed."""
    yield
    balances.forget_system_accounts()
