"""The audit itself: it survives what it finds, looks where it has to, and raises the alarm once per number."""

import logging
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from prometheus_client import REGISTRY

from apps.kernel import invariants
from apps.kernel.invariants import Breach, Invariant, audit_everything, audit_recent, invariant, since_last_run
from apps.kernel.models import CheckRun, OutboxDelivery, OutboxEvent, Switch
from apps.kernel.own_invariants import nothing_is_dated_ahead

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Door:
    """What the check of these tests looks at."""

    windows: list[datetime | None]
    breaches: list[Breach]
    alarms: list[Collection[Breach]]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    """One windowed check, alone in the registry."""
    watched = Door()
    watched.windows, watched.breaches, watched.alarms = [], [], []
    monkeypatch.setattr(invariants, "_registry", {})

    @invariant("I-99", "doors are shut", windowed=True, react=lambda found, now: watched.alarms.append(found))
    def doors_are_shut(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
        watched.windows.append(since)
        return watched.breaches

    return watched


def the_check() -> Invariant:
    (item,) = invariants.all_invariants()
    return item


def test_the_minute_run_goes_on_where_it_found_nothing(door: Door) -> None:
    audit_recent(now=NOON)
    audit_recent(now=NOON + MINUTE)

    assert door.windows == [NOON - invariants.LONGEST_WINDOW, NOON - invariants.OVERLAP]


def test_a_breach_is_looked_at_again_until_it_is_repaired(door: Door) -> None:
    audit_recent(now=NOON)
    door.breaches = [Breach("door 7", "ajar", "7")]
    audit_recent(now=NOON + MINUTE)
    audit_recent(now=NOON + 2 * MINUTE)

    assert door.windows[1:] == [NOON - invariants.OVERLAP] * 2
    assert [list(found) for found in door.alarms] == [door.breaches] * 2
    assert CheckRun.objects.get().breaches == 1


def test_a_reaction_that_fails_keeps_no_check_from_running(door: Door) -> None:
    later: list[datetime] = []

    def react(found: Collection[Breach], now: datetime) -> None:
        raise RuntimeError

    @invariant("I-98", "bells ring", react=react)
    def bells_ring(now: datetime) -> Iterable[Breach]:
        return [Breach("bell 1", "silent", "1")]

    @invariant("I-99-later", "later checks run")
    def later_checks_run(now: datetime) -> Iterable[Breach]:
        later.append(now)
        return []

    audit_recent(now=NOON)

    assert later == [NOON]
    assert CheckRun.objects.get(number="I-98").breaches == 1


def test_a_mark_that_a_fast_clock_left_hides_nothing(door: Door) -> None:
    audit_recent(now=NOON + timedelta(days=30))

    assert since_last_run(the_check(), now=NOON) == NOON - invariants.OVERLAP


def test_the_nightly_run_looks_at_every_row(door: Door) -> None:
    audit_everything(now=NOON)

    assert door.windows == [None]


def test_one_line_names_the_number_and_the_first_row(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.breaches = [Breach("door 7", "ajar"), Breach("door 8", "open")]

    with caplog.at_level(logging.ERROR, "apps.kernel.invariants"):
        audit_recent(now=NOON)

    assert [record.getMessage() for record in caplog.records] == [
        "I-99 is broken: doors are shut; 2 found, first door 7: ajar"
    ]


def test_prometheus_reads_how_the_last_runs_ended(door: Door) -> None:
    audit_everything(now=NOON)
    door.breaches = [Breach("door 7", "ajar")]
    audit_recent(now=NOON + MINUTE)

    def gauge(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"chatloop_invariant_{name}", {"number": "I-99"} | labels)

    assert (gauge("breaches", run="recent"), gauge("breaches", run="full")) == (1.0, 0.0)
    assert gauge("checked_seconds") == (NOON + MINUTE).timestamp()


def test_prometheus_is_told_nothing_of_a_check_that_has_another_name_now(door: Door) -> None:
    CheckRun.objects.create(name="apps.doors.doors_are_shut", number="I-99", ran_at=NOON - 9 * MINUTE, breaches=7)

    audit_recent(now=NOON)

    labels = {"number": "I-99"}
    assert REGISTRY.get_sample_value("chatloop_invariant_breaches", {**labels, "run": "recent"}) == 0.0
    assert REGISTRY.get_sample_value("chatloop_invariant_checked_seconds", labels) == NOON.timestamp()


def test_a_check_that_stumbles_is_a_breach_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The database refuses what follows an error in a transaction; a secret in a row must not be quoted."""
    monkeypatch.setattr(invariants, "_registry", {})

    @invariant("I-97", "rows can be read")
    def stumbles(now: datetime) -> Iterable[Breach]:
        yield Breach("row 1", "odd")
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret FROM nowhere")

    @invariant("I-98", "this one too")
    def stands(now: datetime) -> Iterable[Breach]:
        return [Breach("switches", str(Switch.objects.count()))]

    with pytest.raises(SystemExit) as ended:
        call_command("audit", "--full")

    assert ended.value.code == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "BREACH I-97 rows can be read",
        "       row 1: odd",
        f"       the check itself: could not finish: {_missing_table_error()}",
    ]
    assert said[3:] == ["BREACH I-98 this one too", "       switches: 0", "2 invariants checked, 2 broken"]


def _missing_table_error() -> str:
    return "ProgrammingError" if connection.vendor == "postgresql" else "OperationalError"


def test_the_command_looks_where_it_is_told_and_changes_nothing(door: Door) -> None:
    call_command("audit")
    call_command("audit", "--recent", "--only", "I-99")

    assert door.windows[0] is None
    assert door.windows[1] is not None
    assert not CheckRun.objects.exists()
    with pytest.raises(CommandError):
        call_command("audit", "--only", "I-00")


@pytest.mark.parametrize("since", [None, NOON])
def test_a_row_from_the_future_is_named(since: datetime | None) -> None:
    event = OutboxEvent.objects.create(topic="t", payload={}, created_at=NOON + timedelta(minutes=3))
    OutboxEvent.objects.create(topic="t", payload={}, created_at=NOON + timedelta(minutes=1))

    assert [breach.subject for breach in nothing_is_dated_ahead(NOON, since)] == [f"kernel_outboxevent {event.pk}"]


def test_a_next_step_may_lie_ahead_but_not_for_ever() -> None:
    event = OutboxEvent.objects.create(topic="t", payload={}, created_at=NOON)
    for days, handler in ((0, "soon"), (9, "in nine days")):
        OutboxDelivery.objects.create(
            event=event, handler=handler, queue="default", available_at=NOON + timedelta(days=days), created_at=NOON
        )

    (found,) = nothing_is_dated_ahead(NOON)
    assert found.subject == f"kernel_outboxdelivery {OutboxDelivery.objects.get(handler='in nine days').pk}"


def test_a_number_that_does_not_exist_is_not_an_all_clear() -> None:
    with pytest.raises(CommandError, match=r"I-998, I-999$"):
        call_command("audit", only=["I-03", "I-999", "I-998"])
