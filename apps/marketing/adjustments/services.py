"""What operators give or take by hand: with a cause and a reason, once, and above a limit by two people."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.db.models.functions import Abs

from apps.accounts import services as accounts
from apps.kernel import approvals, audit
from apps.kernel.db import is_unique_violation, one_at_a_time
from apps.kernel.errors import ProposalChanged
from apps.kernel.ids import UserId
from apps.ledger.contracts import Cause
from apps.marketing.adjustments import errors
from apps.marketing.adjustments.contracts import AdjustedAsset, AdjustmentOutcome, AdjustmentRequest
from apps.marketing.adjustments.models import Adjustment
from apps.marketing.adjustments.rules import APPROVAL_WINDOW
from apps.marketing.campaigns.errors import ActivityNotFound
from apps.marketing.campaigns.models import Activity
from apps.marketing.prizes.registries import Handover, Kind
from apps.marketing.prizes.rules import MAX_AMOUNT
from apps.marketing.prizes.services.kinds import Chances, Points, Quota

__all__ = [
    "adjust",
    "carry_out_adjustment",
    "describe_adjustment",
]


ADJUST = "marketing.adjust"
CAUSE_TYPE = "marketing.adjustment"
_KIND = "adjustment"
_ASSETS: Mapping[str, Kind] = {
    AdjustedAsset.QUOTA: Quota(),
    AdjustedAsset.POINTS: Points(),
    AdjustedAsset.CHANCES: Chances(),
}

_SETTINGS = {
    AdjustedAsset.QUOTA: "APPROVAL_QUOTA_MILLI",
    AdjustedAsset.POINTS: "APPROVAL_POINTS",
    AdjustedAsset.CHANCES: "APPROVAL_CHANCES",
}


def adjust(*, request: AdjustmentRequest, actor: str, reason: str, now: datetime) -> AdjustmentOutcome:
    """Give a member an amount or take it, or propose it where another operator has to approve; one request acts once.

    Raises ReasonMissing, AdjustmentNotValid, ActivityNotFound, accounts.MemberNotFound, accounts.MemberClosed, and
    ledger.InsufficientFunds when more is to be taken than the member can spend.
    """
    audit.require_reason(reason)
    _check(request)
    try:
        with transaction.atomic():
            return _adjust(request, actor, reason, now)
    except IntegrityError as error:
        if not is_unique_violation(error, "marketing_adjustment_once_per_request", ("request_id",)):
            raise
    # A twin was faster; what it did is what this one did.
    return _outcome_of(Adjustment.objects.get(request_id=request.request_id), request)


def carry_out_adjustment(
    *, content: Mapping[str, Any], proposal_id: UUID, actor: str, reason: str, now: datetime
) -> None:
    """Do what a second operator approved, in the caller's transaction (a CarryOut of kernel.approvals).

    Raises ProposalChanged when the request was carried out otherwise, ActivityNotFound, accounts.MemberNotFound,
    accounts.MemberClosed, ledger.InsufficientFunds.
    """
    request = AdjustmentRequest.from_json(content)
    if Adjustment.objects.filter(request_id=request.request_id).exists():
        raise ProposalChanged()
    _check_subject(request)
    try:
        with transaction.atomic():
            _carry_out(request, proposal_id=proposal_id, actor=actor, reason=reason, now=now)
    except IntegrityError as error:
        if not is_unique_violation(error, "marketing_adjustment_once_per_request", ("request_id",)):
            raise
        # Another proposal of the same form, for somebody else perhaps, is being carried out.
        raise ProposalChanged() from None


def describe_adjustment(*, content: Mapping[str, Any]) -> str:
    """A proposed adjustment in a line for operators: who, how much of what, why."""
    request = AdjustmentRequest.from_json(content)
    members = accounts.members(user_ids=[request.user_id])
    who = members[request.user_id].nickname if request.user_id in members else str(request.user_id)
    is_quota = request.asset is AdjustedAsset.QUOTA
    amount = (Decimal(request.amount) / 1000).normalize() if is_quota else Decimal(request.amount)
    return f"{who} · {amount:+f} {request.asset.label} · {request.incident}"


def _adjust(request: AdjustmentRequest, actor: str, reason: str, now: datetime) -> AdjustmentOutcome:
    # First, because it waits for whoever is moving this member's balances: perhaps for the approval of this request.
    _check_subject(request)
    done = Adjustment.objects.filter(request_id=request.request_id).first()
    if done is not None:
        return _outcome_of(done, request)
    if _is_within_limit(request, actor=actor, now=now):
        row = _carry_out(request, proposal_id=None, actor=actor, reason=reason, now=now)
        return AdjustmentOutcome(adjustment_id=row.pk)
    proposal_id = approvals.propose(action=ADJUST, content=request.as_json(), actor=actor, reason=reason, now=now)
    return AdjustmentOutcome(proposal_id=proposal_id)


def _check(request: AdjustmentRequest) -> None:
    is_chances = request.asset is AdjustedAsset.CHANCES
    if not 0 < abs(request.amount) <= MAX_AMOUNT or is_chances != (request.activity_id is not None):
        raise errors.AdjustmentNotValid()


def _check_subject(request: AdjustmentRequest) -> None:
    # Held, so that nothing arrives at an account that is being closed.
    accounts.hold_open(user_id=request.user_id)
    if request.activity_id and not Activity.objects.filter(pk=request.activity_id).exists():
        raise ActivityNotFound(activity_id=str(request.activity_id))


def _is_within_limit(request: AdjustmentRequest, *, actor: str, now: datetime) -> bool:
    """Whether the amount fits beside what the operator moved alone in the last 24 hours; nobody adds to that now."""
    limit: int | None = getattr(settings, _SETTINGS[request.asset])
    if limit is None:
        return True
    one_at_a_time(f"{ADJUST}:{request.asset}:{actor}")
    alone = Adjustment.objects.filter(
        created_by=actor, asset=request.asset, proposal_id=None, created_at__gt=now - APPROVAL_WINDOW
    )
    moved: int = alone.aggregate(moved=Sum(Abs("amount")))["moved"] or 0
    return moved + abs(request.amount) <= limit


def _carry_out(
    request: AdjustmentRequest, *, proposal_id: UUID | None, actor: str, reason: str, now: datetime
) -> Adjustment:
    row = Adjustment.objects.create(
        user_id=request.user_id,
        asset=request.asset,
        activity_id=request.activity_id,
        amount=request.amount,
        incident=request.incident,
        reason=reason[:300],
        request_id=request.request_id,
        created_by=actor,
        proposal_id=proposal_id,
        created_at=now,
    )
    _move(request, Cause(CAUSE_TYPE, str(row.pk)), now)
    audit.record(
        actor=actor,
        action=ADJUST,
        target=("adjustment", str(row.pk)),
        reason=reason,
        after={**request.as_json(), "proposal_id": None if proposal_id is None else str(proposal_id)},
        now=now,
    )
    return row


def _move(request: AdjustmentRequest, cause: Cause, now: datetime) -> None:
    kind = _ASSETS[request.asset]
    (kind.deliver if request.amount > 0 else kind.reverse)(
        Handover(
            user_id=request.user_id,
            amount=abs(request.amount),
            activity_id=request.activity_id,
            word=_KIND,
            cause=cause,
            now=now,
        )
    )


def _outcome_of(row: Adjustment, request: AdjustmentRequest) -> AdjustmentOutcome:
    """What the first sending of this request did. Raises AdjustmentNotValid when it asked for something else."""
    same = (UserId(row.user_id), row.asset, row.activity_id, row.amount) == (
        request.user_id,
        request.asset,
        request.activity_id,
        request.amount,
    )
    if not same:
        raise errors.AdjustmentNotValid()
    return AdjustmentOutcome(adjustment_id=row.pk)
