"""A deed that counts as rewarded, and was not, is named; a rule of another time asks for nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.events import UserRegistered
from apps.kernel import outbox
from apps.kernel.ids import UserId
from apps.kernel.models import OutboxDelivery
from apps.marketing import services
from apps.marketing.contracts import PAYMENT, ActivityState
from apps.marketing.earning.trails import deeds_were_rewarded
from apps.marketing.models import Rebate
from apps.orders.events import OrderPaid
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
HANDLED = NOON + timedelta(minutes=30)
ORDER = uuid4()


def rule(behaviour: str, **terms: Any) -> None:
    """A rule that gives 30 points, an hour before noon."""
    values = {"points": 30, "chances": 0, "activity_id": None, "now": NOON - HOUR, **terms}
    services.save_rebate_rule(code=behaviour, title=behaviour, behaviour=behaviour, **values)


def paid(alice: Member) -> str:
    """Alice paid, and the event counts as handled half an hour after noon, by nobody."""
    fact = OrderPaid(
        order_id=ORDER, user_id=alice.id, product_id=uuid4(), amount_fen=990, paid_at=HANDLED, occurred_at=HANDLED
    )
    with transaction.atomic():
        outbox.publish(fact)
    return _handled_by_nobody(f"order:{ORDER}")


def registered(alice: Member) -> str:
    """Alice became a member, and the event counts as handled half an hour after noon, by nobody."""
    with transaction.atomic():
        outbox.publish(UserRegistered(user_id=alice.id, invite_code="", occurred_at=HANDLED))
    return _handled_by_nobody(f"person:{accounts.person_of(user_id=alice.id)}")


def signed_in(alice: Member) -> str:
    """Alice signed in half an hour after noon, and her reward is gone."""
    services.sign_in(user_id=alice.id, now=HANDLED)
    unguard_all("marketing_rebate")
    rebates = Rebate.objects.filter(behaviour_key__startswith="sign_in:")
    key = rebates.get().behaviour_key
    rebates._raw_delete("default")
    return key


def _handled_by_nobody(key: str) -> str:
    assert OutboxDelivery.objects.update(state="done", finished_at=HANDLED)
    return key


DEEDS = [("payment", paid), ("register", registered), ("sign_in", signed_in)]


def moment_of(key: UUID) -> datetime:
    """When a key was made, by the machine's own clock: windows of the audit begin at keys."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC)


def ungiven() -> set[str]:
    """What the audit misses an hour after noon."""
    return {breach.detail for breach in deeds_were_rewarded(NOON + HOUR)}


@pytest.mark.parametrize(("behaviour", "did"), DEEDS)
def test_a_deed_that_was_not_rewarded_is_named(behaviour: str, did: Callable[[Member], str], alice: Member) -> None:
    rule(behaviour)
    assert ungiven() == set()

    key = did(alice)

    assert ungiven() == {f"gave nothing for {key}"}


def test_chances_that_were_not_given_are_named(alice: Member) -> None:
    activity = campaign.activity()
    campaign.publish(activity.id, campaign.sure(campaign.POINTS_PRIZE, activity.id, stock=10))
    rule("payment", points=0, chances=6, activity_id=activity.id)

    key = paid(alice)

    assert ungiven() == {f"gave nothing for {key}"}


def test_chances_of_an_activity_that_ended_about_then_are_not_asked_for(alice: Member) -> None:
    activity = campaign.activity()
    rule("payment", points=0, chances=6, activity_id=activity.id)
    paid(alice)
    now = HANDLED - timedelta(seconds=10)
    services.set_activity_state(
        activity_id=activity.id, state=ActivityState.ENDED, actor="system", reason="over", now=now
    )

    assert ungiven() == set()


@pytest.mark.parametrize(
    "terms",
    [{"is_active": False}, {"now": HANDLED + timedelta(minutes=10)}, {"now": HANDLED - timedelta(minutes=1)}],
    ids=["switched off", "saved later", "saved about then"],
)
def test_a_rule_that_was_not_surely_active_asks_for_nothing(terms: dict[str, Any], alice: Member) -> None:
    rule("payment", **terms)
    paid(alice)

    assert ungiven() == set()


def test_what_was_rewarded_is_no_breach(alice: Member) -> None:
    rule("payment")
    paid(alice)
    services.grant_rebates(
        user_id=UserId(alice.id),
        behaviour=PAYMENT,
        behaviour_key=f"order:{ORDER}",
        amount_fen=990,
        now=HANDLED,
    )

    assert ungiven() == set()


def test_the_minute_run_looks_at_new_deeds_alone(alice: Member) -> None:
    rule("payment")
    paid(alice)
    first = moment_of(OutboxDelivery.objects.get(handler__endswith="on_order_paid").pk)

    assert list(deeds_were_rewarded(NOON + HOUR, first + timedelta(seconds=1))) == []
    assert list(deeds_were_rewarded(NOON + HOUR, first - timedelta(seconds=1))) != []
