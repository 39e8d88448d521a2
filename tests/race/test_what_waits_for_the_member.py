"""What is bought by who waits for their own row is what is on sale when their turn comes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope, Member
from apps.chat import errors as chat_errors
from apps.chat import services as chat
from apps.chat.contracts import QUOTA, GenerationState
from apps.chat.models import Generation, Message
from apps.kernel import clock
from apps.marketing import errors, services
from apps.marketing.contracts import POINTS, ActivityDetail, ActivityState
from apps.marketing.models import Activity, ExchangeItem, ExchangeOrder
from tests.cast import member
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.race.concurrency import in_thread, run_together
from tests.race.guards import guarded_by, locks, nothing, replaced

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

MEMBER_UNLOCKED = locks("accounts_user")


@pytest.fixture
def alice(transactional_db: None) -> Member:
    """A member with points."""
    alice = member("alice")
    campaign.give_points(alice.id, 100)
    return alice


def item(activity: ActivityDetail, **changes: Any) -> UUID:
    """A chance for 30 points."""
    values = {"title": "One draw", "kind": "chances", "amount": 1, "price_points": 30, "activity_id": activity.id}
    return services.save_exchange_item(code="draw", now=NOON, **{**values, **changes})


def buying(alice: Member, item_id: UUID, request_id: str = "") -> Callable[[], Any]:
    return partial(
        services.exchange,
        user_id=alice.id,
        item_id=item_id,
        quantity=1,
        request_id=request_id or uuid4().hex,
        now=NOON,
    )


def asking(alice: Member) -> Callable[[], Any]:
    conversation = chat.create_conversation(user_id=alice.id, now=clock.now())
    return partial(send, alice.id, conversation_id=conversation.id)


def while_the_member_is_held(alice: Member, act: Callable[[], Any], meanwhile: Callable[[], Any]) -> Any:
    """What becomes of an act that waits for its member until `meanwhile` is done."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            accounts.hold_active(user_id=alice.id, scope=ListScope.DRAW, now=clock.now())
            waiting = pool.submit(in_thread, act)
            with suppress(TimeoutError):
                waiting.result(timeout=1)
            run_together([meanwhile])
        return waiting.result(timeout=60)


def item_at_first(*, item_id: UUID, now: datetime) -> ExchangeItem:
    """Not looked at again once it is locked."""
    return ExchangeItem.objects.get(pk=item_id)


def nothing_was_sold(alice: Member) -> bool:
    is_untouched = campaign.available(alice.id, POINTS) == 100 and not ExchangeOrder.objects.exists()
    return is_untouched and not ExchangeItem.objects.exclude(sold=0).exists()


def end_now(activity: ActivityDetail) -> None:
    Activity.objects.filter(pk=activity.id).update(ends_at=NOON + timedelta(milliseconds=500))


@guarded_by(MEMBER_UNLOCKED, seen="DID NOT RAISE")
def test_chances_of_an_activity_that_was_ended_meanwhile_are_not_sold(alice: Member, autumn: ActivityDetail) -> None:
    buy = buying(alice, item(autumn))

    with pytest.raises(errors.ItemNotFound):
        while_the_member_is_held(alice, buy, partial(campaign.set_state, autumn.id, ActivityState.ENDED))

    assert nothing_was_sold(alice)


@guarded_by(MEMBER_UNLOCKED, seen="DID NOT RAISE")
def test_chances_of_an_activity_whose_end_came_meanwhile_are_not_sold(alice: Member, autumn: ActivityDetail) -> None:
    buy = buying(alice, item(autumn))

    with pytest.raises(errors.ItemNotFound):
        while_the_member_is_held(alice, buy, partial(end_now, autumn))

    assert nothing_was_sold(alice)


@guarded_by(MEMBER_UNLOCKED, seen="DID NOT RAISE")
def test_an_item_that_was_taken_off_meanwhile_is_not_sold(alice: Member, autumn: ActivityDetail) -> None:
    item_id = item(autumn)

    with pytest.raises(errors.ItemNotFound):
        while_the_member_is_held(alice, buying(alice, item_id), partial(item, autumn, is_active=False))

    assert nothing_was_sold(alice)


@guarded_by(MEMBER_UNLOCKED, seen="30 == 70")
def test_an_item_that_became_dearer_meanwhile_costs_what_it_costs(alice: Member, autumn: ActivityDetail) -> None:
    receipt = while_the_member_is_held(alice, buying(alice, item(autumn)), partial(item, autumn, price_points=70))

    assert receipt.points_paid == 70
    assert campaign.breaches() == []


@pytest.mark.parametrize("change", ["item", "activity"])
@guarded_by(replaced("apps.marketing.exchange.selectors.active_item", item_at_first), seen="DID NOT RAISE", each=True)
def test_what_was_taken_off_while_its_stock_was_waited_for_is_not_sold(
    alice: Member, autumn: ActivityDetail, change: str
) -> None:
    item_id = item(autumn)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ExchangeItem.objects.select_for_update().get(pk=item_id)
            waiting = pool.submit(in_thread, buying(alice, item_id))
            with suppress(TimeoutError):
                waiting.result(timeout=1)
            if change == "item":
                ExchangeItem.objects.filter(pk=item_id).update(is_active=False)
            else:
                Activity.objects.filter(pk=autumn.id).update(state=ActivityState.ENDED)
        with pytest.raises(errors.ItemNotFound):
            waiting.result(timeout=60)

    assert nothing_was_sold(alice)


@guarded_by(replaced("apps.marketing.exchange.services.buying._first_receipt", nothing), seen="ItemNotFound")
def test_a_repeat_gets_its_first_receipt_though_the_item_is_off_by_then(alice: Member, autumn: ActivityDetail) -> None:
    item_id = item(autumn)
    first = buying(alice, item_id, "tap")()

    again = while_the_member_is_held(alice, buying(alice, item_id, "tap"), partial(item, autumn, is_active=False))

    assert again == first
    assert campaign.available(alice.id, POINTS) == 70


@guarded_by(MEMBER_UNLOCKED, seen="5, 1")
def test_a_sign_in_gives_no_chances_of_an_activity_whose_end_came_meanwhile(
    alice: Member, autumn: ActivityDetail
) -> None:
    services.save_rebate_rule(
        code="daily", title="Daily", behaviour="sign_in", points=5, chances=1, activity_id=autumn.id, now=NOON
    )

    receipt = while_the_member_is_held(
        alice, partial(services.sign_in, user_id=alice.id, now=NOON), partial(end_now, autumn)
    )

    assert (receipt.points, receipt.chances) == (5, 0)
    assert campaign.chances(alice.id, autumn.id) == 0


@guarded_by(MEMBER_UNLOCKED, seen="DID NOT RAISE")
def test_a_model_that_was_switched_off_meanwhile_is_not_asked(alice: Member) -> None:
    make_model()
    set_limits()
    give_quota(alice.id, 5000)

    with pytest.raises(chat_errors.ModelNotFound):
        while_the_member_is_held(alice, asking(alice), partial(make_model, is_enabled=False))

    assert not Message.objects.exists()


@guarded_by(MEMBER_UNLOCKED, seen="1000")
def test_a_model_that_became_dearer_meanwhile_is_held_at_its_price(alice: Member) -> None:
    make_model()
    set_limits()
    give_quota(alice.id, 5000)

    while_the_member_is_held(alice, asking(alice), partial(make_model, price_milli=3000))

    generation = Generation.objects.get()
    assert (generation.state, generation.price.answer_milli) == (GenerationState.QUEUED, 3000)
    assert campaign.available(alice.id, QUOTA) == 2000
