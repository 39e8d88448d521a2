"""Sign-in, rebates, deliveries: what events bring, once each."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.errors import MemberFrozen
from apps.accounts.events import UserRegistered
from apps.chat.contracts import QUOTA
from apps.kernel import configuration
from apps.kernel.errors import OfferChanged
from apps.kernel.models import AuditEntry, OutboxEvent
from apps.marketing import errors, handlers, services
from apps.marketing.contracts import PAYMENT, POINTS, SIGN_IN, ActivityState, PrizeDraft
from apps.marketing.earning.selectors import sign_in_month
from apps.marketing.events import PrizeWon, SignedIn
from apps.marketing.models import Delivery, Rebate, RebateRule, SignIn
from apps.orders.events import OrderPaid
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sound_books() -> Iterator[None]:
    """Whatever a test did, the audit finds nothing but the orders that were never made."""
    yield
    assert [found for found in campaign.breaches() if "nobody did order:" not in found] == []


def signed_in_event() -> SignedIn:
    """The newest sign-in, as the outbox carries it."""
    return SignedIn.from_json(OutboxEvent.objects.filter(topic="marketing.signed_in").order_by("-pk")[0].payload)


def won_event() -> PrizeWon:
    """The newest win, as the outbox carries it."""
    return PrizeWon.from_json(OutboxEvent.objects.filter(topic="marketing.prize_won").order_by("-pk")[0].payload)


# Sign-in ------------------------------------------------------------------------------------------


def test_a_sign_in_gives_at_once_what_it_says(alice: Member) -> None:
    """The event that follows finds nothing left to give, whatever the rules say by then."""
    activity = campaign.activity()
    services.save_rebate_rule(
        code="daily", title="Daily", behaviour="sign_in", points=10, chances=1, activity_id=activity.id, now=NOON
    )

    receipt = services.sign_in(user_id=alice.id, now=NOON)
    assert (receipt.points, receipt.chances, receipt.streak) == (10, 1, 1)
    assert campaign.available(alice.id, POINTS) == 10
    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=1, now=NOON)

    handlers.on_signed_in(signed_in_event())
    handlers.on_signed_in(signed_in_event())

    assert campaign.available(alice.id, POINTS) == 10
    assert campaign.chances(alice.id, activity.id) == 1


def test_a_reward_that_the_member_did_not_see_is_no_bargain(alice: Member) -> None:
    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=10, now=NOON)
    shown = services.sign_in_week(user_id=alice.id, now=NOON).offer
    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=1, now=NOON)
    present = services.sign_in_week(user_id=alice.id, now=NOON).offer

    with pytest.raises(OfferChanged) as refusal:
        services.sign_in(user_id=alice.id, offer=shown, now=NOON)

    assert refusal.value.context == {"offer": present, "points": 1, "chances": 0}
    assert campaign.available(alice.id, POINTS) == 0
    assert not SignIn.objects.exists()
    assert services.sign_in(user_id=alice.id, offer=present, now=NOON).points == 1


def test_a_member_signs_in_once_a_day(alice: Member) -> None:
    services.sign_in(user_id=alice.id, now=NOON)

    with pytest.raises(errors.AlreadySignedIn):
        services.sign_in(user_id=alice.id, now=NOON + timedelta(hours=11))

    assert SignIn.objects.count() == 1
    assert OutboxEvent.objects.filter(topic="marketing.signed_in").count() == 1


def test_the_day_of_a_sign_in_begins_at_local_midnight(alice: Member) -> None:
    last_second = datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC)

    first = services.sign_in(user_id=alice.id, now=last_second)
    second = services.sign_in(user_id=alice.id, now=last_second + timedelta(seconds=1))

    assert [first.local_day.day, second.local_day.day] == [21, 22]
    assert second.streak == 2


def test_a_missed_day_breaks_the_streak(alice: Member) -> None:
    for days in (0, 1, 3):
        receipt = services.sign_in(user_id=alice.id, now=NOON + timedelta(days=days))

    assert receipt.streak == 1
    week = services.sign_in_week(user_id=alice.id, now=NOON + timedelta(days=3))
    assert [day.day for day, is_signed_in in week.days if is_signed_in] == [21, 22, 24]
    assert (len(week.days), week.signed_in_today, week.streak) == (7, True, 1)
    month = sign_in_month(user_id=alice.id, month="2026-11", today=(NOON + timedelta(days=5)).date())
    assert [day.day for day in month.days] == [21, 22, 24]
    assert (month.signed_in_today, month.streak) == (False, 0)


def test_a_frozen_member_does_not_sign_in(alice: Member) -> None:
    accounts.freeze(user_id=alice.id, actor="staff:1", reason="abuse", now=NOON)

    with pytest.raises(MemberFrozen):
        services.sign_in(user_id=alice.id, now=NOON)

    assert not SignIn.objects.exists()


# Rebates ------------------------------------------------------------------------------------------


def paid(member: Member, fen: int) -> OrderPaid:
    """An order of this member was paid."""
    return OrderPaid(
        order_id=uuid4(), user_id=member.id, product_id=uuid4(), amount_fen=fen, paid_at=NOON, occurred_at=NOON
    )


def test_a_payment_gives_points_for_whole_yuan_and_chances_once(alice: Member) -> None:
    activity = campaign.activity()
    services.save_rebate_rule(
        code="pay",
        title="Payment",
        behaviour="payment",
        points=5,
        points_per_yuan=10,
        chances=2,
        activity_id=activity.id,
        now=NOON,
    )
    event = paid(alice, 1990)

    for _ in range(3):
        handlers.on_order_paid(event)

    assert campaign.available(alice.id, POINTS) == 5 + 190
    assert campaign.chances(alice.id, activity.id) == 2
    assert Rebate.objects.get().behaviour_key == f"order:{event.order_id}"


def test_a_generous_rule_for_a_large_payment_fits_its_column(alice: Member) -> None:
    services.save_rebate_rule(code="pay", title="Payment", behaviour="payment", points_per_yuan=1_000_000, now=NOON)

    handlers.on_order_paid(paid(alice, 500_000))

    assert campaign.available(alice.id, POINTS) == 5_000_000_000


def test_each_active_rule_rewards_and_a_closed_one_does_not(alice: Member) -> None:
    for code, points, is_active in (("one", 1, True), ("two", 20, True), ("off", 300, False)):
        services.save_rebate_rule(
            code=code, title=code, behaviour="payment", points=points, is_active=is_active, now=NOON
        )

    handlers.on_order_paid(paid(alice, 100))

    assert campaign.available(alice.id, POINTS) == 21


def test_a_registration_is_rewarded_if_a_rule_says_so(alice: Member) -> None:
    event = UserRegistered(user_id=alice.id, invite_code="", occurred_at=NOON)
    handlers.on_user_registered(event)
    assert campaign.available(alice.id, POINTS) == 0

    services.save_rebate_rule(code="hello", title="Welcome", behaviour="register", points=50, now=NOON)
    handlers.on_user_registered(event)

    assert campaign.available(alice.id, POINTS) == 50


def test_a_changed_rule_is_a_new_version_and_does_not_pay_old_behaviour_again(alice: Member) -> None:
    services.save_rebate_rule(code="pay", title="Payment", behaviour="payment", points=5, now=NOON)
    event = paid(alice, 100)
    handlers.on_order_paid(event)

    changed = services.save_rebate_rule(code="pay", title="Payment", behaviour="payment", points=500, now=NOON)
    same = services.save_rebate_rule(code="pay", title="Payment", behaviour="payment", points=500, now=NOON)
    handlers.on_order_paid(event)

    assert (changed.version, same.version) == (2, 2)
    assert campaign.available(alice.id, POINTS) == 5
    assert Rebate.objects.get().rule_version == 1
    assert AuditEntry.objects.filter(action="marketing.save_rebaterule").count() == 2


def test_a_rule_that_gives_nothing_leaves_no_trace(alice: Member) -> None:
    services.save_rebate_rule(code="pay", title="Payment", behaviour="payment", points_per_yuan=1, now=NOON)

    handlers.on_order_paid(paid(alice, 99))

    assert not Rebate.objects.exists()


def test_rewards_add_up_over_rules() -> None:
    activity = campaign.activity()
    for code in ("one", "two"):
        services.save_rebate_rule(
            code=code, title=code, behaviour="sign_in", points=3, chances=1, activity_id=activity.id, now=NOON
        )

    reward = services.reward_for(behaviour=SIGN_IN, now=NOON)

    assert (reward.points, reward.chances) == (6, {activity.id: 2})


def test_an_activity_that_is_over_gives_no_chances_and_promises_none(alice: Member) -> None:
    activity = campaign.activity()
    services.save_rebate_rule(
        code="daily", title="Daily", behaviour="sign_in", points=3, chances=1, activity_id=activity.id, now=NOON
    )
    campaign.set_state(activity.id, ActivityState.ENDED)

    receipt = services.sign_in(user_id=alice.id, now=NOON)
    deed = f"sign_in:{SignIn.objects.get().pk}"
    services.grant_rebates(user_id=alice.id, behaviour=SIGN_IN, behaviour_key=deed, now=NOON)

    assert (receipt.points, receipt.chances) == (3, 0)
    assert campaign.chances(alice.id, activity.id) == 0


@pytest.mark.parametrize("state", [ActivityState.DRAFT, ActivityState.ENDED])
def test_a_rule_in_force_gives_chances_that_can_be_used(state: ActivityState) -> None:
    closed = campaign.activity(state=state)
    rule: dict[str, Any] = {"code": "pay", "title": "Payment", "behaviour": "payment", "chances": 1, "now": NOON}

    with pytest.raises(errors.ChancesNotUsable):
        services.save_rebate_rule(**rule, activity_id=closed.id)
    services.save_rebate_rule(**rule, activity_id=closed.id, is_active=False)
    on_record = {"title": "Payment", "behaviour": "payment", "chances": 1, "activity_id": closed.id, "is_active": True}
    configuration.save(
        RebateRule, key={"code": "pay"}, values=on_record, actor="system", reason="once possible", now=NOON
    )

    assert services.reward_for(behaviour=PAYMENT, now=NOON).chances == {}


@pytest.mark.parametrize("wrong", [{"points": 2**31}, {"points_per_yuan": 10**7 + 1}, {"chances": 10**6 + 1}])
def test_a_rule_gives_no_more_than_can_be_given(wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.AmountNotDeliverable):
        services.save_rebate_rule(code="pay", title="Payment", behaviour="payment", now=NOON, **wrong)

    assert not RebateRule.objects.exists()


def test_the_most_generous_rule_pays_for_the_largest_payment(alice: Member) -> None:
    services.save_rebate_rule(
        code="pay", title="Payment", behaviour="payment", points=2**31 - 1, points_per_yuan=10**7, now=NOON
    )

    handlers.on_order_paid(paid(alice, 2**31 - 1))

    assert campaign.available(alice.id, POINTS) == 2**31 - 1 + 10**7 * (2**31 // 100)


@pytest.mark.parametrize("table", [Rebate, SignIn])
def test_what_happened_never_changes(alice: Member, table: type[Rebate] | type[SignIn]) -> None:
    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=1, now=NOON)
    services.sign_in(user_id=alice.id, now=NOON)
    handlers.on_signed_in(signed_in_event())

    with pytest.raises(DatabaseError), transaction.atomic():
        table.objects.update(created_at=NOON - timedelta(days=1))

    assert RebateRule.objects.get().version == 1


def test_a_member_takes_away_what_they_were_given_themselves(alice: Member, bob: Member) -> None:
    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=1, now=NOON)
    for member, days in ((alice, 0), (bob, 0), (alice, 1)):
        services.sign_in(user_id=member.id, now=NOON + timedelta(days=days))

    assert [row["streak"] for row in services.export_sign_ins(user_id=alice.id)] == [1, 2]
    given = services.export_rebates(user_id=alice.id)
    assert [row["created_at"] for row in given] == [NOON, NOON + timedelta(days=1)]


# Deliveries ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prize", "asset", "amount"), [(campaign.QUOTA, QUOTA, 5000), (campaign.POINTS_PRIZE, POINTS, 20)]
)
def test_a_prize_is_delivered_once(alice: Member, prize: PrizeDraft, asset: str, amount: int) -> None:
    activity = campaign.activity()
    campaign.publish(activity.id, campaign.sure(prize, activity.id))
    campaign.give_chances(alice.id, activity.id)
    campaign.draw(alice.id, activity.id)
    assert campaign.available(alice.id, asset) == 0

    for _ in range(3):
        handlers.on_prize_won(won_event())

    assert campaign.available(alice.id, asset) == amount
    delivery = Delivery.objects.get()
    assert delivery.state == "done"
    assert delivery.done_at is not None


def test_a_prize_goes_to_its_winner_alone(alice: Member, bob: Member) -> None:
    activity = campaign.activity()
    campaign.publish(activity.id, campaign.sure(campaign.POINTS_PRIZE, activity.id))
    for member in (alice, bob):
        campaign.give_chances(member.id, activity.id)
        campaign.draw(member.id, activity.id)

    arrived = []
    for member in (bob, alice):
        services.deliver_prize(delivery_id=Delivery.objects.get(user_id=member.id).id, now=NOON)
        arrived.append([campaign.available(winner.id, POINTS) for winner in (alice, bob)])

    assert arrived == [[0, 20], [20, 20]]


def test_an_operator_replays_what_is_owed_and_nothing_else(alice: Member) -> None:
    activity = campaign.activity()
    campaign.publish(activity.id, campaign.sure(campaign.POINTS_PRIZE, activity.id))
    campaign.give_chances(alice.id, activity.id)
    campaign.draw(alice.id, activity.id)
    delivery_id = Delivery.objects.get().id

    for _ in range(2):
        services.replay_delivery(delivery_id=delivery_id, actor="staff:1", reason="stuck", now=NOON)
    handlers.on_prize_won(won_event())

    assert campaign.available(alice.id, POINTS) == 20
    assert AuditEntry.objects.filter(action="marketing.replay_delivery").count() == 2


def test_an_unknown_delivery_is_refused() -> None:
    with pytest.raises(errors.DeliveryNotFound):
        services.deliver_prize(delivery_id=uuid4(), now=NOON)
