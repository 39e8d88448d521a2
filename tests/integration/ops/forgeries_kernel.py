"""Rows of the kernel that the forgers' site lacks, the columns that may hold anything, and why."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from apps.kernel import approvals, clock, switches
from apps.kernel.ids import UserId, new_id
from apps.kernel.models import AuditEntry, AuditHead, AuditLink, Proposal, Switch
from apps.marketing.contracts import AdjustedAsset, AdjustmentRequest
from tests.cast import member
from tests.integration.ops.forgeries_orders import Forgery, forced


def widen() -> None:
    """The shop was closed by its switch; of four gifts that were proposed one was given, and one waits."""
    switches.ensure_rows(now=clock.now())
    switches.flip(name="orders.enabled", is_on=False, actor="staff:1", reason="a test", now=clock.now())
    member_id, late = member("alice").id, clock.now() - approvals.LIFETIME
    given, rejected, *_ = [_proposed(member_id, now=now) for now in (clock.now(), clock.now(), late, clock.now())]
    by: dict[str, Any] = {"may": lambda _: True, "actor": "staff:2", "reason": "a test"}
    approvals.approve(proposal_id=given, now=clock.now(), **by)
    approvals.reject(proposal_id=rejected, now=clock.now(), **by)


def _proposed(member_id: UserId, *, now: datetime) -> UUID:
    """A gift for the member that somebody else has to approve."""
    asked = AdjustmentRequest(
        user_id=member_id, asset=AdjustedAsset.POINTS, amount=5, incident="1", request_id=str(new_id())
    )
    return approvals.propose(
        action="marketing.adjust", content=asked.as_json(), actor="staff:1", reason="a test", now=now
    )


def _invented() -> None:
    """The second person is made up by who approves it."""
    row = Proposal.objects.filter(state="open").latest("pk")
    row.pk, row.content = new_id(), {**row.content, "request_id": "mine"}
    row.content_hash = approvals.hash_of(row.content)
    row.save(force_insert=True)


# What, how, and the number that names it.
NAMED: list[Forgery] = [
    ("a shop that nobody opened", lambda: forced(Switch.objects.filter(is_on=False), is_on=True), "I-62"),
    ("a proposal of nobody", _invented, "I-63"),
    (
        "a proposal that is open again",
        lambda: Proposal.objects.filter(state="rejected").update(state="open", decided_at=None),
        "I-63",
    ),
    (
        "a proposal of somebody else",
        lambda: forced(Proposal.objects.filter(state="open"), proposed_by="staff:3"),
        "I-63",
    ),
    ("a switch that is gone", lambda: Switch.objects.filter(is_on=False).delete(), "I-62"),
]

# Columns, and tables as a whole, that may hold anything, and why.
EXPLAINED: dict[str, str] = {
    "kernel.IdempotencyKey": "answers that are kept for repeats: they may be lost",
    "kernel.RateWindow": "counts of tries of the last minutes: they may be lost",
    "kernel.OutboxDelivery.attempts": "a count for the next delay; after the last it is dead, which I-46 names",
    "kernel.OutboxDelivery.available_at": "when it is due; not far ahead and not long ago while it is pending (I-46)",
    "kernel.OutboxDelivery.lease_token": "who is at work on it, for seconds",
    "kernel.OutboxDelivery.last_error": "shown",
    "kernel.Switch.name": "a switch that nobody flipped is on under any name",
    "kernel.Switch.updated_at": "shown",
    "kernel.Proposal.decided_by": "shown; of one that was decided it is on the trail (I-63)",
    "kernel.CheckRun": "what the audit itself last found: the next run finds it again",
}


def _deleted(rows: Any) -> None:
    rows._raw_delete("default")


# Of the trail's chain, each as (table, how, number): with the triggers in place, and once they are gone.
WITH_TRIGGERS: list[Forgery] = [
    ("kernel_audithead", lambda: AuditHead.objects.update(sequence=F("sequence") - 1), "I-65"),
    ("kernel_audithead", lambda: AuditHead.objects.update(hash="0" * 64), "I-65"),
    ("kernel_audithead", lambda: AuditHead.objects.update(mac="0" * 64), "I-65"),
]
WITHOUT_TRIGGERS: list[Forgery] = [
    ("kernel_auditentry", lambda: AuditEntry.objects.update(reason="other"), "I-65"),
    ("kernel_auditlink", lambda: AuditLink.objects.filter(pk=1).update(hash="0" * 64), "I-65"),
    ("kernel_auditlink", lambda: _deleted(AuditLink.objects.filter(pk=1)), "I-65"),
    ("kernel_audithead", lambda: _deleted(AuditHead.objects.all()), "I-65"),
]
