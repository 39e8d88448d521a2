"""Operators give and take by hand: once, with a cause and a reason, and above a limit by two people."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.errors import MemberClosed
from apps.chat.contracts import QUOTA
from apps.kernel import approvals, clock
from apps.kernel.errors import ProposalChanged, ReasonMissing
from apps.kernel.models import AuditEntry, Proposal, ProposalState
from apps.ledger.errors import InsufficientFunds
from apps.marketing import errors, services
from apps.marketing.contracts import (
    POINTS,
    ActivityDetail,
    AdjustedAsset,
    AdjustmentOutcome,
    AdjustmentRequest,
    chances_asset,
)
from apps.marketing.models import Adjustment
from tests.cast import browser_of, operator
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

OLGA, PETER = "staff:olga", "staff:peter"


def request_of(
    member: Member,
    amount: int,
    asset: AdjustedAsset = AdjustedAsset.POINTS,
    *,
    activity_id: UUID | None = None,
    request_id: str = "",
) -> AdjustmentRequest:
    return AdjustmentRequest(
        user_id=member.id,
        asset=asset,
        activity_id=activity_id,
        amount=amount,
        incident="complaint 12",
        request_id=request_id or uuid4().hex,
    )


def adjust(
    request: AdjustmentRequest, *, actor: str = OLGA, reason: str = "an outage", **when: Any
) -> AdjustmentOutcome:
    return services.adjust(request=request, actor=actor, reason=reason, **{"now": NOON, **when})


def approve(outcome: AdjustmentOutcome, *, actor: str = PETER) -> None:
    assert outcome.proposal_id is not None
    approvals.approve(
        proposal_id=outcome.proposal_id,
        actor=actor,
        may=lambda name: name == "marketing.approve_adjustment",
        reason="checked",
        now=NOON,
    )


@pytest.mark.parametrize("asset", AdjustedAsset)
def test_what_is_given_arrives_and_what_is_taken_goes(
    alice: Member, autumn: ActivityDetail, asset: AdjustedAsset
) -> None:
    activity_id = autumn.id if asset is AdjustedAsset.CHANCES else None
    name = {"quota": QUOTA, "points": POINTS, "chances": chances_asset(autumn.id)}[asset]

    adjust(request_of(alice, 7, asset, activity_id=activity_id))
    adjust(request_of(alice, -3, asset, activity_id=activity_id))

    assert campaign.available(alice.id, name) == 4
    assert campaign.breaches(clock.now()) == []
    trail = AuditEntry.objects.filter(action="marketing.adjust")
    assert set(trail.values_list("actor", "reason", "after__incident")) == {(OLGA, "an outage", "complaint 12")}


def test_one_request_acts_once(alice: Member) -> None:
    request = request_of(alice, 7)

    first = adjust(request)

    assert adjust(request) == first
    assert campaign.available(alice.id, POINTS) == 7
    with pytest.raises(errors.AdjustmentNotValid):
        adjust(request_of(alice, 70, request_id=request.request_id))
    assert campaign.available(alice.id, POINTS) == 7


def test_a_repeat_for_somebody_else_or_of_something_else_is_refused(
    alice: Member, bob: Member, autumn: ActivityDetail
) -> None:
    request = request_of(alice, 7)
    adjust(request)

    for other in (
        request_of(bob, 7, request_id=request.request_id),
        request_of(alice, 7, AdjustedAsset.QUOTA, request_id=request.request_id),
        request_of(alice, 7, AdjustedAsset.CHANCES, activity_id=autumn.id, request_id=request.request_id),
    ):
        with pytest.raises(errors.AdjustmentNotValid):
            adjust(other)

    assert Adjustment.objects.count() == 1


def test_no_more_is_taken_than_there_is(alice: Member) -> None:
    adjust(request_of(alice, 7))

    with pytest.raises(InsufficientFunds):
        adjust(request_of(alice, -8))

    assert campaign.available(alice.id, POINTS) == 7
    assert Adjustment.objects.count() == 1


@pytest.mark.parametrize("amount", [0, 10**12 + 1, -(10**12) - 1])
def test_an_amount_that_nobody_means_is_refused(alice: Member, amount: int) -> None:
    with pytest.raises(errors.AdjustmentNotValid):
        adjust(request_of(alice, amount))

    assert not Adjustment.objects.exists()


def test_chances_belong_to_an_activity_that_exists(alice: Member) -> None:
    with pytest.raises(errors.AdjustmentNotValid):
        adjust(request_of(alice, 1, AdjustedAsset.CHANCES))
    with pytest.raises(errors.ActivityNotFound):
        adjust(request_of(alice, 1, AdjustedAsset.CHANCES, activity_id=uuid4()))

    assert not Adjustment.objects.exists()


def test_a_reason_is_asked_for(alice: Member) -> None:
    with pytest.raises(ReasonMissing):
        adjust(request_of(alice, 1), reason=" ")

    assert campaign.available(alice.id, POINTS) == 0


def test_a_closed_account_gets_nothing(alice: Member) -> None:
    accounts.close_account(user_id=alice.id, confirm="Alice", now=NOON)

    with pytest.raises(MemberClosed):
        adjust(request_of(alice, 1))

    assert campaign.available(alice.id, POINTS) == 0


def test_an_adjustment_never_changes(alice: Member) -> None:
    adjust(request_of(alice, 7))

    with pytest.raises(IntegrityError), transaction.atomic():
        Adjustment.objects.update(amount=9)
    with pytest.raises(IntegrityError), transaction.atomic():
        Adjustment.objects.all().delete()


def test_above_the_limit_a_second_person_is_needed(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10

    waiting = adjust(request_of(alice, 11))

    assert waiting.adjustment_id is None
    assert campaign.available(alice.id, POINTS) == 0
    approve(waiting)
    assert campaign.available(alice.id, POINTS) == 11
    made = Adjustment.objects.get()
    assert (made.created_by, made.proposal_id) == (OLGA, waiting.proposal_id)
    assert campaign.breaches(clock.now()) == []


def test_many_small_gifts_are_one_large_one(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10

    outcomes = [adjust(request_of(alice, amount)) for amount in (6, -2, 3)]

    assert [outcome.proposal_id is None for outcome in outcomes] == [True, True, False]
    assert campaign.available(alice.id, POINTS) == 4
    assert adjust(request_of(alice, 6), actor=PETER).proposal_id is None
    assert adjust(request_of(alice, 6), now=NOON + timedelta(days=1)).proposal_id is None


def test_no_hour_begins_the_limit_anew(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    midnight = NOON.replace(hour=0)
    adjust(request_of(alice, 10), now=midnight - timedelta(minutes=1))

    assert adjust(request_of(alice, 1), now=midnight + timedelta(minutes=1)).proposal_id is not None
    assert adjust(request_of(alice, 1), now=midnight + timedelta(hours=24)).proposal_id is None


def test_what_a_second_person_approved_does_not_count(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    adjust(request_of(alice, 4))
    approve(adjust(request := request_of(alice, 11)))

    assert adjust(request) == AdjustmentOutcome(adjustment_id=Adjustment.objects.get(amount=11).pk)
    assert adjust(request_of(alice, 6)).proposal_id is None


def test_each_asset_has_a_day_of_its_own(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = settings.APPROVAL_QUOTA_MILLI = 10

    assert adjust(request_of(alice, 10)).proposal_id is None
    assert adjust(request_of(alice, 10, AdjustedAsset.QUOTA)).proposal_id is None
    assert adjust(request_of(alice, 1, AdjustedAsset.QUOTA)).proposal_id is not None


def test_chances_have_a_limit_of_their_own(alice: Member, autumn: ActivityDetail, settings: LazySettings) -> None:
    settings.APPROVAL_CHANCES = 3
    within, above = (request_of(alice, amount, AdjustedAsset.CHANCES, activity_id=autumn.id) for amount in (3, 1))

    assert adjust(within).proposal_id is None
    assert adjust(above).proposal_id is not None


def test_a_limit_of_zero_means_always(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_QUOTA_MILLI = 0

    assert adjust(request_of(alice, 1, AdjustedAsset.QUOTA)).proposal_id is not None
    assert adjust(request_of(alice, 1)).proposal_id is None


def test_a_refused_adjustment_does_not_use_up_the_day(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10

    with pytest.raises(InsufficientFunds):
        adjust(request_of(alice, -10))

    assert adjust(request_of(alice, 10)).proposal_id is None


def test_what_was_done_meanwhile_is_not_done_again(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    request = request_of(alice, 11)
    waiting = adjust(request)
    settings.APPROVAL_POINTS = None
    adjust(request)

    with pytest.raises(ProposalChanged):
        approve(waiting)

    assert campaign.available(alice.id, POINTS) == 11


def test_a_proposal_that_was_changed_meanwhile_gives_nothing(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    waiting = adjust(request_of(alice, 11))
    unguard_all("kernel_proposal")
    row = Proposal.objects.get()
    Proposal.objects.update(content={**row.content, "amount": 5000})

    with pytest.raises(ProposalChanged):
        approve(waiting)

    assert campaign.available(alice.id, POINTS) == 0
    assert Proposal.objects.get().state == ProposalState.OPEN


def test_nothing_is_approved_for_who_left_meanwhile(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    waiting = adjust(request_of(alice, 11))
    accounts.close_account(user_id=alice.id, confirm="Alice", now=NOON)

    with pytest.raises(MemberClosed):
        approve(waiting)

    assert campaign.available(alice.id, POINTS) == 0
    assert not Adjustment.objects.exists()
    assert Proposal.objects.get().state == ProposalState.OPEN


# The admin ----------------------------------------------------------------------------------------


def send(browser: Client, member: Member, **fields: Any) -> str:
    body = {
        "user": str(member.id),
        "asset": "points",
        "amount": "11",
        "incident": "complaint 12",
        "reason": "an outage",
        "form_id": str(uuid4()),
        **fields,
    }
    return browser.post(reverse("admin:marketing_adjustment_add"), body, follow=True).content.decode()


def test_the_form_gives(operator_browser: Client, alice: Member) -> None:
    assert operator_browser.get(reverse("admin:marketing_adjustment_add")).status_code == 200

    send(operator_browser, alice)

    assert campaign.available(alice.id, POINTS) == 11
    row = Adjustment.objects.get()
    assert operator_browser.get(reverse("admin:marketing_adjustment_change", args=[row.pk])).status_code == 200


def test_the_form_sent_twice_leads_to_the_one_adjustment(operator_browser: Client, alice: Member) -> None:
    once = str(uuid4())
    send(operator_browser, alice, form_id=once)

    page = send(operator_browser, alice, form_id=once)

    assert 'class="errornote"' not in page
    row = Adjustment.objects.get()
    assert reverse("admin:marketing_adjustment_change", args=[row.pk]) in page
    assert campaign.available(alice.id, POINTS) == 11
    assert 'class="errornote"' in send(operator_browser, alice, form_id=once, amount="12")


def test_the_form_says_what_the_service_refuses(operator_browser: Client, alice: Member) -> None:
    page = send(operator_browser, alice, amount="-5")

    assert 'class="errornote"' in page
    assert not Adjustment.objects.exists()


def test_one_operator_proposes_and_another_approves(
    olga: Member, operator_browser: Client, alice: Member, settings: LazySettings
) -> None:
    settings.APPROVAL_POINTS = 10
    send(operator_browser, alice)
    waiting = Proposal.objects.get()
    decide = {"action": "approve", "_selected_action": str(waiting.pk), "reason": "checked"}
    proposals = reverse("admin:kernel_proposal_changelist")

    home = operator_browser.get(reverse("admin:index")).content.decode()
    assert "1 条提议" in home
    operator_browser.post(proposals, decide)
    assert campaign.available(alice.id, POINTS) == 0  # her own
    browser_of(operator("peter").id).post(proposals, decide)

    assert campaign.available(alice.id, POINTS) == 11


def test_the_home_says_that_a_fresh_installation_never_asks(operator_browser: Client) -> None:
    home = operator_browser.get(reverse("admin:index")).content.decode()

    assert home.count("从不需要第二人") == len(approvals.limits()) == 3


def test_the_home_says_from_where_on_two_people_are_needed(operator_browser: Client, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10

    home = operator_browser.get(reverse("admin:index")).content.decode()

    assert "每名运营每天超过 10 需要第二人批准" in home
    assert home.count("从不需要第二人") == 2


# The audit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (Adjustment, {"request_id": "another"}),
        (Adjustment, {"amount": 12}),
        (Proposal, {"state": ProposalState.REJECTED}),
    ],
)
def test_an_adjustment_that_no_carried_out_proposal_asked_for_is_found(
    alice: Member, settings: LazySettings, table: type[Model], changes: dict[str, Any]
) -> None:
    settings.APPROVAL_POINTS = 10
    approve(adjust(request_of(alice, 11)))
    unguard_all(table._meta.db_table)
    table._default_manager.update(**changes)

    assert any(f"is not what proposal {Proposal.objects.get().pk} asked for" in line for line in found())


def test_a_proposal_whose_adjustment_is_gone_is_found(alice: Member, settings: LazySettings) -> None:
    settings.APPROVAL_POINTS = 10
    approve(adjust(request_of(alice, 11)))
    unguard_all("marketing_adjustment")
    Adjustment.objects.all().delete()

    assert any("was carried out, and nothing was adjusted" in line for line in found())


def found() -> list[str]:
    return [line for line in campaign.breaches(clock.now()) if line.startswith("I-51-told")]
