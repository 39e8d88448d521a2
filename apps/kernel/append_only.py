"""Rows that never change, enforced by the database on both engines; used by migrations."""

from typing import Any

from django.db import connection
from django.db.migrations import RunPython

_POSTGRESQL = """
CREATE OR REPLACE FUNCTION kernel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% rows never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
"""

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} rows never change'); END
"""


def append_only(table: str) -> RunPython:
    """A migration operation after which UPDATE and DELETE on the table raise IntegrityError.

    PostgreSQL's TRUNCATE stays possible: test suites need it, applications never run it.
    """

    def forwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(_POSTGRESQL.format(table=table), params=None)
            return
        for verb in ("UPDATE", "DELETE"):
            schema_editor.execute(_SQLITE.format(table=table, verb=verb))

    def backwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            return
        for verb in ("UPDATE", "DELETE"):
            schema_editor.execute(f"DROP TRIGGER {table}_no_{verb}")

    return RunPython(forwards, backwards, elidable=False)


def triggers_of(*tables: str) -> set[str]:
    """The names of the triggers that append_only() made, for the audit."""
    if connection.vendor == "postgresql":
        return {f"{table}_append_only" for table in tables}
    return {f"{table}_no_{verb}" for table in tables for verb in ("UPDATE", "DELETE")}
