"""What keeps rivals apart, and how to take it away: each race test says both, and runs a second time without its guard.

Then it must fail as it says it would; else it would not notice that the guard is gone. Nothing is left to luck. A lock
is cut off its statement, and rivals meet between what they read and what they write. A condition is taken as read: it
held when they began, which is what each of them would see who looked before anybody wrote. A constraint is dropped,
and comes back when the tables are empty again.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, local
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import BaseConstraint, Model

# Rivals are so many without their guard: enough to do harm, and fewer than the connections of a pool.
CROWD = 8
# Only a guard that is described wrongly makes rivals wait so long for each other.
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Rewritten:
    """Statements that begin so are changed; or only those of rivals."""

    begins: str
    pattern: str
    replacement: str
    only_of_rivals: bool = False


@dataclass(frozen=True)
class Dropped:
    """Constraints, unique indexes, and the triggers of tables that are gone."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Replaced:
    """A name of a module that stands for something else."""

    target: str
    by: Any


Lifted = Rewritten | Dropped | Replaced


def locks(*tables: str) -> Rewritten:
    """Rows of these tables are read without a lock."""
    return Rewritten("SELECT", rf' FOR (NO KEY )?UPDATE OF "({"|".join(tables)})"(, "\w+")*', "")


TURNS = Rewritten("SELECT pg_advisory_xact_lock", r".+", "SELECT %s")


def taken_as_read(begins: str, *conditions: str) -> Rewritten:
    """Conditions of a statement that held when the rivals began."""
    return Rewritten(begins, f"({'|'.join(conditions)})", r"(\1 OR TRUE)")


def dropped(*names: str) -> Dropped:
    """Constraints, unique indexes, and tables whose triggers are off."""
    return Dropped(names)


def replaced(target: str, by: Any) -> Replaced:
    """A function of ours that does less."""
    return Replaced(target, by)


def nothing(*_: object, **__: object) -> None:
    """Stands for what is not done."""


# A balance is spent without a look at it; the lots that would notice do not pay.
UNCHECKED_BALANCE = (
    taken_as_read("UPDATE ledger_account", "balance - held >= %s"),
    dropped("ledger_account_available_not_negative"),
    replaced("apps.ledger.engine.lots.take", nothing),
)


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What is taken away, where rivals meet then, and what is seen: a part of how the test fails."""

    lifted: Sequence[Lifted]
    seen: str
    meet: str = ""
    crowd: int = CROWD
    # How many have to be there; by default the crowd.
    wait_for: int = 0
    # Only with the first of the test's parameters, unless each is a race of its own.
    each: bool = False


def guarded_by(*lifted: Lifted, seen: str, **more: Any) -> pytest.MarkDecorator:
    """Name the guard of a race test: the test runs with it, and once without."""
    return pytest.mark.guarded_by(Guard(lifted=lifted, seen=seen, **more))


class NeverMet(Exception):
    """A rival waited in vain: what was seen is not the race."""


@dataclass
class Meeting:
    """Where so many rivals wait for each other, once; who ends before is not waited for."""

    number: int
    missed: bool = False
    _here: int = 0
    _all: Condition = field(default_factory=Condition)
    _mine: local = field(default_factory=local)

    def attend(self, *, is_over: bool = False) -> None:
        """Wait for the others; or be done."""
        if getattr(self._mine, "was_there", False):
            return
        self._mine.was_there = True
        with self._all:
            self._here += 1
            self._all.notify_all()
            if is_over or self._all.wait_for(lambda: self._here >= self.number, timeout=_PATIENCE_SECONDS):
                return
        self.missed = True


_away: Guard | None = None
_meeting: Meeting | None = None


def crowd(usual: int) -> int:
    """How many rivals a test with so many has now."""
    return usual if _away is None else min(usual, _away.crowd)


@contextmanager
def meeting(rivals: int) -> Iterator[Callable[[], None]]:
    """Let rivals meet if their guard is away; each says when it is over."""
    global _meeting  # noqa: PLW0603  # of all threads
    _meeting = Meeting(_away.wait_for if _away and _away.wait_for else crowd(rivals))
    try:
        yield partial(_meeting.attend, is_over=True)
        if _meeting.missed:
            raise NeverMet
    finally:
        _meeting = None


def meet() -> None:
    """Wait for the rivals here, if the guard is away."""
    if _away is not None and _meeting is not None:
        _meeting.attend()


@contextmanager
def lifted(guard: Guard, module: Any) -> Iterator[None]:
    """Take the guard away, and put it back on empty tables."""
    global _away  # noqa: PLW0603
    with ExitStack() as stack:
        for item in guard.lifted:
            if isinstance(item, Replaced):
                stack.enter_context(mock.patch(item.target, item.by))
            elif isinstance(item, Dropped):
                for name in item.names:
                    stack.callback(_drop(name))
        stack.callback(_empty)
        stack.enter_context(mock.patch.object(CursorWrapper, "_execute_with_wrappers", _unguarded(guard)))
        for name in {"THREADS", "WORKERS"} & set(vars(module)):
            stack.enter_context(mock.patch.object(module, name, guard.crowd))
        _away = guard
        try:
            yield
        finally:
            _away = None


def _unguarded(guard: Guard) -> Any:
    usual = CursorWrapper._execute_with_wrappers  # type: ignore[attr-defined]  # Django's own seam
    changes = [item for item in guard.lifted if isinstance(item, Rewritten)]

    def execute(self: Any, sql: Any, params: Any, many: bool, executor: Any) -> Any:
        if isinstance(sql, str):
            statement = sql.strip()
            if guard.meet and re.match(guard.meet, statement):
                meet()
            for item in changes:
                if statement.startswith(item.begins) and (_meeting or not item.only_of_rivals):
                    sql = re.sub(item.pattern, item.replacement, sql, flags=re.DOTALL)
        return usual(self, sql, params, many, executor)

    return execute


def _drop(name: str) -> Callable[[], None]:
    """Take one constraint or a table's triggers away; returns what brings it back, exactly as it was."""
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name:
                return _without(model, constraint)
    if name in connection.introspection.table_names():
        _run(f'ALTER TABLE "{name}" DISABLE TRIGGER USER')
        return lambda: _run(f'ALTER TABLE "{name}" ENABLE TRIGGER USER')
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name]
        )
        table, definition = cursor.fetchone()
    _run(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    return lambda: _run(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')


def _without(model: type[Model], constraint: BaseConstraint) -> Callable[[], None]:
    def back() -> None:
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)

    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
    return back


def _empty() -> None:
    """Only the tables that hold something: all of them would take a second."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND pg_relation_size(oid) > 0 AND relname NOT IN ('django_migrations', 'django_content_type')"
            " AND relname NOT LIKE 'auth\\_%'"
        )
        names = ", ".join(f'"{name}"' for (name,) in cursor.fetchall())
        cursor.execute(f"TRUNCATE {names} CASCADE")


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
