"""What several modules need of the database: statements that are compiled once, and small facts."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache, cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import (
    DEFAULT_DB_ALIAS,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.models import CharField, Expression, Func, Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery

# SQLite's primary result codes: busy, locked, out of memory, input or output failed, full, cannot open.
_SQLITE_PASSES = {5, 6, 7, 10, 13, 14}
# Classes of SQLSTATE: no connection, rolled back (deadlock, serialization), no resources, stopped by an operator
# (statement timeouts too), a failing system; and one state, a lock that was not to be had.
_POSTGRESQL_PASSES = ("08", "40", "53", "57", "58", "55P03")
# Of those, what a connection has ended with.
_POSTGRESQL_ENDS = ("08", "57P")
_PLACE = re.compile("%[s%]")
_UUID_TEXT = re.compile(r"UUID_TEXT\(([\w.]+)\)")
_HYPHENATED = "||'-'||".join(
    rf"substr(\1, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
)

M = TypeVar("M", bound=Model)


def require_transaction(verb: str) -> None:
    """Raise RuntimeError unless the caller is inside transaction.atomic()."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{verb} must run inside the transaction that makes it true")


def one_at_a_time(key: str) -> None:
    """Wait until no other transaction is past this line with the same key; it is ours until the end of this one.

    For a sum over rows that several would add to at once. SQLite has one writer anyway, which the caller must be.
    """
    require_transaction("one_at_a_time()")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Two keys of one hash wait for each other, no more.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def is_unique_violation(error: IntegrityError, constraint: str, columns: tuple[str, ...]) -> bool:
    """Whether this error is the named unique constraint; SQLite names columns ("table.column"), not constraints."""
    text = str(error)
    if connection.vendor == "sqlite":
        return all(f".{column}" in text for column in columns)
    return constraint in text


def is_passing(error: BaseException) -> bool:
    """Whether the database was locked, full of work or away, so that the same request may succeed in a moment."""
    if isinstance(error, InterfaceError):  # the connection is gone
        return True
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__
    sqlite_code = getattr(cause, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return (sqlite_code & 0xFF) in _SQLITE_PASSES
    state = getattr(cause, "sqlstate", None)
    # Without a state nobody answered: refused, silent, cut off, or no place in the pool.
    return state is None or state.startswith(_POSTGRESQL_PASSES)


def renew_lost_connections(error: BaseException) -> None:
    """After an error with which a connection ended: make anew what of the pool has ended with it.

    A restart of the server ends all of them, and each that is kept would refuse somebody. To look at one before each
    use is a question more for every answer; where many are dead, the pool rests longer after each than anybody waits.
    """
    state = getattr(error.__cause__, "sqlstate", None)
    if not is_passing(error) or (state is not None and not state.startswith(_POSTGRESQL_ENDS)):
        return
    pool = getattr(connection, "pool", None)
    if pool is not None:
        pool.check()


def prepared_cursor() -> Any:
    """A cursor for statements whose text never changes: PostgreSQL parses and plans each once per connection.

    Every type must follow from the text or the value: there, values are no longer a part of the text.
    """
    own: Any = connections[DEFAULT_DB_ALIAS]  # not by the name, which is looked up with each use
    if own.vendor != "postgresql" or own.queries_logged:  # who reads a log wants the values in it
        return own.cursor()
    own.ensure_connection()
    from django.db.backends.postgresql import base  # noqa: PLC0415  # with psycopg, which SQLite does without

    cursor: Any = base.ServerBindingCursor
    return own._prepare_cursor(cursor(own.connection))


def portable(sql: str) -> str:
    """SQL that both engines read: UUID_TEXT(column) becomes the id as Python writes it, hyphens and all.

    SQLite stores ids without hyphens; compared as one text, PostgreSQL's indexes on texts serve.
    """
    return _UUID_TEXT.sub(r"CAST(\1 AS TEXT)" if connection.vendor == "postgresql" else _HYPHENATED, sql)


class IdText(Func):
    """An id as Python writes it, in a query: for comparing keys with texts that hold them, hyphens and all."""

    template = "CAST(%(expressions)s AS TEXT)"
    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        """SQLite stores ids without hyphens."""
        column, params = compiler.compile(self.source_expressions[0])
        return _HYPHENATED.replace(r"\1", column), list(params) * _HYPHENATED.count(r"\1")


class Given(Expression):
    """A value that a compiled statement is given when it runs; never None, which would be another statement."""

    def __init__(self, name: str, column: Any = None) -> None:
        super().__init__()
        self.name = name
        self.column = column  # the column that takes the value, where the statement writes it

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """A parameter that stands for itself until the statement runs."""
        return "%s", [self]

    def among(self, values: dict[str, Any]) -> Any:
        """This value as the engine's driver takes it. Raises KeyError when it is missing."""
        value = values[self.name]
        return _for_driver(value) if self.column is None else self.column.get_db_prep_save(value, connection)


def given_ids(number: int) -> list[Any]:
    """So many ids as numbered() names them, for `pk__in`."""
    return [Given(f"id_{each}") for each in range(number)]


def numbered(ids: Iterable[UUID]) -> dict[str, UUID]:
    """These ids by name; the last comes again until they are a power of two, so that few texts serve all numbers."""
    found = list(ids)
    found += found[-1:] * ((1 << (len(found) - 1).bit_length()) - len(found))
    return {f"id_{number}": each for number, each in enumerate(found)}


class _Compiled:
    """A statement of the ORM whose text is made once per process: making it costs as much as the statement itself."""

    def __init__(self, build: Callable[[], QuerySet[Any]]) -> None:
        self._build = build

    def _run(self, values: dict[str, Any]) -> Any:
        """A cursor that has run it with these values. Raises KeyError when one is missing."""
        _, sql, params = self._made
        cursor = prepared_cursor()
        cursor.execute(sql, [param.among(values) if isinstance(param, Given) else param for param in params])
        return cursor

    @cached_property
    def _made(self) -> tuple[Any, str, Sequence[Any]]:
        """The ORM's compiler, and what it made. Threads that are first at once each make their own."""
        compiler: Any = self._query().get_compiler(using=DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        if connection.vendor == "postgresql":
            sql, params = _with_constants(sql, params)
        return compiler, sql, params

    def _query(self) -> Any:
        return self._build().query


def _with_constants(sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """What no run changes, as a part of the text: only so does a plan for all values use an index on some states."""
    texts = ("%s" if isinstance(param, Given) else _literal(param) for param in params)
    written = _PLACE.sub(lambda place: "%%" if place[0] == "%%" else next(texts), sql)
    return written, [param for param in params if isinstance(param, Given)]


def _literal(value: Any) -> str:
    operations: Any = connection.ops
    literal: str = operations.compose_sql("%s", [str(value) if isinstance(value, str) else value])
    return literal.replace("%", "%%")


class CompiledRead(_Compiled, Generic[M]):
    """A query that is compiled once. `build` makes the query set, with Given("name") where a value will go."""

    def __init__(self, build: Callable[[], QuerySet[M]]) -> None:
        super().__init__(build)

    def one(self, **values: Any) -> M | None:
        """The row for these values, None when there is none. Raises KeyError when a value is missing.

        A query that locks belongs to the caller's transaction (RuntimeError outside one).
        """
        found = self.all(**values)
        return found[0] if found else None

    def all(self, **values: Any) -> list[M]:
        """The rows for these values. Raises as one() does."""
        return [self._instance(row) for row in self.tuples(**values)]

    def tuples(self, **values: Any) -> list[tuple[Any, ...]]:
        """The rows as they are, of a query that ends in values_list(). Raises as one() does."""
        compiler = self._made[0]
        if compiler.query.select_for_update:
            require_transaction("a query that locks")
        with self._run(values) as cursor:
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return list(map(tuple, compiler.apply_converters(rows, self._converters))) if self._converters else rows

    @cached_property
    def _converters(self) -> Any:
        """Of the columns whose values are not what the driver gives."""
        compiler = self._made[0]
        return compiler.get_converters([column for column, *_ in compiler.select])

    @cached_property
    def _instance(self) -> Callable[[Sequence[Any]], M]:
        """How a row becomes an object, as the ORM's ModelIterable does it."""
        compiler = self._made[0]
        model, fields = compiler.klass_info["model"], compiler.klass_info["select_fields"]
        own = slice(fields[0], fields[-1] + 1)
        names = [column.target.attname for column, *_ in compiler.select[own]]
        populators: Any = get_related_populators  # of which the stubs know a later one
        related = populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS)
        annotated = compiler.annotation_col_map.items()

        def instance(row: Sequence[Any]) -> M:
            made: M = model.from_db(DEFAULT_DB_ALIAS, names, row[own])
            for populator in related:
                populator.populate(row, made)
            for name, at in annotated:
                setattr(made, name, row[at])
            return made

        return instance


class CompiledUpdate(_Compiled):
    """An UPDATE that is compiled once. `build` makes the rows to change, with Given("name") where a value will go."""

    def __init__(self, build: Callable[[], QuerySet[Any]], **changes: Any) -> None:
        super().__init__(build)
        self._changes = changes

    def run(self, **values: Any) -> int:
        """Change the rows; how many there were. Raises KeyError when a value is missing."""
        with self._run(values) as cursor:
            changed: int = cursor.rowcount
        return changed

    def _query(self) -> Any:
        query: Any = super()._query().chain(UpdateQuery)
        field_of = query.get_meta().get_field
        query.add_update_values(
            {
                name: Given(value.name, field_of(name)) if isinstance(value, Given) else value
                for name, value in self._changes.items()
            }
        )
        query.clear_select_clause()
        return query


@contextmanager
def together() -> Iterator[None]:
    """Send the statements inside without a wait between them; what they refuse is raised at the end of the block.

    None of them may be asked for rows or their number. On SQLite nobody waits, and each raises for itself.
    """
    require_transaction("together()")
    if connection.vendor != "postgresql":
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def insert(rows: Sequence[Model]) -> None:
    """Write new rows of one model in one statement whose text is made once; each has its key and all its values."""
    fields = rows[0]._meta.local_concrete_fields
    own = connections[DEFAULT_DB_ALIAS]
    values = [field.get_db_prep_save(getattr(row, field.attname), own) for row in rows for field in fields]
    with prepared_cursor() as cursor:
        cursor.execute(_insertion(type(rows[0]), len(rows)), values)


@cache
def _insertion(model: type[Model], number: int) -> str:
    # Table and column names are our models'.
    quote = connection.ops.quote_name
    columns = [quote(str(field.column)) for field in model._meta.local_concrete_fields]
    row = f"({', '.join(['%s'] * len(columns))})"
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns)})"  # noqa: S608
        f" VALUES {', '.join([row] * number)}"
    )


def insert_once(row: Model, unless_same: tuple[str, ...] = ("id",)) -> bool:
    """Insert a row unless a unique key of its table refuses it; say whether it was inserted.

    `unless_same` names the columns that make a row a repeat. A repeat that is visible is skipped
    without a conflict, which would wait for whoever is changing that row.
    """
    own = connections[DEFAULT_DB_ALIAS]
    prepared = {
        str(field.column): field.get_db_prep_save(getattr(row, field.attname), own)
        for field in row._meta.local_concrete_fields
    }
    with prepared_cursor() as cursor:
        cursor.execute(
            _insertion_once(type(row), unless_same),
            [*prepared.values(), *(prepared[column] for column in unless_same)],
        )
        inserted: bool = cursor.rowcount == 1
    return inserted


@cache
def _insertion_once(model: type[Model], unless_same: tuple[str, ...]) -> str:
    table, columns = model._meta.db_table, [str(field.column) for field in model._meta.local_concrete_fields]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(['%s'] * len(columns))}"  # noqa: S608
        f" WHERE NOT EXISTS (SELECT 1 FROM {table}"
        f" WHERE {' AND '.join(f'{column} = %s' for column in unless_same)}) ON CONFLICT DO NOTHING"
    )


def _for_driver(value: Any) -> Any:
    """A value as the engine's driver takes it."""
    if isinstance(value, UUID):
        return value if connection.features.has_native_uuid_field else value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    return value
