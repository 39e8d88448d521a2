"""The trail is one chain: what is done to it without the site's key is named, or contradicted by the log."""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from apps.kernel import audit, audit_chain, clock, sealing
from apps.kernel.ids import first_id_at, new_id
from apps.kernel.invariants import all_invariants, find
from apps.kernel.models import AuditEntry, AuditHead, AuditLink
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

ANOTHER = "another secret that nobody guesses, fifty or more of it"
WHY = ("--reason", "the safe burnt down")
HEAD = "head of the audit trail"
FIRST = UUID(int=0)
HOUR = timedelta(hours=1)
Breaches = list[tuple[str, str]]


def write(reason: str, **content: Any) -> AuditEntry:
    with transaction.atomic():
        audit.record(actor="staff:1", action="a", target=("t", "1"), reason=reason, now=clock.now(), **content)
    return AuditEntry.objects.get(reason=reason)


def extend() -> None:
    """As after each commit."""
    audit_chain.extend(first=FIRST, now=clock.now())


def breaches(*, now: datetime | None = None, since: datetime | None = None) -> Breaches:
    (check,) = (item for item in all_invariants() if item.number == "I-65")
    return [(breach.subject, breach.detail) for breach in find(check, now=now or clock.now(), since=since).breaches]


def said(command: str, *arguments: str) -> list[str]:
    """The lines of a command, whatever its exit code."""
    output = StringIO()
    try:
        call_command(command, *arguments, stdout=output)
    except SystemExit as stop:
        output.write(f"exit {stop.code}\n")
    return output.getvalue().splitlines()


def unowned() -> str:
    return f"no key of ours vouches for it; its own is {sealing.key_of(AuditHead.objects.get().mac)}"


@pytest.fixture
def trail() -> list[AuditEntry]:
    """Three entries on the chain, with nothing to find."""
    entries = [write(reason) for reason in ("first", "second", "third")]
    extend()
    assert breaches() == []
    return entries


@pytest.fixture
def unguarded(trail: list[AuditEntry]) -> list[AuditEntry]:
    """The same, and a forger who dropped the triggers."""
    for table in ("kernel_auditentry", "kernel_auditlink", "kernel_audithead"):
        unguard_all(table)
    return trail


def changed(entry: AuditEntry, **columns: Any) -> int:
    return AuditEntry.objects.filter(pk=entry.pk).update(**columns)


def removed(*entries: AuditEntry) -> int:
    AuditLink.objects.filter(entry__in=entries)._raw_delete("default")
    return AuditEntry.objects.filter(pk__in=[entry.pk for entry in entries])._raw_delete("default")


def copied(entry: AuditEntry, **columns: Any) -> AuditEntry:
    copy = AuditEntry.objects.get(pk=entry.pk)
    for name, value in {"pk": new_id(), **columns}.items():
        setattr(copy, name, value)
    copy.save(force_insert=True)
    return copy


def relinked(forged: object) -> None:
    """All links anew after a forgery, and a head at their end: all but what a key is needed for."""
    assert forged
    AuditLink.objects.all()._raw_delete("default")
    last = ""
    for sequence, entry in enumerate(AuditEntry.objects.order_by("pk"), 1):
        last = audit_chain.next_hash(last, entry)
        AuditLink.objects.create(sequence=sequence, entry=entry, hash=last)
    AuditHead.objects.update(sequence=sequence, hash=last)


def exchanged(one: AuditEntry, other: AuditEntry) -> None:
    first, second = AuditLink.objects.get(entry=one), AuditLink.objects.get(entry=other)
    AuditLink.objects.filter(entry__in=(one, other))._raw_delete("default")
    AuditLink.objects.create(sequence=first.sequence, hash=first.hash, entry=other)
    AuditLink.objects.create(sequence=second.sequence, hash=second.hash, entry=one)


def gone(place: int) -> tuple[str, str]:
    return f"link {place} of the audit trail", "is gone, or its entry is"


def test_what_is_committed_is_linked_in_its_order(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        first, second = write("first"), write("second")

    one = audit_chain.next_hash("", first)
    two = audit_chain.next_hash(one, second)
    assert list(AuditLink.objects.order_by("pk").values_list("sequence", "entry", "hash")) == [
        (1, first.pk, one),
        (2, second.pk, two),
    ]
    head = AuditHead.objects.get()
    assert (head.sequence, head.hash, head.mac) == (2, two, sealing.keyed_hash("audit_head", f"2 {two}"))
    assert breaches() == []


def test_what_the_first_format_hashes_never_changes() -> None:
    entry = AuditEntry(
        id=UUID("01980000-0000-7000-8000-000000000001"),
        created_at=datetime(2026, 11, 1, 20, 0, tzinfo=timezone(8 * HOUR)),
        actor="staff:1",
        action="a",
        target_type="t",
        target_id="1",
        reason="why",
        after={"z": [1, None], "a": "价", 7: True},
        mac="code",
    )
    content = (
        '[1,"01980000-0000-7000-8000-000000000001","2026-11-01T12:00:00.000000+00:00","staff:1","a","t","1","why",'
        'null,{"7":true,"a":"价","z":[1,null]}]'
    )

    assert audit_chain.next_hash("before", entry) == hashlib.sha256(f"before code {content}".encode()).hexdigest()
    assert audit_chain.mac_of(entry) == sealing.keyed_hash("audit_entry", content)


def test_an_entry_is_read_back_as_it_was_hashed() -> None:
    write("numbers", before={"b": 1, "a": 0.5, 10: [1.0, -3], 9: 2**60}, after={"价": {"x": None, "\U0001f600": "é"}})
    extend()

    assert breaches() == []


NOT_OURS = "audit entry {last}", "was not written by this site"
UNOWNED = HEAD, "no key of ours vouches for it; its own is {key}"
FORGERIES: dict[str, tuple[Callable[..., Any], Breaches]] = {
    "a changed entry": (
        lambda one, two, three: changed(two, reason="other"),
        [("audit entry {two}", "is not what became link 2")],
    ),
    "the last entry changed": (
        lambda one, two, three: changed(three, after={"points": 1}),
        [("audit entry {three}", "is not what became link 3")],
    ),
    "another format": (
        lambda one, two, three: changed(one, format=2),
        [("audit entry {one}", "is not what became link 1")],
    ),
    "the last entry gone": (
        lambda one, two, three: removed(three),
        [(HEAD, "is link 3, and the last link is 2")],
    ),
    "the first entry gone": (lambda one, two, three: removed(one), [gone(1)]),
    "an entry gone": (lambda one, two, three: removed(two), [gone(2)]),
    "all gone": (removed, [(HEAD, "is link 3, and the last link is 0")]),
    "two entries exchanged": (
        lambda one, two, three: exchanged(two, three),
        [("audit entry {three}", "is not what became link 2"), ("audit entry {two}", "is not what became link 3")],
    ),
    "an entry from nowhere": (lambda one, two, three: copied(one, mac=""), [NOT_OURS]),
    "an entry twice": (lambda one, two, three: copied(three), [NOT_OURS]),
    "another hash": (
        lambda one, two, three: AuditLink.objects.filter(pk=3).update(hash="0" * 64),
        [("audit entry {three}", "is not what became link 3"), (HEAD, "is not the hash of the last link")],
    ),
    "no head": (lambda one, two, three: AuditHead.objects.all()._raw_delete("default"), [(HEAD, "is gone")]),
    "all hashes anew after a change": (
        lambda one, two, three: relinked(changed(two, reason="other")),
        [UNOWNED, ("audit entry {two}", "does not say what this site wrote")],
    ),
    "all hashes anew after a removal": (lambda one, two, three: relinked(removed(two)), [UNOWNED]),
    "all hashes anew after an addition": (lambda one, two, three: relinked(copied(one, mac="")), [UNOWNED]),
}


@pytest.mark.parametrize(("forge", "found"), FORGERIES.values(), ids=FORGERIES)
def test_what_is_forged_is_named(unguarded: list[AuditEntry], forge: Callable[..., Any], found: Breaches) -> None:
    key = sealing.key_of(AuditHead.objects.get().mac)

    forge(*unguarded)

    pks = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)
    names: dict[str, object] = dict(zip(("one", "two", "three"), (entry.pk for entry in unguarded), strict=True))
    names |= {"last": pks.first(), "key": key}
    assert breaches() == [(subject.format(**names), detail.format(**names)) for subject, detail in found]


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_link_without_its_entry_is_named(unguarded: list[AuditEntry], place: int) -> None:
    with transaction.atomic():
        AuditEntry.objects.filter(pk=unguarded[place - 1].pk)._raw_delete("default")
        found = breaches()
        transaction.set_rollback(True)

    assert found == [gone(place)]


def test_a_chain_that_was_forged_is_not_made_ours(
    unguarded: list[AuditEntry], caplog: pytest.LogCaptureFixture
) -> None:
    relinked(removed(unguarded[1]))
    write("later")

    extend()

    assert AuditLink.objects.count() == 2
    assert breaches() == [(HEAD, unowned())]
    assert "nothing is put on its chain" in caplog.text


def test_a_chain_that_was_thrown_away_is_not_begun_again(unguarded: list[AuditEntry]) -> None:
    old = copied(unguarded[0], pk=first_id_at(clock.now() - 25 * HOUR))
    AuditLink.objects.all()._raw_delete("default")
    AuditHead.objects.all()._raw_delete("default")

    extend()

    assert not AuditHead.objects.exists()
    assert breaches() == [(HEAD, "is gone"), (f"audit entry {old.pk}", "was not written by this site")]


def test_the_log_has_the_head_and_the_audit_asks_for_it(
    trail: list[AuditEntry], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, audit_chain.__name__):
        audit_chain.tell_head(now=clock.now())

    told = f"3:{AuditHead.objects.get().hash}"
    assert caplog.messages == [f"Head of the audit trail: {told}"]
    write("later")
    extend()
    assert said("audit", "--only", "I-65", "--head", told)[1:] == [
        f"ok     the audit trail goes through {told}",
        "1 invariants checked, 0 broken",
    ]


def test_who_has_the_key_is_contradicted_by_the_log(unguarded: list[AuditEntry]) -> None:
    told = str(AuditHead.objects.get())
    changed(unguarded[0], reason="other")
    entry = AuditEntry.objects.get(pk=unguarded[0].pk)
    relinked(changed(entry, mac=audit_chain.mac_of(entry)))
    AuditHead.objects.update(mac=audit_chain.mac_of_head(3, AuditHead.objects.get().hash))

    assert said("audit", "--only", "I-65", "--head", told) == [
        "ok     I-65 the trail is one chain of our entries, from its first to its head",
        f"BREACH the audit trail goes through {told}",
        "1 invariants checked, 1 broken",
        "exit 1",
    ]


def test_an_end_that_was_cut_off_with_its_head_is_contradicted_by_the_log(unguarded: list[AuditEntry]) -> None:
    before = AuditHead.objects.get()
    last = write("last")
    extend()
    told = str(AuditHead.objects.get())
    removed(last)
    before.save()

    assert breaches() == []
    assert said("audit", "--head", told, "--only", "I-65")[-1] == "exit 1"


@pytest.mark.parametrize("head", ["three", "three:0", ":"])
def test_what_is_no_head_is_not_looked_for(head: str) -> None:
    with pytest.raises(CommandError, match="a number, a colon and a hash"):
        said("audit", "--only", "I-65", "--head", head)


def test_what_a_crash_left_is_swept_up_and_named_until_then() -> None:
    entry = write("crashed")
    later = clock.now() + HOUR
    assert breaches() == []
    assert breaches(now=later) == [(f"audit entry {entry.pk}", "is not on the chain")]

    audit_chain.sweep(now=later)

    assert breaches(now=later) == []
    assert AuditLink.objects.get().entry_id == entry.pk


def test_the_minute_looks_at_what_came_and_the_night_at_all(unguarded: list[AuditEntry]) -> None:
    since = clock.now()
    last = write("last")
    extend()
    changed(unguarded[1], reason="other")

    assert breaches(since=since) == []
    assert breaches() == [(f"audit entry {unguarded[1].pk}", "is not what became link 2")]

    changed(last, reason="other")
    assert breaches(since=since) == [(f"audit entry {last.pk}", "is not what became link 4")]

    removed(last)
    assert breaches(since=since) == [(HEAD, "is link 4, and the last link is 3")]


def test_a_key_is_changed_and_what_it_vouched_for_stays(trail: list[AuditEntry], settings: Settings) -> None:
    settings.SEALING_KEY_FORMER, settings.SEALING_KEY = [settings.SEALING_KEY], ANOTHER

    assert "kernel.AuditHead.mac: 1 resealed, 0 left" in said("reseal")

    settings.SEALING_KEY_FORMER = []
    assert "kernel.AuditHead.mac: 0 resealed, 0 left" in said("reseal")
    write("later")
    extend()
    assert AuditLink.objects.count() == 4
    assert breaches() == []


def test_what_waits_when_a_key_is_changed_is_linked(trail: list[AuditEntry], settings: Settings) -> None:
    waiting = write("waits")
    settings.SEALING_KEY_FORMER, settings.SEALING_KEY = [settings.SEALING_KEY], ANOTHER

    said("reseal")

    settings.SEALING_KEY_FORMER = []
    assert AuditLink.objects.get(pk=4).entry_id == waiting.pk
    assert breaches() == []


def test_the_next_entry_is_enough_to_change_a_key(trail: list[AuditEntry], settings: Settings) -> None:
    settings.SEALING_KEY_FORMER, settings.SEALING_KEY = [settings.SEALING_KEY], ANOTHER
    write("later")
    extend()

    settings.SEALING_KEY_FORMER = []
    assert breaches() == []


def test_a_lost_key_is_named_until_it_is_given_up(trail: list[AuditEntry], settings: Settings) -> None:
    waiting = write("waits")
    settings.SEALING_KEY = ANOTHER
    lost = sealing.key_of(AuditHead.objects.get().mac)
    own = write("of the new key")
    extend()
    assert breaches() == [(HEAD, unowned()), (f"audit entry {waiting.pk}", "was not written by this site")]
    with pytest.raises(CommandError, match="1 values are left"):
        said("reseal")

    assert "kernel.AuditHead.mac: 1 given up" in said("reseal", "--forget", lost, *WHY)

    entry = AuditEntry.objects.get(action="kernel.forget_sealing_key")
    assert entry.after is not None
    assert (entry.reason, entry.after["kernel.AuditHead.mac"]) == (WHY[1], 1)
    assert list(AuditLink.objects.filter(pk__gt=3).order_by("pk").values_list("entry", flat=True)) == [
        waiting.pk,
        own.pk,
        entry.pk,
    ]
    assert breaches() == []


def test_another_keys_loss_leaves_the_head_alone(trail: list[AuditEntry]) -> None:
    before = AuditHead.objects.get().mac

    assert "kernel.AuditHead.mac: 0 given up" in said("reseal", "--forget", "0" * 12, *WHY)

    assert (AuditLink.objects.count(), AuditHead.objects.get().mac == before) == (4, False)
    assert breaches() == []
