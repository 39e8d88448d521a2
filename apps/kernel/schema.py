"""The database's own guards, compared with what the migrations made: by definition, not by name."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Exists, Model, OuterRef

from apps.kernel.invariants import SHOWN, Breach, invariant, rows

# One line for each column, constraint, unique index and trigger of our tables, as each engine describes it.
DEFINITIONS = Path(__file__).parent / "definitions"

# PostgreSQL's triggers can be switched off without being dropped.
_TRIGGERS = {
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
}
_POSTGRESQL = """
SELECT relname, 'column ' || attname || ' ' || format_type(atttypid, atttypmod)
    || CASE WHEN attnotnull THEN ' not null' ELSE '' END
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE attnum > 0 AND NOT attisdropped AND relnamespace = current_schema()::regnamespace
UNION ALL
SELECT relname, conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE contype IN ('c', 'u', 'p', 'f', 'x') AND relnamespace = current_schema()::regnamespace
UNION ALL
SELECT relname, pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' invalid' END
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE indisunique AND relnamespace = current_schema()::regnamespace
UNION ALL
SELECT relname, tgenabled::text || ' ' || pg_get_triggerdef(pg_trigger.oid) || ' ' || proname || ' ' || prosrc
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
UNION ALL
SELECT relname, 'default of ' || attname || ' ' || pg_get_expr(adbin, adrelid)
FROM pg_attrdef JOIN pg_class ON pg_class.oid = adrelid
JOIN pg_attribute ON pg_attribute.attrelid = adrelid AND attnum = adnum
WHERE relnamespace = current_schema()::regnamespace
UNION ALL
SELECT relname, 'rule ' || pg_get_ruledef(pg_rewrite.oid)
FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class WHERE relnamespace = current_schema()::regnamespace
UNION ALL
SELECT relname, 'foreign key trigger is off: ' || COALESCE(conname, tgname)
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid LEFT JOIN pg_constraint ON pg_constraint.oid = tgconstraint
WHERE tgisinternal AND tgenabled <> 'O' AND relnamespace = current_schema()::regnamespace
UNION ALL
SELECT relname, 'policy ' || polname FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid
WHERE relnamespace = current_schema()::regnamespace
UNION ALL
SELECT relname, 'row security' FROM pg_class
WHERE (relrowsecurity OR relforcerowsecurity) AND relnamespace = current_schema()::regnamespace
UNION ALL
SELECT parent.relname, 'has the rows of ' || child.relname || ' too'
FROM pg_inherits JOIN pg_class AS parent ON parent.oid = inhparent JOIN pg_class AS child ON child.oid = inhrelid
WHERE parent.relnamespace = current_schema()::regnamespace AND parent.relkind IN ('r', 'p')
"""
# What a session may be started with so that no trigger asks, or another table answers.
_SETTINGS = """
SELECT 'session', 'session_replication_role=' || setting
FROM pg_settings WHERE name = 'session_replication_role' AND setting <> 'origin'
UNION ALL
SELECT COALESCE('role ' || rolname, 'database'), setting
FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS setting LEFT JOIN pg_roles ON pg_roles.oid = setrole
WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND split_part(setting, '=', 1) IN (
        'session_replication_role', 'search_path', 'session_preload_libraries', 'local_preload_libraries'
    )
"""
_SQLITE = """
SELECT tbl_name, type, sql FROM sqlite_master
WHERE type IN ('table', 'trigger', 'view') OR (type = 'index' AND sql LIKE 'CREATE UNIQUE%')
"""
_QUALIFIER = re.compile(r"\b\w+\.(?=\w)")


@invariant("I-02-schema", "every table, constraint and trigger is as the migrations defined it")
def schema_is_as_defined(now: object) -> Iterable[Breach]:
    """Definitions that are missing, and others in their place; both engines."""
    expected = set((DEFINITIONS / f"{connection.vendor}.txt").read_text().splitlines())
    found = set(described())
    for line in sorted(expected - found)[:SHOWN]:
        yield Breach(f"definition {_name(line)}", "is missing or changed")
    for line in sorted(found - expected)[:SHOWN]:
        yield Breach(f"definition {_name(line)}", "is not what the migrations made")
    for whose, setting in rows(_SETTINGS) if connection.vendor == "postgresql" else ():
        yield Breach(f"setting of {whose}", setting)


@invariant("I-02-rows", "no row breaks a key or a constraint that the database was told to ignore", windowed=True)
def rows_keep_their_constraints(now: object, since: datetime | None = None) -> Iterable[Breach]:
    """Rows whose foreign key leads nowhere; on SQLite whatever else its own check finds. Only the full run looks."""
    if since is not None:
        return
    for model in _our_models():
        for field in model._meta.local_concrete_fields:
            if getattr(field, "db_constraint", False):
                yield from _orphans(model, field)
    if connection.vendor == "sqlite":
        for (problem,) in rows("PRAGMA integrity_check"):
            if problem != "ok":
                yield Breach("database", problem[:SHOWN])


def described() -> list[str]:
    """The live definitions of our tables, sorted, one line each, as they are written in DEFINITIONS."""
    ours = {model._meta.db_table for model in _our_models()}
    found = _of_postgresql() if connection.vendor == "postgresql" else _of_sqlite()
    return sorted({f"{table} | {_one_line(text)}" for table, text in found if table in ours})


def missing_triggers(names: Iterable[str]) -> Iterable[Breach]:
    """Those of the named triggers that are not there, or switched off.

    SQLite changes a table by copying it, which drops its triggers without a word: a later migration must keep them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS[connection.vendor])
        found = {name for (name,) in cursor.fetchall()}
    for name in sorted(set(names) - found):
        yield Breach(f"trigger {name}", "missing or disabled")


def _our_models() -> list[type[Model]]:
    """Models of our tables and views."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.startswith("apps.") and model._meta.app_label != "sandbox"
    ]


def _orphans(model: type[Model], field: Any) -> Iterator[Breach]:
    target = field.related_model._base_manager.filter(**{field.target_field.attname: OuterRef(field.attname)})
    children = model._base_manager.exclude(**{field.attname: None}).exclude(Exists(target))
    for pk in children.order_by("pk").values_list("pk", flat=True)[:SHOWN]:
        yield Breach(f"{model._meta.db_table} {pk}", f"its {field.name} does not exist")


def _of_postgresql() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (schema,) = cursor.fetchone()
        cursor.execute(_POSTGRESQL)
        for table, text in cursor.fetchall():
            unqualified = text.replace(f"{schema}.", "")
            # Whether a rule names the table of a column depends on the release.
            yield table, _QUALIFIER.sub("", unqualified) if text.startswith("rule ") else unqualified


def _of_sqlite() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_SQLITE)
        for table, kind, sql in cursor.fetchall():
            for part in _parts(sql) if kind == "table" else [sql]:
                yield table, part


def _parts(sql: str) -> Iterator[str]:
    """Columns and constraints between the outer parentheses of a CREATE TABLE."""
    body, depth, start = sql[sql.index("(") + 1 : sql.rindex(")")], 0, 0
    for at, letter in enumerate(body):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield body[start:at]
            start = at + 1
    yield body[start:]


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _name(line: str) -> str:
    return line[:100]
