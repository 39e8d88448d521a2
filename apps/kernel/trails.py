"""Rows against the operators' trail: what is configured is what somebody decided last, and the trail is whole."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.kernel import audit_chain, configuration, sealing
from apps.kernel.configuration import Trail
from apps.kernel.ids import first_id_at
from apps.kernel.invariants import OVERLAP, SHOWN, Breach, came_since, invariant
from apps.kernel.models import AuditEntry, AuditHead, AuditLink

_CHUNK = 2000
_HEAD = "head of the audit trail"


@invariant("I-62", "what operators configure is there, as it was said last")
def configuration_was_decided(now: datetime) -> Iterable[Breach]:
    """Configured rows that differ from the last entry about them, miscount their versions, or are gone unsaid.

    Rows change without a new row, so each look is at all of them: they are few. One statement reads a row and what was
    said of it: an operator may be at work.
    """
    for trail in configuration.trails():
        yield from _unsaid(trail)
        yield from _gone(trail)
        if hasattr(trail.model, "version"):
            yield from _miscounted(trail)


@invariant("I-65", "the trail is one chain of our entries, from its first to its head", windowed=True)
def the_trail_is_a_chain(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Entries that were changed, moved, taken away or written by somebody else, and a head that is not the chain's."""
    links = AuditLink.objects.order_by("sequence")
    # One statement reads where both end: who links an entry moves the head.
    head = AuditHead.objects.annotate(end=Subquery(links.reverse().values("sequence")[:1])).first()
    if head is not None:
        if not audit_chain.is_our_head(head):
            yield Breach(_HEAD, f"no key of ours vouches for it; its own is {sealing.key_of(head.mac)}")
        if (head.end or 0) != head.sequence:
            yield Breach(_HEAD, f"is link {head.sequence}, and the last link is {head.end or 0}")
        yield from _unchained(head, links, since)
    # Somebody may have begun it since the look above.
    elif not audit_chain.may_begin(now=now) and not AuditHead.objects.exists():
        yield Breach(_HEAD, "is gone")
    yield from _unlinked(now, since)


def _unchained(head: Any, links: QuerySet[AuditLink], since: datetime | None) -> Iterator[Breach]:
    """Each link against the one before it, from the first that came since then, or from the last."""
    place = 1
    if since is not None:
        recent = links.filter(entry__pk__gte=first_id_at(since)).values_list("sequence", flat=True)
        place = recent.first() or head.sequence
    last = links.filter(sequence=place - 1).values_list("hash", flat=True).first() or ""
    rows = links.filter(sequence__gte=place, sequence__lte=head.sequence).select_related("entry")
    for link in rows.iterator(chunk_size=_CHUNK):
        subject = f"audit entry {link.entry_id}"
        if link.sequence != place:
            yield _gap(place)
        elif link.hash != audit_chain.next_hash(last, link.entry):
            yield Breach(subject, f"is not what became link {place}")
        elif sealing.is_named(sealing.key_of(link.entry.mac)) and not audit_chain.is_ours(link.entry):
            yield Breach(subject, "does not say what this site wrote")
        last, place = link.hash, link.sequence + 1
    if place <= (head.end or 0):
        yield _gap(place)
    elif place > head.sequence and last != head.hash:
        yield Breach(_HEAD, "is not the hash of the last link")


def _gap(place: int) -> Breach:
    return Breach(f"link {place} of the audit trail", "is gone, or its entry is")


def _unlinked(now: datetime, since: datetime | None) -> Iterator[Breach]:
    late = first_id_at(now - OVERLAP)
    for entry in audit_chain.without_link(came_since(AuditEntry.objects.all(), since))[:SHOWN]:
        if not audit_chain.is_ours(entry):
            yield Breach(f"audit entry {entry.pk}", "was not written by this site")
        elif entry.pk < late:
            yield Breach(f"audit entry {entry.pk}", "is not on the chain")


def _unsaid(trail: Trail) -> Iterator[Breach]:
    about = trail.entries.filter(target_id=trail.name_in(OuterRef)).order_by("-pk").values("after")[:1]
    rows = trail.model._default_manager.select_related().annotate(said=Subquery(about)).order_by("pk")
    for row in rows.iterator(chunk_size=_CHUNK):
        said = row.said or trail.unsaid
        wrong = "everything" if said is None else _differing(row, said)
        if wrong:
            yield Breach(f"{trail.nouns[0]} {trail.name_of(row)}", f"{wrong} differs from the audit trail")


def _gone(trail: Trail) -> Iterator[Breach]:
    later = trail.entries.filter(target_id=OuterRef("target_id"), pk__gt=OuterRef("pk"))
    named = trail.model._default_manager.annotate(named=trail.name_in(F)).filter(named=OuterRef("target_id"))
    gone = trail.entries.exclude(Exists(later)).exclude(Exists(named)).order_by("pk")
    for name, after in gone.values_list("target_id", "after"):
        if any(value is not None for value in (after or {}).values()):
            yield Breach(f"{trail.nouns[0]} {name}", "is gone, and nobody removed it")


def _miscounted(trail: Trail) -> Iterator[Breach]:
    about = trail.entries.filter(target_id=trail.name_in(OuterRef)).order_by().values("target_id")
    times = about.annotate(times=Count("pk")).values("times")
    rows: QuerySet[Any] = trail.model._default_manager.annotate(times=Coalesce(Subquery(times), 0)).exclude(
        times=F("version")
    )
    for row in rows.order_by("pk")[:SHOWN]:
        yield Breach(f"{trail.nouns[0]} {trail.name_of(row)}", f"version {row.version}, saved {row.times} times")


def _differing(row: Model, said: Mapping[str, Any]) -> str:
    """The first column that is another than was said, or an empty text. What a release took away is no column."""
    columns = {name: getattr(row, name) for name in said if hasattr(row, name)}
    present = configuration.as_said(type(row), columns)
    for name, value in columns.items():
        is_moment = isinstance(value, datetime)
        # The same moment may have been said in another time zone.
        if (value if is_moment else present[name]) != (datetime.fromisoformat(said[name]) if is_moment else said[name]):
            return name
    return ""
