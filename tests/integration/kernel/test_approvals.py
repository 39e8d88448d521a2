"""Two people for what is large: once, by another, with the right, on unchanged content, in time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from apps.kernel import approvals, errors
from apps.kernel.models import AuditEntry, Proposal, ProposalState
from apps.kernel.own_invariants import proposals_were_decided
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
OLGA, PETER = "staff:olga", "staff:peter"
GIFT = {"what": "a gift", "amount": 5}


class Refused(errors.DomainError):
    """What the action may say."""


class Desk:
    """An action that writes down what it was told to do."""

    def __init__(self) -> None:
        self.done: list[tuple[Mapping[str, Any], UUID, str, str]] = []
        self.refuses = False

    def describe(self, *, content: Mapping[str, Any]) -> str:
        return str(content)

    def carry_out(
        self, *, content: Mapping[str, Any], proposal_id: UUID, actor: str, reason: str, now: datetime
    ) -> None:
        if self.refuses:
            raise Refused
        self.done.append((content, proposal_id, actor, reason))


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    approvals.register(
        approvals.Action(
            name="test.give",
            title="Give",
            permission="test.approve",
            limits=(),
            describe=made.describe,
            carry_out=made.carry_out,
        )
    )
    yield made
    del approvals._actions["test.give"]


def propose(content: Mapping[str, Any] = GIFT, *, actor: str = OLGA, now: datetime = NOON) -> UUID:
    return approvals.propose(action="test.give", content=content, actor=actor, reason="because", now=now)


def approve(proposal_id: UUID, *, actor: str = PETER, may: bool = True, now: datetime = NOON) -> None:
    def has_perm(name: str) -> bool:
        return may and name == "test.approve"

    approvals.approve(proposal_id=proposal_id, actor=actor, may=has_perm, reason="checked", now=now)


def reject(proposal_id: UUID, *, actor: str, may: bool) -> None:
    approvals.reject(proposal_id=proposal_id, actor=actor, may=lambda _: may, reason="no", now=NOON)


def state(proposal_id: UUID) -> str:
    return Proposal.objects.get(pk=proposal_id).state


def test_another_operator_carries_it_out_once(desk: Desk) -> None:
    made = propose()

    approve(made)

    assert desk.done == [(GIFT, made, OLGA, "because")]
    assert state(made) == ProposalState.CARRIED_OUT
    with pytest.raises(errors.ProposalNotOpen):
        approve(made)
    assert len(desk.done) == 1
    trail = AuditEntry.objects.filter(target_id=str(made)).order_by("pk")
    assert list(trail.values_list("action", "actor")) == [("kernel.propose", OLGA), ("kernel.approve", PETER)]


def test_who_proposes_does_not_approve(desk: Desk) -> None:
    made = propose()

    with pytest.raises(errors.ProposalIsYours):
        approve(made, actor=OLGA)

    assert desk.done == []
    assert state(made) == ProposalState.OPEN


def test_the_database_wants_two_people_too(desk: Desk) -> None:
    made = propose()

    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.filter(pk=made).update(state=ProposalState.CARRIED_OUT, decided_by=OLGA, decided_at=NOON)


def test_without_the_right_nothing_is_decided(desk: Desk) -> None:
    made = propose()

    with pytest.raises(errors.ApprovalNotAllowed):
        approve(made, may=False)
    with pytest.raises(errors.ApprovalNotAllowed):
        reject(made, actor=PETER, may=False)

    assert desk.done == []
    assert state(made) == ProposalState.OPEN


def test_what_was_changed_since_is_not_carried_out(desk: Desk) -> None:
    made = propose()
    row = Proposal.objects.get(pk=made)
    row.content = {**GIFT, "amount": 5000}

    with pytest.raises(errors.ProposalChanged):
        approvals.check_unchanged(row)
    unguard_all("kernel_proposal")
    row.save(update_fields=["content"])
    with pytest.raises(errors.ProposalChanged):
        approve(made)

    assert desk.done == []
    assert state(made) == ProposalState.OPEN


def test_a_proposal_that_nobody_decided_expires(desk: Desk) -> None:
    made = propose()

    with pytest.raises(errors.ProposalNotOpen):
        approve(made, now=NOON + approvals.LIFETIME)
    assert approvals.open_proposals(now=NOON + approvals.LIFETIME) == 0
    assert approvals.expire_old(now=NOON + approvals.LIFETIME) == 1

    assert desk.done == []
    assert state(made) == ProposalState.EXPIRED


def test_a_decision_is_about_one_proposal(desk: Desk) -> None:
    first, second, third = (propose({**GIFT, "amount": amount}) for amount in (5, 6, 7))

    approve(second)
    reject(third, actor=PETER, may=True)

    assert [state(made) for made in (first, second, third)] == ["open", "done", "rejected"]
    assert approvals.open_proposals(now=NOON) == 1
    assert approvals.expire_old(now=NOON + approvals.LIFETIME) == 1


def test_a_refusal_of_the_action_leaves_it_open(desk: Desk) -> None:
    made = propose()
    desk.refuses = True

    with pytest.raises(Refused):
        approve(made)

    assert state(made) == ProposalState.OPEN
    desk.refuses = False
    approve(made)
    assert len(desk.done) == 1


def test_the_same_form_sent_twice_is_one_proposal(desk: Desk) -> None:
    first = propose()

    assert propose() == first
    assert propose({**GIFT, "amount": 6}) != first
    assert AuditEntry.objects.filter(action="kernel.propose").count() == 2


def test_what_has_expired_can_be_proposed_again(desk: Desk) -> None:
    first = propose()

    second = propose(now=NOON + approvals.LIFETIME)

    assert second != first
    assert state(first) == ProposalState.EXPIRED


def test_who_proposed_takes_it_back_without_the_right_to_decide(desk: Desk) -> None:
    kept, made = propose({**GIFT, "amount": 6}), propose()

    reject(made, actor=OLGA, may=False)

    assert (state(kept), state(made)) == (ProposalState.OPEN, ProposalState.REJECTED)
    with pytest.raises(errors.ProposalNotOpen):
        approve(made)
    assert desk.done == []


def test_a_rejection_is_on_the_trail(desk: Desk) -> None:
    made = propose()

    reject(made, actor=PETER, may=True)

    trail = AuditEntry.objects.filter(action="kernel.reject", target_id=str(made))
    assert list(trail.values_list("actor", "reason")) == [(PETER, "no")]


def test_what_no_app_does_any_more_is_not_approved(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = propose()

    with monkeypatch.context() as patch:
        patch.delitem(approvals._actions, "test.give")
        with pytest.raises(errors.ProposalNotFound):
            approve(made)


def test_there_is_no_such_proposal(desk: Desk) -> None:
    with pytest.raises(errors.ProposalNotFound):
        approve(uuid4())
    with pytest.raises(errors.ProposalNotFound):
        reject(uuid4(), actor=PETER, may=True)


def test_what_a_proposal_says_never_changes(desk: Desk) -> None:
    made = propose()

    changes: list[dict[str, Any]] = [{"content": {}}, {"proposed_by": PETER}, {"expires_at": NOON}, {"action": "other"}]
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic():
            Proposal.objects.filter(pk=made).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.filter(pk=made).delete()


# The audit ----------------------------------------------------------------------------------------


def breaches() -> list[str]:
    return [breach.detail for breach in proposals_were_decided(NOON + timedelta(hours=1))]


def test_what_was_decided_by_the_rules_is_sound(desk: Desk) -> None:
    approve(propose())
    reject(propose({"what": "another"}), actor=PETER, may=True)
    propose({"what": "a third"})

    assert breaches() == []


UNPROPOSED = "who proposed this, says no entry of the trail"
OTHERWISE = "is {}, and its decision on the trail is another"


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"content": {"what": "a gift", "amount": 5000}}, "its content is not what was proposed"),
        ({"content": GIFT | {"amount": 9}, "content_hash": approvals.hash_of(GIFT | {"amount": 9})}, UNPROPOSED),
        ({"action": "test.take"}, UNPROPOSED),
        ({"proposed_by": "staff:nobody"}, UNPROPOSED),
        ({"reason": "other"}, UNPROPOSED),
        ({"created_at": NOON - timedelta(days=1)}, UNPROPOSED),
        ({"decided_by": "staff:nobody"}, OTHERWISE.format("done")),
        ({"decided_at": NOON + timedelta(hours=1)}, OTHERWISE.format("done")),
        ({"expires_at": NOON - timedelta(days=1)}, "was decided late, or by who proposed it"),
        ({"state": "rejected"}, OTHERWISE.format("rejected")),
        ({"state": "open", "decided_at": None}, OTHERWISE.format("open")),
    ],
)
def test_a_forged_proposal_is_found(desk: Desk, change: dict[str, Any], detail: str) -> None:
    made = propose()
    approve(made)
    unguard_all("kernel_proposal")
    Proposal.objects.filter(pk=made).update(**change)

    assert breaches() == [detail]


def test_a_proposal_of_nobody_is_found(desk: Desk) -> None:
    """Who can write a row makes a second person out of nothing, and approves what they want themselves."""
    Proposal.objects.create(
        action="test.give",
        content=GIFT,
        content_hash=approvals.hash_of(GIFT),
        proposed_by=PETER,
        reason="because",
        expires_at=NOON + approvals.LIFETIME,
        created_at=NOON,
    )
    assert breaches() == [UNPROPOSED]

    approve(Proposal.objects.get().pk, actor=OLGA)

    assert breaches() == [UNPROPOSED]


def test_a_proposal_that_is_open_again_is_found(desk: Desk) -> None:
    rejected, expired = propose(), propose({"what": "another"})
    reject(rejected, actor=PETER, may=True)
    Proposal.objects.filter(pk=expired).update(state="expired", decided_at=NOON)
    assert breaches() == ["expired before its time"]

    Proposal.objects.update(state="open", decided_by="", decided_at=None)
    assert breaches() == [OTHERWISE.format("open")]
    approve(rejected)
    assert breaches() == [OTHERWISE.format("done")]


def test_a_proposal_that_was_carried_out_past_the_services_is_found(desk: Desk) -> None:
    made = propose()
    Proposal.objects.filter(pk=made).update(state=ProposalState.CARRIED_OUT, decided_by=PETER, decided_at=NOON)

    assert breaches() == [OTHERWISE.format("done")]
