"""Two people for what is large: a proposal is carried out once, by another operator with the right, as it was proposed.

An app registers its action in AppConfig.ready() and calls `propose` where one of its limits is passed. The limits are
settings of the machine, not of the admin: who is held by a limit must not be able to move it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from apps.kernel import audit, errors
from apps.kernel.models import Proposal, ProposalState

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Whoever comes back from a long weekend still finds it; what is older was forgotten.
LIFETIME = timedelta(days=7)


class CarryOut(Protocol):
    """Do what was proposed, in the transaction that decides it.

    Raises ProposalChanged when what it is about is no longer what it was, and the refusals of its app: the proposal
    stays open then. `actor` is who proposed it.
    """

    def __call__(
        self, *, content: Mapping[str, Any], proposal_id: UUID, actor: str, reason: str, now: datetime
    ) -> None: ...


class Describe(Protocol):
    """Say a proposal's content in a line for operators."""

    def __call__(self, *, content: Mapping[str, Any]) -> str: ...


@dataclass(frozen=True)
class Limit:
    """Above this amount a second person is needed; the setting is None for never."""

    setting: str
    title: StrOrPromise

    @property
    def value(self) -> int | None:
        """The limit in the unit of its title, or None."""
        value: int | None = getattr(settings, self.setting)
        return value


@dataclass(frozen=True)
class Action:
    """What can be proposed; `permission` is asked of who approves or rejects it."""

    name: str
    title: StrOrPromise
    permission: str
    limits: tuple[Limit, ...]
    describe: Describe
    carry_out: CarryOut


_actions: dict[str, Action] = {}


def register(action: Action) -> None:
    """Make an action known; called in AppConfig.ready()."""
    _actions[action.name] = action


def limits() -> tuple[Limit, ...]:
    """Every limit above which somebody else has to approve, of all apps."""
    return tuple(limit for action in _actions.values() for limit in action.limits)


def action_of(proposal: Proposal) -> Action | None:
    """The action of a proposal, or None when the app that had it no longer does."""
    return _actions.get(proposal.action)


def propose(*, action: str, content: Mapping[str, Any], actor: str, reason: str, now: datetime) -> UUID:
    """Write down what shall be done, for somebody else to approve; the same content twice is one proposal.

    `content` holds JSON values and nothing personal but ids. Returns the proposal's id.
    """
    fingerprint = hash_of(content)
    with transaction.atomic():
        expire_old(now=now)
        row, is_new = Proposal.objects.get_or_create(
            action=_actions[action].name,
            content_hash=fingerprint,
            state=ProposalState.OPEN,
            defaults={
                "content": dict(content),
                "proposed_by": actor,
                "reason": reason[:300],
                "expires_at": now + LIFETIME,
                "created_at": now,
            },
        )
        if is_new:
            _record(row, "kernel.propose", actor=actor, reason=reason, now=now)
    return row.pk


def approve(*, proposal_id: UUID, actor: str, may: Callable[[str], bool], reason: str, now: datetime) -> None:
    """Carry a proposal out, once; a refusal of its action leaves it open. `may` answers for the actor's permissions.

    Raises ProposalNotFound, ApprovalNotAllowed, ProposalIsYours, ProposalChanged, ProposalNotOpen, and the refusals of
    the action.
    """
    with transaction.atomic():
        row, action = _lock(proposal_id, may)
        if row.proposed_by == actor:
            raise errors.ProposalIsYours()
        check_unchanged(row)
        _decide(row, ProposalState.CARRIED_OUT, actor=actor, now=now)
        _record(row, "kernel.approve", actor=actor, reason=reason, now=now)
        action.carry_out(content=row.content, proposal_id=row.pk, actor=row.proposed_by, reason=row.reason, now=now)


def reject(*, proposal_id: UUID, actor: str, may: Callable[[str], bool], reason: str, now: datetime) -> None:
    """Close a proposal without doing anything; who made it may take it back.

    Raises ProposalNotFound, ApprovalNotAllowed, ProposalNotOpen.
    """
    with transaction.atomic():
        row = Proposal.objects.select_for_update(of=("self",)).filter(pk=proposal_id).first()
        if row is None or row.proposed_by != actor:
            row, _ = _lock(proposal_id, may)
        _decide(row, ProposalState.REJECTED, actor=actor, now=now)
        _record(row, "kernel.reject", actor=actor, reason=reason, now=now)


def check_unchanged(proposal: Proposal) -> None:
    """Whether a proposal still says what was proposed. Raises ProposalChanged."""
    if hash_of(proposal.content) != proposal.content_hash:
        raise errors.ProposalChanged()


def open_proposals(*, now: datetime) -> int:
    """How many proposals wait for a second person."""
    return Proposal.objects.filter(state=ProposalState.OPEN, expires_at__gt=now).count()


def carried_out(*, action: str) -> QuerySet[Proposal]:
    """The proposals of an action that were carried out, for the audit of its app."""
    return Proposal.objects.filter(action=action, state=ProposalState.CARRIED_OUT)


def expire_old(*, now: datetime) -> int:
    """Close the proposals that nobody decided in time; returns how many."""
    late = Proposal.objects.filter(state=ProposalState.OPEN, expires_at__lte=now)
    return late.update(state=ProposalState.EXPIRED, decided_at=now)


def hash_of(content: Mapping[str, Any]) -> str:
    """The fingerprint of a proposal's content, hexadecimal."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _lock(proposal_id: UUID, may: Callable[[str], bool]) -> tuple[Proposal, Action]:
    row = Proposal.objects.select_for_update(of=("self",)).filter(pk=proposal_id).first()
    action = None if row is None else action_of(row)
    if row is None or action is None:
        raise errors.ProposalNotFound(proposal_id=str(proposal_id))
    if not may(action.permission):
        raise errors.ApprovalNotAllowed()
    return row, action


def _decide(row: Proposal, state: ProposalState, *, actor: str, now: datetime) -> None:
    """SQLite locks no rows: the condition decides who is first."""
    undecided = Proposal.objects.filter(pk=row.pk, state=ProposalState.OPEN, expires_at__gt=now)
    if not undecided.update(state=state, decided_by=actor, decided_at=now):
        raise errors.ProposalNotOpen()


def _record(row: Proposal, action: str, *, actor: str, reason: str, now: datetime) -> None:
    audit.record(
        actor=actor,
        action=action,
        target=("proposal", str(row.pk)),
        reason=reason,
        after={"action": row.action, "content": row.content},
        now=now,
    )
