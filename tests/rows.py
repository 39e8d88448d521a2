"""Rows that never change, in tests that must be able to throw everything away."""

from collections.abc import Iterable, Iterator

import pytest
from django.db import connection, transaction
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.sqlite3.base import DatabaseWrapper

from apps.ledger import engine


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


def pytest_configure() -> None:
    """Teach Django's flush."""
    DatabaseWrapper.ops_class.execute_sql_flush = _flush  # type: ignore[method-assign]  # for the test process


def unguard(table: str) -> None:
    """Drop one trigger of a table, as a careless migration may."""
    found = {
        "postgresql": "SELECT min(tgname) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass",
        "sqlite": "SELECT min(name) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(found, [table])
        (name,) = cursor.fetchone()
        cursor.execute(f'DROP TRIGGER "{name}"' + (f" ON {table}" if connection.vendor == "postgresql" else ""))


@pytest.fixture(autouse=True)
def forgotten_system_accounts() -> Iterator[None]:
    """System accounts that a test rolled back must not be remembered as committed."""
    yield
    engine.forget_system_accounts()
