"""Rows that never change or never go, enforced by the database on both engines; used by migrations.

Every operation here may run again: it drops its triggers first. SQLite alters a table by copying it, which drops the
table's triggers without a word; a migration that makes it do so wraps its operations in keeping_triggers().
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from django.db import connection
from django.db.migrations import RunPython
from django.db.migrations.operations.base import Operation

Step = Callable[[Any, Any], None]

_POSTGRESQL = """
CREATE OR REPLACE FUNCTION kernel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% rows never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$;
DROP TRIGGER IF EXISTS {name} ON {table};
CREATE TRIGGER {name} BEFORE {verbs} ON {table} FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
"""

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} rows {never}'); END
"""

_COLUMNS = """
CREATE TRIGGER {table}_columns_never_change BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({changed}) {act}
"""

# OR REPLACE deletes the rows that the new one meets, and SQLite asks no DELETE trigger about them. This trigger is
# asked before, and speaks as the broken unique key would. A rowid that an INSERT does not name is -1 here.
_SQLITE_REPLACE = """
CREATE TRIGGER {table}_no_replace_by_{verb} BEFORE {verb} ON {table}
BEGIN
    {refusals}
END
"""
_SQLITE_REFUSAL = "SELECT RAISE(ABORT, 'UNIQUE constraint failed: {columns}') FROM {table} WHERE {condition};"
_SQLITE_PASSING_OVER = "SELECT RAISE(IGNORE) FROM {table} WHERE {condition};"
_QUOTED = re.compile(r'"(\w+)"')


class OnTables(RunPython):
    """Code that asks the database and no model.

    RunPython makes every model of the history for its code, each time anew: a fifth of all that migrating costs.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """As RunPython, without models."""
        code: Step = self.code
        code(None, schema_editor)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """As RunPython, without models."""
        code: Any = self.reverse_code
        code(None, schema_editor)


def append_only(table: str) -> RunPython:
    """A migration operation after which UPDATE, DELETE and REPLACE on the table raise IntegrityError.

    A migration that gives the table another unique key runs append_only_again(), or SQLite would replace by that key.
    PostgreSQL's TRUNCATE stays possible: test suites need it, applications never run it.
    """

    def postgresql(schema_editor: Any) -> None:
        name = f"{table}_append_only"
        schema_editor.execute(_POSTGRESQL.format(table=table, name=name, verbs="UPDATE OR DELETE"), params=None)

    def sqlite(schema_editor: Any) -> None:
        for verb in ("UPDATE", "DELETE"):
            schema_editor.execute(_SQLITE.format(table=table, verb=verb, never="never change"))
        refuse_replace(schema_editor, table, "INSERT")

    names = {"postgresql": [f"{table}_append_only"], "sqlite": _append_only_on_sqlite(table)}
    return OnTables(_made_by(postgresql, sqlite, table, names), _dropped(table, names), elidable=False)


def append_only_again(table: str) -> RunPython:
    """append_only() for a table that had it before: going back leaves the triggers where they are."""
    return OnTables(append_only(table).code, RunPython.noop, elidable=False)


def never_deleted(table: str, *, is_upserted: bool = False) -> RunPython:
    """A migration operation after which DELETE and REPLACE on the table raise IntegrityError; rows still change.

    For a table whose rows are written by INSERT … ON CONFLICT DO NOTHING say `is_upserted`: on SQLite an INSERT of a
    key that is there, with REPLACE or without, then does nothing, where it would otherwise be an error.
    """

    def postgresql(schema_editor: Any) -> None:
        schema_editor.execute(_POSTGRESQL.format(table=table, name=f"{table}_no_delete", verbs="DELETE"), params=None)

    def sqlite(schema_editor: Any) -> None:
        schema_editor.execute(_SQLITE.format(table=table, verb="DELETE", never="are never deleted"))
        refuse_replace(schema_editor, table, "INSERT", is_passed_over=is_upserted)
        refuse_replace(schema_editor, table, "UPDATE")

    names = {
        "postgresql": [f"{table}_no_delete"],
        "sqlite": [f"{table}_no_DELETE", f"{table}_no_replace_by_INSERT", f"{table}_no_replace_by_UPDATE"],
    }
    return OnTables(_made_by(postgresql, sqlite, table, names), _dropped(table, names), elidable=False)


def columns_never_change(
    table: str,
    *columns: str,
    once: Collection[str] = (),
    once_text: Collection[str] = (),
    sealed: Collection[str] = (),
    refused: Collection[str] = (),
    final: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> RunPython:
    """A migration operation after which these columns never change; the others say how a row stands.

    A column of `once` is NULL first, one of `once_text` an empty text, and keeps what it is given. One of `sealed` is
    given nothing but a value of another key (apps/kernel/sealing.py: twelve digits that name the key, and a dot).
    `refused` are further conditions on OLD and NEW, in words of both engines, under which nothing changes; `final`
    names, by conditions on OLD, the columns that have their last value where one holds.
    """

    def make(schema_editor: Any, differs: str, act: str) -> None:
        changes = [f"OLD.{column} {differs} NEW.{column}" for column in columns]
        changes += [f"(OLD.{column} IS NOT NULL AND OLD.{column} {differs} NEW.{column})" for column in once]
        changes += [f"(OLD.{column} <> '' AND OLD.{column} {differs} NEW.{column})" for column in once_text]
        changes += [
            f"(OLD.{column} {differs} NEW.{column} AND (substr(OLD.{column}, 1, 13) = substr(NEW.{column}, 1, 13)"
            f" OR substr(NEW.{column}, 13, 1) <> '.'))"
            for column in sealed
        ]
        changes += [f"({condition})" for condition in refused]
        for condition, last in final.items():
            differ = " OR ".join(f"OLD.{column} {differs} NEW.{column}" for column in last)
            changes.append(f"({condition} AND ({differ}))")
        changed = " OR ".join(changes)
        schema_editor.execute(_COLUMNS.format(table=table, changed=changed, act=act), params=None)

    def postgresql(schema_editor: Any) -> None:
        make(schema_editor, "IS DISTINCT FROM", "EXECUTE FUNCTION kernel_refuse_change()")

    def sqlite(schema_editor: Any) -> None:
        make(schema_editor, "IS NOT", f"BEGIN SELECT RAISE(ABORT, '{table}: this never changes'); END")

    names = {vendor: [f"{table}_columns_never_change"] for vendor in ("postgresql", "sqlite")}
    return OnTables(_made_by(postgresql, sqlite, table, names), _dropped(table, names), elidable=False)


def keeping_triggers(*operations: Operation) -> list[Operation]:
    """These operations between two that, on SQLite, put every trigger and view aside and back as it was.

    Views and triggers that mention a table keep SQLite from copying it, whichever table they belong to.
    """
    kept: dict[str, tuple[str, str]] = {}

    def put_aside(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            kept.update(_triggers_and_views(schema_editor))
            for name, (kind, _) in kept.items():
                schema_editor.execute(f"DROP {kind} {name}")

    def put_back(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            # What an operation in between made anew stays as that one wanted it.
            made = _triggers_and_views(schema_editor)
            for name, (_, statement) in kept.items():
                if name not in made:
                    schema_editor.execute(statement, params=None)
            kept.clear()

    before = OnTables(put_aside, put_back, elidable=False)
    after = OnTables(put_back, put_aside, elidable=False)
    return [before, *operations, after]


def refuse_replace(schema_editor: Any, table: str, verb: str, only: str = "", *, is_passed_over: bool = False) -> None:
    """Make SQLite's trigger {table}_no_replace_by_{verb}: INSERT or UPDATE OR REPLACE never deletes a row of the table.

    `only` is a condition on the rows that are kept; without it all are. What would replace one is an error, or
    `is_passed_over`. PostgreSQL knows no REPLACE.
    """
    # An UPDATE meets its own row, which it does not replace.
    others = [f"{table}.rowid <> OLD.rowid"] if verb == "UPDATE" else []
    refusal = _SQLITE_PASSING_OVER if is_passed_over else _SQLITE_REFUSAL
    refusals = [
        refusal.format(
            table=table,
            columns=", ".join(f"{table}.{column}" for column in columns),
            condition=" AND ".join([same, *others, *([only] if only else [])]),
        )
        for columns, same in [(["rowid"], f"{table}.rowid = NEW.rowid"), *_unique_keys(schema_editor, table)]
    ]
    statement = _SQLITE_REPLACE.format(table=table, verb=verb, refusals="\n    ".join(refusals))
    schema_editor.execute(statement, params=None)


def triggers_of(*tables: str) -> set[str]:
    """The names of the triggers that append_only() made, for the audit."""
    if connection.vendor == "postgresql":
        return {f"{table}_append_only" for table in tables}
    return {name for table in tables for name in _append_only_on_sqlite(table)}


def _append_only_on_sqlite(table: str) -> list[str]:
    return [f"{table}_no_UPDATE", f"{table}_no_DELETE", f"{table}_no_replace_by_INSERT"]


def _made_by(
    postgresql: Callable[[Any], None], sqlite: Callable[[Any], None], table: str, names: dict[str, list[str]]
) -> Step:
    drop = _dropped(table, names)

    def forwards(apps: Any, schema_editor: Any) -> None:
        drop(apps, schema_editor)
        (postgresql if schema_editor.connection.vendor == "postgresql" else sqlite)(schema_editor)

    return forwards


def _dropped(table: str, names: dict[str, list[str]]) -> Step:
    def backwards(apps: Any, schema_editor: Any) -> None:
        vendor = schema_editor.connection.vendor
        on = f" ON {table}" if vendor == "postgresql" else ""
        for name in names[vendor]:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")

    return backwards


def _unique_keys(schema_editor: Any, table: str) -> Iterator[tuple[list[str], str]]:
    """The columns of each unique key of a SQLite table, and the condition under which a row has the new row's key."""
    with schema_editor.connection.cursor() as cursor:
        indexes = cursor.execute(f"PRAGMA index_list({table})").fetchall()
        for _, name, is_unique, *_ in indexes:
            if not is_unique:
                continue
            columns = [row[2] for row in cursor.execute(f"PRAGMA index_info({name})").fetchall()]
            same = " AND ".join(f"{table}.{column} = NEW.{column}" for column in columns)
            (sql,) = cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [name]).fetchone()
            _, _, where = (sql or "").partition(" WHERE ")
            if where:
                # A partial key counts only where both rows are in it; Django quotes its columns.
                same += f" AND {where} AND " + _QUOTED.sub(r'NEW."\1"', where)
            yield columns, same


def _triggers_and_views(schema_editor: Any) -> dict[str, tuple[str, str]]:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT name, type, sql FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY rowid")
        return {name: (kind, sql) for name, kind, sql in cursor.fetchall()}
