"""Real threads: a proposal is carried out once, and one operator's day is counted whole."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection, transaction

from apps.accounts.contracts import Member
from apps.kernel import approvals
from apps.kernel.errors import ProposalChanged, ProposalNotOpen
from apps.kernel.models import Proposal, ProposalState
from apps.marketing import services
from apps.marketing.contracts import POINTS, AdjustedAsset, AdjustmentOutcome, AdjustmentRequest
from apps.marketing.models import Adjustment
from tests.cast import member
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import TURNS, dropped, guarded_by, locks, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 20
MEMBER_UNLOCKED = locks("accounts_user")


@pytest.fixture(autouse=True)
def sound_books() -> Iterator[None]:
    yield
    assert campaign.breaches() == []


def adjust(member: Member, amount: int, request_id: str) -> AdjustmentOutcome:
    request = AdjustmentRequest(
        user_id=member.id,
        asset=AdjustedAsset.POINTS,
        amount=amount,
        incident="complaint 12",
        request_id=request_id,
    )
    return services.adjust(request=request, actor="staff:olga", reason="an outage", now=NOON)


def approve(outcome: AdjustmentOutcome, actor: str) -> None:
    assert outcome.proposal_id is not None
    approvals.approve(proposal_id=outcome.proposal_id, actor=actor, may=lambda _: True, reason="checked", now=NOON)


@guarded_by(
    locks("kernel_proposal"),
    taken_as_read('UPDATE "kernel_proposal"', r'"kernel_proposal"\."state" = %s'),
    meet='UPDATE "kernel_proposal"',
    seen="Error|ProposalChanged",
)
def test_twenty_operators_approve_one_proposal_once(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    waiting = adjust(alice, 11, "form-one")

    outcomes = run_together([partial(approve, waiting, f"staff:{number}") for number in range(THREADS)])

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {ProposalNotOpen}
    assert campaign.available(alice.id, POINTS) == 11


@guarded_by(
    dropped("marketing_adjustment_once_per_request"),
    meet='INSERT INTO "marketing_adjustment"',
    wait_for=2,
    seen="2 == 1",
)
def test_two_proposals_of_one_form_are_approved_at_once_and_one_is_carried_out(
    alice: Member, bob: Member, settings: LazySettings
) -> None:
    settings.APPROVAL_POINTS = 10
    waiting = [adjust(to, 11, "form-one") for to in (alice, bob)]  # sent, taken back to, and sent for somebody else

    outcomes = run_together([partial(approve, proposal, "staff:peter") for proposal in waiting * 3])

    assert len(outcomes.results) == 1
    assert outcomes.kinds <= {ProposalChanged, ProposalNotOpen}
    assert Adjustment.objects.count() == 1


@guarded_by(MEMBER_UNLOCKED, seen="None == ")
def test_a_form_sent_again_during_its_approval_proposes_nothing_new(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    waiting = adjust(alice, 11, "form-one")

    def send_again() -> AdjustmentOutcome:
        try:
            return adjust(alice, 11, "form-one")
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        with transaction.atomic():
            approve(waiting, "staff:peter")
            twin = pool.submit(send_again)
            with suppress(TimeoutError):
                twin.result(timeout=1)  # it waits for the approval
        outcome = twin.result(timeout=60)

    assert outcome.adjustment_id == Adjustment.objects.get().pk
    assert not Proposal.objects.filter(state=ProposalState.OPEN).exists()


@guarded_by(MEMBER_UNLOCKED, TURNS, meet='INSERT INTO "marketing_adjustment"', crowd=12, seen=r"0 == \(12 - 10\)")
def test_twenty_gifts_at_once_pass_no_limit(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10

    outcomes = run_concurrently(lambda: adjust(alice, 1, uuid4().hex), THREADS)

    assert outcomes.errors == []
    assert sum(outcome.proposal_id is not None for outcome in outcomes.results) == THREADS - 10
    assert campaign.available(alice.id, POINTS) == 10


@guarded_by(TURNS, meet='INSERT INTO "marketing_adjustment"', crowd=12, seen="12 == 10")
def test_gifts_to_many_members_at_once_pass_no_limit(settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    gifts = [partial(adjust, member(f"member{number}"), 1, uuid4().hex) for number in range(THREADS)]

    outcomes = run_together(gifts)

    assert outcomes.errors == []
    assert sum(outcome.proposal_id is None for outcome in outcomes.results) == 10


@guarded_by(
    MEMBER_UNLOCKED,
    dropped("marketing_adjustment_once_per_request"),
    meet='INSERT INTO "marketing_adjustment"',
    seen="56 == 7",
)
def test_one_form_sent_by_twenty_threads_acts_once(alice: Member) -> None:
    outcomes = run_concurrently(lambda: adjust(alice, 7, "form-one"), THREADS)

    assert campaign.available(alice.id, POINTS) == 7
    assert Adjustment.objects.count() == 1
    assert {outcome.adjustment_id for outcome in outcomes.results} == {Adjustment.objects.get().pk}
    assert outcomes.errors == []
