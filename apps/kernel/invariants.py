"""What must never be false, as queries (class A of the invariant list): registered here, run guarded.

A check is given `now`. One that is registered as windowed is also given `since`: rows that came before it were looked
at by an earlier run; None means every row. Numbers, classes, and how to add a check: docs/algorithms/audit.md.
"""

import itertools
import logging
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from apps.kernel.ids import first_id_at
from apps.kernel.models import CheckRun, Row

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Row)

# The first rows name the trouble; a broken system would have millions.
SHOWN = 100
# Rows of a transaction that was under way when the last run read the table.
OVERLAP = timedelta(minutes=10)
# The most that the minute run looks back: what is older is the nightly run's.
LONGEST_WINDOW = timedelta(days=2)


@dataclass(frozen=True)
class Breach:
    """One row that breaks an invariant; `detail` holds numbers and ids, nothing personal.

    `about` is the id that a reaction acts on, where the check has one.
    """

    subject: str
    detail: str
    about: str = ""


Check = Callable[..., Iterable[Breach]]
Reaction = Callable[[Collection[Breach], datetime], None]


@dataclass(frozen=True)
class Invariant:
    """A named check. `react` is what the scheduled runs do about its breaches besides raising the alarm."""

    number: str
    title: str
    check: Check
    is_windowed: bool = False
    react: Reaction | None = None

    @property
    def name(self) -> str:
        """What tells this check from others of its number."""
        return f"{self.check.__module__}.{self.check.__name__}"


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    invariant: Invariant
    breaches: tuple[Breach, ...]


_registry: dict[str, Invariant] = {}


def invariant(
    number: str, title: str, *, windowed: bool = False, react: Reaction | None = None
) -> Callable[[Check], Check]:
    """Register a check under its number in the invariant list, for example "I-03".

    A windowed check takes `since: datetime | None = None` after `now`.
    """

    def register(check: Check) -> Check:
        item = Invariant(number, title, check, windowed, react)
        _registry[item.name] = item
        return check

    return register


def all_invariants() -> tuple[Invariant, ...]:
    """Every registered check in the order of the numbers."""
    return tuple(sorted(_registry.values(), key=lambda item: item.number))


def find(item: Invariant, *, now: datetime, since: datetime | None = None) -> Finding:
    """Run one check. What it raises is a breach of its number: a malformed row must not hide the others."""
    found: list[Breach] = []
    try:
        with _own_savepoint():
            rows = item.check(now, since=since) if item.is_windowed else item.check(now)
            for breach in itertools.islice(rows, SHOWN):
                found.append(breach)  # what was found before a failure is kept
    except Exception as failure:  # noqa: BLE001  # a row may be malformed in any way
        # The class alone: a message may quote the row.
        found.append(Breach("the check itself", f"could not finish: {type(failure).__name__}"))
    return Finding(item, tuple(found))


def audit_everything(*, now: datetime) -> list[Finding]:
    """Run every check over every row, remember the outcome, raise the alarm. For the night: it reads whole tables."""
    return [_remembered(find(item, now=now), now=now, is_full=True) for item in all_invariants()]


def audit_recent(*, now: datetime) -> list[Finding]:
    """Run every check, the windowed ones over what came since they last found nothing; remember, raise the alarm.

    A window that has a breach is looked at again each time until it is repaired or older than two days, when the
    nightly run alone still names it.
    """
    return [
        _remembered(find(item, now=now, since=since), now=now, is_full=False)
        for item, since in _windows(all_invariants(), now)
    ]


def since_last_run(item: Invariant, *, now: datetime) -> datetime:
    """From where the minute run of a windowed check would start."""
    ((_, since),) = _windows([item], now)
    return since


def rows(query: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
    """The first rows of a check's own SQL."""
    with connection.cursor() as cursor:
        cursor.execute(query, list(values))
        found: list[tuple[Any, ...]] = cursor.fetchmany(SHOWN)
    return found


def came_since(every: QuerySet[R], since: datetime | None) -> QuerySet[R]:
    """The rows that came since then, or every row (None)."""
    return every if since is None else every.filter(pk__gte=first_id_at(since))


def first_key_at(since: datetime | None) -> UUID | str:
    """For a check's own SQL: no key of a row since then, or of any row (None), is smaller."""
    first = first_id_at(since) if since else UUID(int=0)
    return first if connection.features.has_native_uuid_field else first.hex


def _windows(items: Iterable[Invariant], now: datetime) -> list[tuple[Invariant, datetime]]:
    sound = {run.name: run.sound_until for run in CheckRun.objects.all()}
    oldest = now - LONGEST_WINDOW
    # A clock that was ahead left a mark in the future; from there nothing would ever be looked at.
    return [(item, max(oldest, min(sound.get(item.name) or oldest, now) - OVERLAP)) for item in items]


def _remembered(finding: Finding, *, now: datetime, is_full: bool) -> Finding:
    item, count = finding.invariant, len(finding.breaches)
    changes: dict[str, Any] = {"number": item.number, "ran_at": now, "breaches": count}
    if is_full:
        changes |= {"full_ran_at": now, "full_breaches": count}
    if not count:
        changes["sound_until"] = now
    CheckRun.objects.update_or_create(name=item.name, defaults=changes)
    if count:
        first = finding.breaches[0]
        logger.error("%s is broken: %s; %d found, first %s: %s", item.number, item.title, count, *_said(first))
        _react(item, finding.breaches, now)
    return finding


def _react(item: Invariant, breaches: Collection[Breach], now: datetime) -> None:
    """A reaction that fails keeps no other check from running; the next run tries it again."""
    about = [breach for breach in breaches if breach.about]
    if item.react is None or not about:
        return
    try:
        with _own_savepoint():
            item.react(about, now)
    except Exception as failure:  # noqa: BLE001  # the process boundary of one check, as in find()
        logger.error(
            "%s: the reaction failed: %s", item.number, type(failure).__name__
        )  # the class alone: its words may quote the row


def _said(breach: Breach) -> tuple[str, str]:
    return breach.subject, breach.detail


def _own_savepoint() -> AbstractContextManager[object]:
    # Inside a transaction PostgreSQL refuses everything after an error; outside one there is nothing to save,
    # and on SQLite a transaction would keep every writer waiting.
    return transaction.atomic() if connection.in_atomic_block else nullcontext()
