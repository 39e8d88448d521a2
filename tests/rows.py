"""Rows that never change, in tests that must be able to throw everything away."""

from collections.abc import Iterable, Iterator

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.models import QuerySet
from django.db.models.signals import post_migrate  # noqa: TID251  # Django's own, and only here

from apps.kernel.roles import granted
from apps.ledger import causes
from apps.ledger.engine import balances


def _flush(self: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
    """Empty the tables after a transactional test, with the triggers that refuse DELETE set aside.

    PostgreSQL empties by TRUNCATE, which our triggers let pass; SQLite has only DELETE.
    """
    with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        drops = [f'DROP TRIGGER "{name}"' for name, _ in triggers]
        for statement in [*drops, *sql_list, *(sql for _, sql in triggers)]:
            cursor.execute(statement)


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
    DatabaseWrapper.ops_class.execute_sql_flush = _flush  # type: ignore[method-assign]  # for the test process
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
