"""Which faults of a database pass, so that "busy, come back" is the truth, and which are bugs of ours."""

import sqlite3
from contextlib import closing

import psycopg
import pytest
from django.db import DataError, Error, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from psycopg import errors
from psycopg_pool import PoolTimeout

from apps.kernel.db import is_passing


def caused(error: Error, cause: Exception) -> Error:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "cause",
    [
        errors.DeadlockDetected(),
        errors.SerializationFailure(),
        errors.LockNotAvailable(),
        errors.QueryCanceled(),
        errors.TooManyConnections(),
        errors.AdminShutdown(),
        errors.CannotConnectNow(),
        psycopg.OperationalError("connection refused"),
        PoolTimeout("couldn't get a connection"),
    ],
    ids=lambda cause: type(cause).__name__,
)
def test_a_postgresql_that_is_locked_full_or_away_passes(cause: Exception) -> None:
    assert is_passing(caused(OperationalError(), cause))


def test_a_lost_connection_passes() -> None:
    assert is_passing(caused(InterfaceError(), psycopg.InterfaceError("the connection is closed")))


@pytest.mark.parametrize(
    "error",
    [
        caused(ProgrammingError(), errors.UndefinedTable()),
        caused(IntegrityError(), errors.UniqueViolation()),
        caused(DataError(), errors.NumericValueOutOfRange()),
        ValueError("no database at all"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_bug_stays_a_bug(error: Exception) -> None:
    assert not is_passing(error)


def test_sqlite_says_operational_for_both() -> None:
    with closing(sqlite3.connect(":memory:")) as database, pytest.raises(sqlite3.OperationalError) as missing:
        database.execute("SELECT 1 FROM nothing")
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT

    assert not is_passing(caused(OperationalError(), missing.value))
    assert is_passing(caused(OperationalError(), locked))
