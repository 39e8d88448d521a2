"""No log line holds a row of the database."""

import logging
import subprocess
import sys
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError
from psycopg import errors

from config import env, logs
from config.settings import base

SECRET = "oSecretOpenid0001"
UNIQUE = (
    'duplicate key value violates unique constraint "accounts_wechatidentity_once_per_account"\n'
    f"DETAIL:  Key (app_id, openid)=(wx1, {SECRET}) already exists."
)
CHECK = (
    'new row for relation "accounts_user" violates check constraint "accounts_user_closed_is_nobody"\n'
    f"DETAIL:  Failing row contains (018f, {SECRET}, null)."
)
UNREADABLE = f'invalid input syntax for type uuid: "{SECRET}"\nLINE 1: SELECT {SECRET}\n               ^'
BUSY = "canceling statement due to lock timeout\nCONTEXT:  while updating tuple (0,1)"


def line(level: int = logging.ERROR, message: str = "it failed", *arguments: Any, error: Any = None) -> str:
    """The record as every process writes it."""
    written = base.LOGGING["formatters"]["line"]
    formatter = logs.Line(written["fmt"])
    assert written["()"] == f"{logs.__name__}.Line"
    info = (type(error), error, error.__traceback__) if error else None
    return formatter.format(logging.LogRecord("x", level, "", 0, message, arguments or None, info))


def raised(outer: type[Exception], inner: Exception) -> Exception:
    """Django's error over the driver's, as a traceback holds both."""
    try:
        try:
            raise inner
        except Exception as cause:
            raise outer(*cause.args) from cause
    except Exception as error:  # noqa: BLE001  # whatever the test raised
        return error


CASES = {
    "unique": (raised(IntegrityError, errors.UniqueViolation(UNIQUE)), "once_per_account"),
    "check": (raised(IntegrityError, errors.CheckViolation(CHECK)), "closed_is_nobody"),
    "unreadable": (raised(DataError, errors.InvalidTextRepresentation(UNREADABLE)), "InvalidTextRepresentation"),
    "busy": (raised(OperationalError, errors.LockNotAvailable(BUSY)), "lock timeout"),
}


@pytest.mark.parametrize(("error", "kept"), CASES.values(), ids=CASES)
def test_a_traceback_says_what_broke_and_not_with_which_values(error: Exception, kept: str) -> None:
    for text in (
        line(error=error),
        line(error=raised(RuntimeError, error)),
        line(error=ExceptionGroup("several", [error])),
        line(logging.ERROR, "Task raised: %r", error),
        line(logging.ERROR, "Task %(name)s raised: %(exc)s", {"name": "t", "exc": repr(error)}, error=error),
    ):
        assert SECRET not in text
    assert kept in line(error=error)
    assert "test_logs.py" in line(error=error)


def test_sqlite_names_columns_and_its_words_stay() -> None:
    assert "UNIQUE constraint failed: a.b" in line(
        error=raised(IntegrityError, Exception("UNIQUE constraint failed: a.b"))
    )


def test_other_errors_stay_as_they_are() -> None:
    assert "two\nlines" in line(error=ValueError("two\nlines"))


def test_the_web_server_writes_through_the_same_formatter() -> None:
    program = """
import logging, django, uvicorn
uvicorn.Config("config.asgi:application")
django.setup()
from django.db import IntegrityError
logging.getLogger("uvicorn.error").error("It failed", exc_info=IntegrityError("x\\nDETAIL: oSecret"))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=env.ROOT, capture_output=True, text=True, check=True)
    assert "IntegrityError" in done.stderr
    assert "oSecret" not in done.stdout + done.stderr


def test_what_ends_a_process_is_written_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert sys.excepthook.__module__ == logs.__name__
    error = CASES["check"][0]
    sys.excepthook(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert "closed_is_nobody" in said
    assert SECRET not in said


def test_the_suite_may_walk_through_the_loggers_while_another_thread_adds_one() -> None:
    """As pytest does around each test; see `_Loggers` in the suite's conftest."""
    for walked, _ in enumerate(logging.root.manager.loggerDict.values()):
        if not walked:
            logging.getLogger("tests.added_while_walking")
