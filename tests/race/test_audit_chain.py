"""Real threads: operators who act at the same moment make one chain, and none of them waits for another's locks."""

from collections.abc import Callable
from datetime import datetime
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection, transaction

from apps.kernel import audit, audit_chain, clock, switches
from apps.kernel.invariants import all_invariants, find
from apps.kernel.models import AuditEntry, AuditHead, AuditLink, Switch
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import guarded_by, locks, replaced

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 12
UNLOCKED = locks("kernel_audithead")


def record() -> None:
    audit.record(actor="staff:1", action="a", target=("t", "1"), reason="why", now=clock.now())


def at_once(act: Callable[[], None], **_: object) -> None:
    act()


def begun_by_who_saw_none(now: datetime) -> AuditHead:
    return AuditHead.objects.first() or AuditHead.objects.create(
        pk=AuditHead.ONLY, sequence=0, hash="", mac=audit_chain.mac_of_head(0, "")
    )


def act() -> None:
    with transaction.atomic():
        record()


def the_chain_is_whole(length: int) -> None:
    (check,) = (item for item in all_invariants() if item.number == "I-65")
    assert find(check, now=clock.now()).breaches == ()
    assert AuditEntry.objects.count() == length
    assert list(AuditLink.objects.order_by("pk").values_list("pk", flat=True)) == list(range(1, length + 1))
    assert AuditHead.objects.get().sequence == length


@guarded_by(UNLOCKED, meet='INSERT INTO "kernel_auditlink"', seen="more items?")
def test_who_acts_at_once_makes_one_chain() -> None:
    act()

    outcomes = run_concurrently(act, THREADS)

    assert outcomes.errors == []
    the_chain_is_whole(1 + THREADS)


@guarded_by(
    replaced("apps.kernel.audit_chain._locked_head", begun_by_who_saw_none),
    meet='INSERT INTO "kernel_audithead"',
    seen=r"== \[1, 2, 3, 4\]",
)
def test_who_acts_first_at_once_begins_one_chain() -> None:
    for _ in range(20):
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE kernel_audithead, kernel_auditlink, kernel_auditentry")

        outcomes = run_concurrently(act, 4)

        assert outcomes.errors == []
        the_chain_is_whole(4)


@guarded_by(UNLOCKED, meet='INSERT INTO "kernel_auditlink"', seen="IntegrityError")
def test_who_acts_while_others_sweep_is_linked_once() -> None:
    def sweep() -> None:
        for _ in range(10):
            audit_chain.extend(first=UUID(int=0), now=clock.now())

    act()

    outcomes = run_together([act, sweep] * (THREADS // 2))

    assert outcomes.errors == []
    the_chain_is_whole(1 + THREADS // 2)


@guarded_by(replaced("django.db.transaction.on_commit", at_once), seen="deadlock")
def test_an_act_that_locks_more_after_its_entry_meets_no_deadlock() -> None:
    """Each writes its entry while the other holds the row that it wants next."""
    switches.ensure_rows(now=clock.now())
    names = list(Switch.objects.order_by("pk").values_list("pk", flat=True)[:1])
    written, held = Barrier(2, timeout=30), Barrier(2, timeout=30)

    def entry_then_row() -> None:
        with transaction.atomic():
            record()
            written.wait()
            held.wait()
            Switch.objects.select_for_update().get(pk=names[0])

    def row_then_entry() -> None:
        with transaction.atomic():
            written.wait()
            Switch.objects.select_for_update().get(pk=names[0])
            held.wait()
            record()

    outcomes = run_together([entry_then_row, row_then_entry])

    assert outcomes.errors == []
    the_chain_is_whole(2)
