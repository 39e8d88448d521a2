"""The chain of the operators' trail: who changes, takes away, moves or adds an entry without our key is found.

An entry is written with a keyed hash of what it says; once committed, it becomes the next link, whose hash is over the
entry and all before it; the end of the chain, its head, has a keyed hash too. The check is in trails.py, the reasons in
docs/adr/0014-chained-trail.md.
"""

import hashlib
import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from apps.kernel import sealing
from apps.kernel.ids import first_id_at
from apps.kernel.models import AuditEntry, AuditHead, AuditLink

logger = logging.getLogger(__name__)

# Every look at entries that a crash left without a link; what is older is the night's.
_SWEPT = timedelta(days=2)
# A trail whose first entry is older than this, and that has no chain, has lost it.
_BEGINNING = timedelta(days=1)
_BATCH = 500
_HEAD = "kernel.AuditHead.mac"

# What the hashes of each format are over. A column that the table gets later is part of the next format, which new
# entries have then; what is written here never changes.
_COLUMNS = {
    1: ("id", "created_at", "actor", "action", "target_type", "target_id", "reason", "before", "after"),
}


def mac_of(entry: AuditEntry) -> str:
    """The keyed hash that an entry is written with."""
    return sealing.keyed_hash("audit_entry", _content_of(entry))


def is_ours(entry: AuditEntry) -> bool:
    """Whether a key of the settings made this entry's keyed hash, of what it says."""
    return entry.mac in sealing.keyed_hashes("audit_entry", _content_of(entry))


def next_hash(previous: str, entry: AuditEntry) -> str:
    """The hash of an entry's link, after a link with that hash ("": none). It needs no key, and outlives all keys."""
    return hashlib.sha256(f"{previous} {entry.mac} {_content_of(entry)}".encode()).hexdigest()


def mac_of_head(sequence: int, last: str) -> str:
    """The keyed hash of a head after so many links, the last of which has this hash."""
    return sealing.keyed_hash("audit_head", f"{sequence} {last}")


def is_our_head(head: AuditHead) -> bool:
    """Whether a key of the settings made the keyed hash of this head."""
    return head.mac in sealing.keyed_hashes("audit_head", f"{head.sequence} {head.hash}")


def without_link(entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
    """Those of the entries that are not on the chain."""
    return entries.exclude(Exists(AuditLink.objects.filter(entry=OuterRef("pk")))).order_by("pk")


def may_begin(*, now: datetime) -> bool:
    """Whether a chain without a head is one that nobody has begun yet."""
    old = AuditEntry.objects.filter(pk__lt=first_id_at(now - _BEGINNING))
    return not AuditLink.objects.exists() and not old.exists()


def extend(*, first: UUID, now: datetime) -> None:
    """Put our entries from this id on that are not on the chain yet on it, in the order of their ids.

    In a transaction of its own, after the one that wrote them: its lock is held by nobody who still wants another.
    """
    waiting = without_link(AuditEntry.objects.filter(pk__gte=first))
    if not waiting.exists():
        return
    with transaction.atomic():
        head = _locked_head(now)
        if head is None or not is_our_head(head) or not _is_the_end(head):
            # Going on would make a chain that somebody has rewritten ours. I-65 says so each minute.
            logger.error("The audit trail has no head of ours at its end; nothing is put on its chain.")
            return
        _append(head, filter(is_ours, waiting.iterator(chunk_size=_BATCH)))


def sweep(*, now: datetime) -> None:
    """Put on the chain what a process that died after its commit did not."""
    extend(first=first_id_at(now - _SWEPT), now=now)


def tell_head(*, now: datetime) -> None:
    """Write the head to the log, which whoever rewrites the whole trail would have to rewrite too."""
    extend(first=UUID(int=0), now=now)
    if head := AuditHead.objects.first():
        logger.info("Head of the audit trail: %d:%s", head.sequence, head.hash)


def has(told: str) -> bool:
    """Whether the chain still goes through a head that the log told. Raises ValueError for what is none."""
    sequence, _, last = told.partition(":")
    return AuditLink.objects.filter(sequence=int(sequence), hash=last).exists()


def reseal(*, now: datetime) -> sealing.Resealed:
    """Let the present key vouch for the head, and so for all before it; entries that wait for it are linked first."""
    extend(first=UUID(int=0), now=now)
    with transaction.atomic():
        head = _locked_head(now)
        if head is None or sealing.key_of(head.mac) == sealing.key_of(mac_of_head(0, "")):
            return sealing.Resealed(_HEAD, 0, 0)
        if not is_our_head(head):
            return sealing.Resealed(_HEAD, 0, 1)
        _vouch(head)
    return sealing.Resealed(_HEAD, 1, 0)


def forget(*, key_id: str, now: datetime) -> dict[str, int]:
    """Take what the lost key of this id vouched for as it is; the present key vouches for it from now on.

    In the transaction that gives the key up, as the last of its locks. Returns how many heads that were, by column.
    """
    head = _locked_head(now)
    is_lost = head is not None and sealing.key_of(head.mac) == key_id
    if head is not None and not _is_the_end(head):
        # Somebody has set it back: what comes after it is no key's loss, and stays a breach.
        return {_HEAD: 0}
    if head is not None and (is_lost or is_our_head(head)):
        waiting = without_link(AuditEntry.objects.all())
        _append(head, [entry for entry in waiting if sealing.key_of(entry.mac) == key_id])
        _vouch(head)
    return {_HEAD: int(is_lost)}


def _is_the_end(head: AuditHead) -> bool:
    """Whether no link is beyond the head, as there would be after an earlier one was put back."""
    return not AuditLink.objects.filter(sequence__gt=head.sequence).exists()


def _locked_head(now: datetime) -> AuditHead | None:
    """The head, ours until the end of the transaction; None if it is gone."""
    heads = AuditHead.objects.select_for_update(of=("self",), no_key=True)
    head = heads.first()
    if head is None and may_begin(now=now):
        head, _ = heads.get_or_create(
            pk=AuditHead.ONLY, defaults={"sequence": 0, "hash": "", "mac": mac_of_head(0, "")}
        )
    # Somebody may have begun it between the two looks.
    return head or heads.first()


def _append(head: AuditHead, entries: Iterable[AuditEntry]) -> None:
    links = []
    for entry in entries:
        head.sequence, head.hash = head.sequence + 1, next_hash(head.hash, entry)
        links.append(AuditLink(sequence=head.sequence, entry=entry, hash=head.hash))
    if links:
        AuditLink.objects.bulk_create(links, batch_size=_BATCH)
        _vouch(head)


def _vouch(head: AuditHead) -> None:
    head.mac = mac_of_head(head.sequence, head.hash)
    head.save(update_fields=["sequence", "hash", "mac"])


def _content_of(entry: AuditEntry) -> str:
    # A format that nobody knows has no columns, and a hash that fits nothing.
    values = [_plain(getattr(entry, column)) for column in _COLUMNS.get(entry.format, ())]
    return json.dumps([entry.format, *values], sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """As it is read back from either engine: keys are texts, moments are in UTC."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return json.loads(json.dumps(value))
