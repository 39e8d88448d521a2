"""Leaving and coming back while something is won or given: once per person, and nothing at a closed account."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.errors import MemberClosed
from apps.accounts.events import UserRegistered
from apps.accounts.models import Person, User
from apps.kernel import clock
from apps.kernel.ids import UserId
from apps.marketing import handlers
from apps.marketing import services as marketing
from apps.marketing.contracts import POINTS, AdjustedAsset, AdjustmentRequest
from apps.marketing.errors import AlreadySignedIn, PrizeOnItsWay
from apps.marketing.events import SignedIn
from apps.marketing.models import Delivery, Draw, ExchangeOrder, SignIn
from apps.orders import services as orders
from apps.orders.models import Order
from tests.cast import member
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.integration.orders.conftest import pack, place, quota_of
from tests.integration.orders.wechat_server import WechatServer, wechat
from tests.race.concurrency import in_thread, run_together
from tests.race.guards import dropped, guarded_by, locks

__all__ = ["wechat"]  # a fixture

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ROUNDS = 5
MEMBER_UNLOCKED = locks("accounts_user")


def close(person: Member) -> None:
    services.close_account(user_id=person.id, confirm=person.nickname, now=NOON)


def certain_win() -> UUID:
    activity = campaign.activity()
    campaign.publish(activity.id, campaign.sure(campaign.QUOTA, activity.id))
    return activity.id


@guarded_by(MEMBER_UNLOCKED, meet='UPDATE "(marketing_participation|accounts_user)"', seen="True != True")
def test_no_prize_waits_at_a_closed_account() -> None:
    activity_id = certain_win()
    for number in range(ROUNDS):
        person = member(f"person{number}", now=NOON)
        campaign.give_chances(person.id, activity_id)

        acts: list[Callable[[], object]] = [partial(campaign.draw, person.id, activity_id), partial(close, person)]
        outcomes = run_together(acts)

        assert outcomes.kinds <= {MemberClosed, PrizeOnItsWay}
        is_closed = User.objects.get(pk=person.id).status == "closed"
        assert is_closed != Delivery.objects.filter(user_id=person.id).exists()


@guarded_by(MEMBER_UNLOCKED, seen="DID NOT RAISE")
def test_a_draw_that_came_during_the_closing_finds_it_closed() -> None:
    """Step by step: the draw has begun to look, and waits, when the account is closed."""
    activity_id = certain_win()
    person = member("alice", now=NOON)
    campaign.give_chances(person.id, activity_id)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            close(person)
            drawing = pool.submit(in_thread, partial(campaign.draw, person.id, activity_id))
            with suppress(TimeoutError):
                drawing.result(timeout=1)
        with pytest.raises(MemberClosed):
            drawing.result(timeout=60)

    assert not Draw.objects.exists()


@pytest.mark.parametrize("act", ["exchange", "sign_in", "adjust"])
@guarded_by(MEMBER_UNLOCKED, seen="DID NOT RAISE", each=True)
def test_whatever_came_during_the_closing_finds_it_closed(act: str) -> None:
    """Step by step, as with the draw."""
    person = member("alice", now=NOON)
    campaign.give_points(person.id, 100)
    acts: dict[str, Callable[[], object]] = {
        "exchange": exchanging(person),
        "sign_in": partial(marketing.sign_in, user_id=person.id, now=NOON),
        "adjust": adjusting(person),
    }

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            close(person)
            acting = pool.submit(in_thread, acts[act])
            with suppress(TimeoutError):
                acting.result(timeout=1)
        with pytest.raises(MemberClosed):
            acting.result(timeout=60)

    assert not ExchangeOrder.objects.exists()
    assert campaign.available(person.id, POINTS) == 100


def exchanging(person: Member) -> Callable[[], object]:
    item_id = marketing.save_exchange_item(
        code="credits", title="5 credits", kind="quota", amount=5000, price_points=100, now=NOON
    )
    return partial(marketing.exchange, user_id=person.id, item_id=item_id, quantity=1, request_id="tap", now=NOON)


def adjusting(person: Member) -> Callable[[], object]:
    request = AdjustmentRequest(
        user_id=person.id, asset=AdjustedAsset.POINTS, activity_id=None, amount=7, incident="1", request_id="1"
    )
    return partial(marketing.adjust, request=request, actor="staff:1", reason="an outage", now=NOON)


@guarded_by(MEMBER_UNLOCKED, seen="delivered")
def test_money_that_came_during_the_closing_buys_nothing_for_nobody(wechat: WechatServer) -> None:
    """Step by step: a cancelled order is found paid while its buyer's account is being closed."""
    person = member("alice", now=NOON)
    order = place(person.id, pack(), now=NOON)
    orders.cancel_order(user_id=person.id, order_id=order.id, now=NOON + timedelta(seconds=5))
    wechat.trade().pay()
    find = partial(orders.check_unpaid_orders, now=NOON + timedelta(minutes=15))

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            close(person)
            finding = pool.submit(in_thread, find)
            with suppress(TimeoutError):
                finding.result(timeout=1)
        finding.result(timeout=60)

    assert Order.objects.get().state == "mismatch"
    assert quota_of(person.id) == 0


@guarded_by(dropped("marketing_signin_once_a_day", "marketing_rebate_once_per_behaviour"), seen=r"== 31|== \[\]")
def test_one_gift_and_one_day_however_often_somebody_comes_back_at_once() -> None:
    marketing.save_rebate_rule(code="welcome", title="Welcome", behaviour="register", points=30, now=NOON)
    marketing.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=1, now=NOON)

    def round_trips() -> None:
        """Come, take everything, leave, again and again: as quickly as a program can."""
        for _ in range(3):
            account = services.register_member(openid="oMilkerOpenid0001", now=NOON)
            with suppress(AlreadySignedIn, MemberClosed):
                marketing.sign_in(user_id=account.id, now=NOON)
            with suppress(MemberClosed):
                close(account)

    outcomes = run_together([round_trips] * 8)
    assert outcomes.errors == []
    accounts = [UserId(pk) for pk in User.objects.values_list("pk", flat=True)]
    assert len(accounts) > 1
    gifts: list[Any] = [partial(registered, user_id) for user_id in accounts]
    days: list[Any] = [partial(signed_in, *row) for row in SignIn.objects.values_list("pk", "user_id")]
    assert run_together(gifts * 2 + days * 2).errors == []

    assert Person.objects.count() == 1
    assert sum(campaign.available(user_id, POINTS) for user_id in accounts) == 31
    assert campaign.breaches(clock.now()) == []


def registered(user_id: UserId) -> None:
    event = UserRegistered(user_id=user_id, invite_code="", occurred_at=NOON)
    handlers.on_user_registered(event)


def signed_in(sign_in_id: UUID, user_id: UUID) -> None:
    handlers.on_signed_in(
        SignedIn(sign_in_id=sign_in_id, user_id=UserId(user_id), local_day="2026-11-21", occurred_at=NOON)
    )
