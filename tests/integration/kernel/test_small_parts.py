"""Limits, pages, switches and the audit trail."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.kernel import audit, clock, fresh, limits, switches
from apps.kernel.errors import CursorNotValid, RateLimited
from apps.kernel.models import AuditEntry, OutboxEvent, RateWindow, Switch
from apps.kernel.own_invariants import facts_are_guarded
from apps.kernel.paging import page_of
from tests.rows import unguard

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_limit_admits_exactly_its_number_and_says_how_long_to_wait() -> None:
    limits.hit("another door", limit=3, window=MINUTE, now=NOON - timedelta(seconds=30))
    for late in (0, 5, 10):
        limits.hit("door", limit=3, window=MINUTE, now=NOON + timedelta(seconds=late))

    with pytest.raises(RateLimited) as refusal:
        limits.hit("door", limit=3, window=MINUTE, now=NOON + timedelta(seconds=18))

    assert refusal.value.context == {"retry_after": 42}
    limits.hit("door", limit=3, window=MINUTE, now=NOON + MINUTE)
    limits.hit("window", limit=3, window=MINUTE, now=NOON)


def test_a_window_begins_with_its_first_try_and_not_with_the_minute() -> None:
    last_second = NOON + timedelta(seconds=59)
    for late in range(3):
        limits.hit("door", limit=3, window=MINUTE, now=last_second + timedelta(seconds=late))

    with pytest.raises(RateLimited) as refusal:
        limits.hit("door", limit=3, window=MINUTE, now=last_second + timedelta(seconds=3))
    assert refusal.value.context == {"retry_after": 57}
    with pytest.raises(RateLimited):
        limits.hit("door", limit=3, window=MINUTE, now=last_second + timedelta(seconds=59.9))
    limits.hit("door", limit=3, window=MINUTE, now=last_second + MINUTE)


def test_clocks_that_differ_share_a_window_and_one_that_was_far_ahead_holds_nobody() -> None:
    limits.hit("door", limit=2, window=MINUTE, now=NOON)
    limits.hit("door", limit=2, window=MINUTE, now=NOON - timedelta(seconds=2))
    with pytest.raises(RateLimited) as refusal:
        limits.hit("door", limit=2, window=MINUTE, now=NOON - timedelta(seconds=2))
    assert refusal.value.context == {"retry_after": 62}

    limits.hit("door", limit=1, window=MINUTE, now=NOON - timedelta(hours=1))
    with pytest.raises(RateLimited):
        limits.check("door", limit=1, window=MINUTE, now=NOON - timedelta(hours=1))


def test_keys_and_windows_are_counted_apart() -> None:
    for key in ("door", "window"):
        for at in (NOON, NOON, NOON + MINUTE):
            limits.hit(key, limit=2, window=MINUTE, now=at)

    assert list(RateWindow.objects.values_list("hits", "window_start")) == [(1, NOON + MINUTE)] * 2


def test_a_check_counts_nothing_and_refuses_what_is_used_up() -> None:
    at = NOON + timedelta(seconds=18)
    limits.hit("door", limit=3, window=MINUTE, now=NOON)
    for _ in range(3):
        limits.check("door", limit=2, window=MINUTE, now=at)
    limits.hit("door", limit=3, window=MINUTE, now=at)

    with pytest.raises(RateLimited) as refusal:
        limits.check("door", limit=2, window=MINUTE, now=at)

    assert refusal.value.context == {"retry_after": 42}
    limits.check("door", limit=2, window=MINUTE, now=NOON + MINUTE)
    limits.check("window", limit=2, window=MINUTE, now=at)


def test_a_try_that_was_none_is_given_back_to_its_own_key_and_never_more_than_there_were() -> None:
    for key in ("door", "window"):
        limits.hit(key, limit=1, window=MINUTE, now=NOON)

    limits.give_back("door")
    limits.give_back("door")

    limits.hit("door", limit=1, window=MINUTE, now=NOON)
    for key in ("door", "window"):
        with pytest.raises(RateLimited):
            limits.hit(key, limit=1, window=MINUTE, now=NOON)


def test_old_windows_are_pruned() -> None:
    limits.hit("door", limit=3, window=MINUTE, now=NOON)

    assert limits.forget_old(now=NOON + timedelta(days=1)) == 0
    assert limits.forget_old(now=NOON + timedelta(days=3)) == 1
    assert not RateWindow.objects.exists()


def published(count: int) -> list[str]:
    for number in range(count):
        OutboxEvent.objects.create(topic=f"t{number}", payload={}, created_at=NOON)
    return [f"t{number}" for number in reversed(range(count))]


def test_pages_lead_through_all_rows_and_back() -> None:
    topics = published(5)
    rows = OutboxEvent.objects.all()

    first = page_of(rows, None, 2)
    second = page_of(rows, first.next, 2)
    third = page_of(rows, second.next, 2)

    assert [row.topic for page in (first, second, third) for row in page.items] == topics
    assert (first.previous, third.next) == (None, None)
    back = page_of(rows, third.previous, 2)
    assert [row.topic for row in back.items] == topics[2:4]
    assert page_of(rows, second.previous, 2).previous is None


def test_an_empty_list_is_a_page_without_links() -> None:
    assert page_of(OutboxEvent.objects.all(), None) == type(page_of(OutboxEvent.objects.all(), None))((), None, None)


@pytest.mark.parametrize("cursor", ["x", "o", "zz", "o123", "q" + "0" * 32])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(CursorNotValid):
        page_of(OutboxEvent.objects.all(), cursor)


def test_a_switch_is_on_until_an_operator_turns_it_off() -> None:
    switches.declare("tests.lamp", "the lamp")
    assert switches.is_on("tests.lamp")

    switches.flip(name="tests.lamp", is_on=False, actor="staff:1", reason="too bright", now=NOON)

    assert not switches.is_on("tests.lamp")
    assert AuditEntry.objects.get().after == {"is_on": False}
    switches.flip(name="tests.lamp", is_on=True, actor="staff:1", reason="too dark", now=NOON)
    assert switches.is_on("tests.lamp")


def test_another_process_sees_a_flip_when_its_copy_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh, "_MAX_AGE_SECONDS", 60.0)
    switches.declare("tests.lamp", "the lamp")
    assert switches.is_on("tests.lamp")
    Switch.objects.update_or_create(name="tests.lamp", defaults={"is_on": False, "updated_at": NOON})
    assert switches.is_on("tests.lamp")

    monkeypatch.setattr(fresh, "_MAX_AGE_SECONDS", -1.0)

    assert not switches.is_on("tests.lamp")


def test_an_undeclared_switch_is_a_bug() -> None:
    with pytest.raises(LookupError):
        switches.is_on("tests.unknown")
    with pytest.raises(LookupError):
        switches.flip(name="tests.unknown", is_on=True, actor="staff:1", reason="?", now=NOON)


def test_the_audit_trail_cannot_be_rewritten() -> None:
    with transaction.atomic():
        audit.record(actor=audit.SYSTEM, action="a", target=("t", "1"), reason="because", now=clock.now())

    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        AuditEntry.objects.update(reason="otherwise")

    assert AuditEntry.objects.get().reason == "because"


@pytest.mark.parametrize("table", ["kernel_auditentry", "kernel_outboxevent"])
def test_the_audit_misses_a_trigger_that_is_gone(table: str) -> None:
    assert list(facts_are_guarded(clock.now())) == []

    unguard(table)

    assert len(list(facts_are_guarded(clock.now()))) == 1
