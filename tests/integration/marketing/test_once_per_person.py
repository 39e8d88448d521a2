"""What a person gets once is not given again to the next account of the same WeChat; balances stay behind."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.events import UserRegistered
from apps.kernel.models import OutboxEvent
from apps.marketing import errors, handlers, services
from apps.marketing.contracts import POINTS, Limits
from apps.marketing.earning.selectors import sign_in_month
from apps.marketing.exchange.selectors import exchange_offers
from apps.marketing.models import Rebate
from tests.cast import member
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON
from tests.integration.marketing.test_exchange import buy, quota_item

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sound_books() -> Iterator[None]:
    """Whatever a test did, the audit finds nothing."""
    yield
    assert campaign.breaches() == []


def leave_and_return(account: Member) -> Member:
    """The next account of the same WeChat."""
    accounts.close_account(user_id=account.id, confirm=account.nickname, now=NOON)
    return member(account.nickname.lower(), now=NOON)


def registered(account: Member) -> None:
    """What the outbox brings after a registration."""
    events = [UserRegistered.from_json(row.payload) for row in OutboxEvent.objects.filter(topic=UserRegistered.topic)]
    handlers.on_user_registered(next(event for event in events if event.user_id == account.id))


def test_the_registration_gift_is_given_once(alice: Member, bob: Member) -> None:
    services.save_rebate_rule(code="welcome", title="Welcome", behaviour="register", points=30, now=NOON)
    registered(alice)
    returned = leave_and_return(alice)
    registered(returned)
    registered(bob)

    assert [campaign.available(each.id, POINTS) for each in (alice, returned, bob)] == [30, 0, 30]
    assert Rebate.objects.count() == 2


def test_a_newer_rule_greets_newcomers_only(alice: Member, bob: Member) -> None:
    returned = leave_and_return(alice)
    services.save_rebate_rule(code="welcome", title="Welcome", behaviour="register", points=30, now=NOON)
    registered(returned)
    registered(bob)

    assert [campaign.available(each.id, POINTS) for each in (returned, bob)] == [0, 30]


def test_who_left_before_the_gift_came_gets_it_once(alice: Member) -> None:
    services.save_rebate_rule(code="welcome", title="Welcome", behaviour="register", points=30, now=NOON)
    returned = leave_and_return(alice)
    for account in (returned, alice, returned):
        registered(account)

    assert campaign.available(returned.id, POINTS) + campaign.available(alice.id, POINTS) == 30


def test_a_day_is_signed_in_once_and_the_streak_goes_on(alice: Member) -> None:
    services.sign_in(user_id=alice.id, now=NOON)
    returned = leave_and_return(alice)

    with pytest.raises(errors.AlreadySignedIn):
        services.sign_in(user_id=returned.id, now=NOON)
    assert services.sign_in_week(user_id=returned.id, now=NOON).signed_in_today
    assert sign_in_month(user_id=returned.id, month="2026-11", today=NOON.date()).signed_in_today
    assert services.sign_in(user_id=returned.id, now=NOON + timedelta(days=1)).streak == 2


@pytest.mark.parametrize("limits", [Limits(day=2), Limits(month=2), Limits(total=2)])
def test_the_limit_of_draws_goes_on(alice: Member, limits: Limits) -> None:
    activity = campaign.activity((campaign.THANKS,), limits=limits)
    campaign.give_chances(alice.id, activity.id, 2)
    campaign.draw(alice.id, activity.id)
    returned = leave_and_return(alice)
    campaign.give_chances(returned.id, activity.id, 2)

    assert services.account_of(user_id=returned.id, activity_id=activity.id, now=NOON).used_total == 1
    campaign.draw(returned.id, activity.id)
    with pytest.raises(errors.LimitReached):
        campaign.draw(returned.id, activity.id)


def test_chances_stay_behind_and_the_promised_seed_goes_on(alice: Member) -> None:
    activity = campaign.activity((campaign.THANKS,))
    campaign.give_chances(alice.id, activity.id, 2)
    promised = campaign.draw(alice.id, activity.id).next_seed_hash
    returned = leave_and_return(alice)

    account = services.account_of(user_id=returned.id, activity_id=activity.id, now=NOON)
    assert (account.chances, account.next_seed_hash, account.nonce) == (0, promised, 1)
    with pytest.raises(errors.NoChances):
        campaign.draw(returned.id, activity.id)


def test_the_limit_of_an_exchange_item_goes_on(alice: Member) -> None:
    item_id = quota_item(member_limit=2)
    campaign.give_points(alice.id, 100)
    buy(alice.id, item_id)
    returned = leave_and_return(alice)
    campaign.give_points(returned.id, 300)

    assert exchange_offers(user_id=returned.id, now=NOON)[0].left_for_member == 1
    buy(returned.id, item_id)
    with pytest.raises(errors.ItemLimitReached):
        buy(returned.id, item_id)
