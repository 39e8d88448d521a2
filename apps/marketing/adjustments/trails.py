"""Adjustments against the operators' trail and the proposals that a second person approved."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db.models import QuerySet

from apps.kernel import approvals
from apps.kernel.ids import UserId
from apps.kernel.invariants import SHOWN, Breach, came_since, invariant
from apps.kernel.models import AuditEntry
from apps.marketing.adjustments.contracts import AdjustedAsset, AdjustmentRequest
from apps.marketing.adjustments.models import Adjustment
from apps.marketing.adjustments.services import ADJUST

_CHUNK = 2000


@invariant("I-51-told", "every adjustment is what the trail and its proposal say", windowed=True)
def adjustments_were_decided(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Adjustments that differ from their entry or their proposal, and proposals that did nothing."""
    made = came_since(Adjustment.objects.all(), since)
    adjustments = made.order_by("pk").iterator(chunk_size=_CHUNK)
    while chunk := list(islice(adjustments, SHOWN)):
        entries = AuditEntry.objects.filter(
            action=ADJUST, target_type="adjustment", target_id__in=[str(row.pk) for row in chunk]
        )
        said: dict[str, list[tuple[object, ...]]] = {}
        for entry in entries:
            told = (entry.after, entry.actor, entry.reason, entry.created_at)
            said.setdefault(entry.target_id, []).append(told)
        for row in chunk:
            proposed = {**_request_of(row).as_json(), "proposal_id": _text(row.proposal_id)}
            if said.get(str(row.pk)) != [(proposed, row.created_by, row.reason, row.created_at)]:
                yield Breach(f"adjustment {row.pk}", "is not what the audit trail says")
    yield from _unapproved(made)


def _unapproved(made: QuerySet[Adjustment]) -> Iterator[Breach]:
    """Adjustments of a proposal that does not ask for them or was not carried out, and proposals that did nothing."""
    done = {row.pk: row.content for row in approvals.carried_out(action=ADJUST)}
    for row in made.exclude(proposal_id=None).order_by("pk"):
        asked = done.get(row.proposal_id) if row.proposal_id else None
        if asked != _request_of(row).as_json():
            yield Breach(f"adjustment {row.pk}", f"is not what proposal {row.proposal_id} asked for")
    acted = set(Adjustment.objects.exclude(proposal_id=None).values_list("proposal_id", flat=True))
    for proposal_id in done.keys() - acted:
        yield Breach(f"proposal {proposal_id}", "was carried out, and nothing was adjusted")


def _request_of(row: Adjustment) -> AdjustmentRequest:
    return AdjustmentRequest(
        user_id=UserId(row.user_id),
        asset=AdjustedAsset(row.asset),
        activity_id=row.activity_id,
        amount=row.amount,
        incident=row.incident,
        request_id=row.request_id,
    )


def _text(pk: UUID | None) -> str | None:
    return None if pk is None else str(pk)
