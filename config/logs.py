"""What is written to the log: lines that never hold a row of the database, in whatever process they are written."""

import logging
import sys
from collections.abc import Iterator
from types import TracebackType

# Classes of SQLSTATE whose first line names columns, constraints and locks, but no value.
_SAFE_STATES = ("08", "23", "40", "53", "55", "57", "P0")


class Line(logging.Formatter):
    """One line per record, and a traceback below it. Of a database's error it keeps what broke, not with which values.

    PostgreSQL quotes the failing row in the lines after the first, and what it could not read in the first one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        text = super().format(record)
        for error in _errors_of(record):
            if is_of_a_database(error):
                text = without_values(text, error)
        return text


def is_of_a_database(error: BaseException) -> bool:
    """Whether a database's driver raised it, or Django in its place."""
    return any(kind.__module__.partition(".")[0] in ("psycopg", "sqlite3") for kind in type(error).__mro__) or any(
        kind.__module__ == "django.db.utils" for kind in type(error).__mro__
    )


def without_values(text: str, error: BaseException) -> str:
    """A text that quotes this error, without the lines of it that may quote a row."""
    said = str(error)
    first, *more = said.splitlines() or [""]
    hidden = more if _is_safe(error) else [first, *more]
    for whole in (said, repr(said)[1:-1]):
        text = text.replace(whole, first if _is_safe(error) else "(not shown)")
    # Indented, or cut: line by line.
    for line in filter(str.strip, hidden):
        text = text.replace(line.strip(), "(not shown)")
    return text


def install() -> None:
    """Let what ends a process go through the log too, and not past it to the terminal."""
    sys.excepthook = _stopped


def _is_safe(error: BaseException) -> bool:
    source = error.__cause__ if error.__cause__ is not None and is_of_a_database(error.__cause__) else error
    state = getattr(source, "sqlstate", None)
    # SQLite names columns and never values, and has no states.
    return str(state).startswith(_SAFE_STATES) if state else "\n" not in str(error)


def _errors_of(record: logging.LogRecord) -> Iterator[BaseException]:
    """The errors that a record holds, with those that caused them."""
    arguments = record.args.values() if isinstance(record.args, dict) else record.args or ()
    waiting = [each for each in arguments if isinstance(each, BaseException)]
    if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
        waiting.append(record.exc_info[1])
    seen: set[int] = set()
    while waiting:
        error = waiting.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        waiting += [each for each in (error.__cause__, error.__context__) if each is not None]
        waiting += error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _stopped(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    handler = logging.StreamHandler()
    handler.setFormatter(Line("%(message)s"))
    record = logging.LogRecord("process", logging.CRITICAL, "", 0, "Stopped.", (), (kind, error, trace))
    handler.handle(record)
