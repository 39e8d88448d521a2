"""Exchange: points buy chances and quota, exactly."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.errors import MemberFrozen
from apps.chat.contracts import QUOTA
from apps.kernel import configuration
from apps.kernel.errors import IdempotencyKeyReused, OfferChanged
from apps.kernel.ids import UserId
from apps.kernel.models import AuditEntry
from apps.marketing import errors, services
from apps.marketing.contracts import POINTS, ActivityState, ExchangeReceipt
from apps.marketing.exchange.selectors import exchange_offers
from apps.marketing.models import ExchangeItem, ExchangeOrder
from tests.integration.marketing import campaign
from tests.integration.marketing.campaign import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sound_books() -> Iterator[None]:
    """Whatever a test did, the audit finds nothing."""
    yield
    assert campaign.breaches() == []


def quota_item(**other: Any) -> UUID:
    """5 credits for 100 points."""
    values = {"code": "credits", "title": "5 credits", "kind": "quota", "amount": 5000, "price_points": 100, **other}
    return services.save_exchange_item(now=NOON, **values)


def buy(  # one exchange request in full
    user_id: UserId,
    item_id: UUID,
    quantity: int = 1,
    *,
    request_id: str = "",
    expected_price: int | None = None,
    offer: str = "",
) -> ExchangeReceipt:
    """One exchange request."""
    return services.exchange(
        user_id=user_id,
        item_id=item_id,
        quantity=quantity,
        expected_price_points=expected_price,
        offer=offer,
        request_id=request_id or uuid4().hex,
        now=NOON,
    )


def test_points_become_quota(alice: Member) -> None:
    item_id = quota_item()
    campaign.give_points(alice.id, 250)

    receipt = buy(alice.id, item_id, quantity=2)

    assert (receipt.points_paid, receipt.amount, receipt.kind) == (200, 10_000, "quota")
    assert campaign.available(alice.id, POINTS) == 50
    assert campaign.available(alice.id, QUOTA) == 10_000


def test_points_become_chances_that_can_be_drawn(alice: Member) -> None:
    activity = campaign.activity()
    item_id = services.save_exchange_item(
        code="draw", title="One draw", kind="chances", amount=1, price_points=30, activity_id=activity.id, now=NOON
    )
    campaign.give_points(alice.id, 30)

    buy(alice.id, item_id)

    assert campaign.chances(alice.id, activity.id) == 1
    campaign.draw(alice.id, activity.id)


def test_without_enough_points_nothing_changes(alice: Member) -> None:
    item_id = quota_item(stock=5, member_limit=5)
    campaign.give_points(alice.id, 99)

    with pytest.raises(errors.NotEnoughPoints) as refusal:
        buy(alice.id, item_id)

    assert refusal.value.context == {"needed": 100}
    assert campaign.available(alice.id, POINTS) == 99
    assert ExchangeItem.objects.get().sold == 0
    assert not ExchangeOrder.objects.exists()
    assert exchange_offers(user_id=alice.id, now=NOON)[0].left_for_member == 5


def test_the_same_request_buys_once(alice: Member) -> None:
    item_id = quota_item()
    campaign.give_points(alice.id, 250)

    first = buy(alice.id, item_id, request_id="tap-one")
    again = buy(alice.id, item_id, request_id="tap-one")

    assert again == first
    assert campaign.available(alice.id, POINTS) == 150
    with pytest.raises(IdempotencyKeyReused):
        buy(alice.id, item_id, quantity=2, request_id="tap-one")
    with pytest.raises(IdempotencyKeyReused):
        buy(alice.id, quota_item(code="more"), request_id="tap-one")


def test_a_refused_request_is_not_answered_with_somebody_elses(alice: Member, bob: Member) -> None:
    item_id = quota_item()
    campaign.give_points(alice.id, 100)
    buy(alice.id, item_id, request_id="tap-one")

    with pytest.raises(errors.NotEnoughPoints):
        buy(bob.id, item_id, request_id="tap-one")


def test_items_are_counted_apart(alice: Member) -> None:
    first, second = (quota_item(code=code, stock=3, member_limit=3) for code in ("one", "two"))
    campaign.give_points(alice.id, 1000)
    buy(alice.id, second)

    buy(alice.id, first, quantity=2)

    shown = exchange_offers(user_id=alice.id, now=NOON)
    assert {offer.id: (offer.left_for_member, offer.stock_left) for offer in shown} == {first: (1, 1), second: (2, 2)}


def test_a_member_takes_away_what_they_bought_themselves(alice: Member, bob: Member) -> None:
    item_id = quota_item()
    for member, quantity in ((alice, 1), (bob, 3), (alice, 2)):
        campaign.give_points(member.id, 300)
        buy(member.id, item_id, quantity=quantity)

    assert [row["quantity"] for row in services.export_exchanges(user_id=alice.id)] == [1, 2]


def test_a_member_limit_counts_over_requests_and_per_member(alice: Member, bob: Member) -> None:
    item_id = quota_item(member_limit=3)
    for member in (alice, bob):
        campaign.give_points(member.id, 1000)
    buy(alice.id, item_id, quantity=2)

    with pytest.raises(errors.ItemLimitReached) as refusal:
        buy(alice.id, item_id, quantity=2)
    assert refusal.value.context == {"item_id": str(item_id), "limit": 3}
    with pytest.raises(errors.ItemLimitReached):
        buy(bob.id, item_id, quantity=4)
    buy(alice.id, item_id)
    buy(bob.id, item_id, quantity=3)

    assert campaign.available(alice.id, POINTS) == 700
    assert [offer.left_for_member for offer in exchange_offers(user_id=alice.id, now=NOON)] == [0]


def test_stock_is_never_oversold(alice: Member) -> None:
    item_id = quota_item(stock=3)
    campaign.give_points(alice.id, 1000)
    buy(alice.id, item_id, quantity=2)

    with pytest.raises(errors.ItemSoldOut):
        buy(alice.id, item_id, quantity=2)

    assert campaign.available(alice.id, POINTS) == 800
    assert exchange_offers(user_id=alice.id, now=NOON)[0].stock_left == 1


def test_stock_is_corrected_but_never_below_what_was_sold(alice: Member) -> None:
    item_id = quota_item(stock=5)
    campaign.give_points(alice.id, 1000)
    buy(alice.id, item_id, quantity=2)

    quota_item(stock=2)
    with pytest.raises(errors.StockBelowSold) as refusal:
        quota_item(stock=1, price_points=1)

    assert refusal.value.context == {"sold": 2, "stock": 1}
    row = ExchangeItem.objects.get()
    assert (row.stock, row.sold, row.price_points) == (2, 2, 100)
    assert AuditEntry.objects.filter(action="marketing.save_exchangeitem").count() == 2
    quota_item(stock=None)


@pytest.mark.parametrize("quantity", [-1, 0, 100, 10**12])
def test_a_quantity_has_bounds(alice: Member, quantity: int) -> None:
    with pytest.raises(errors.QuantityInvalid):
        buy(alice.id, quota_item(), quantity=quantity)


def test_what_is_not_offered_cannot_be_bought(alice: Member) -> None:
    campaign.give_points(alice.id, 1000)

    with pytest.raises(errors.ItemNotFound):
        buy(alice.id, quota_item(is_active=False))
    with pytest.raises(errors.ItemNotFound):
        buy(alice.id, uuid4())

    assert campaign.available(alice.id, POINTS) == 1000


def test_a_frozen_member_keeps_the_points(alice: Member) -> None:
    item_id = quota_item()
    campaign.give_points(alice.id, 1000)
    accounts.freeze(user_id=alice.id, actor="staff:1", reason="abuse", now=NOON)

    with pytest.raises(MemberFrozen):
        buy(alice.id, item_id)

    assert campaign.available(alice.id, POINTS) == 1000


def test_an_order_keeps_the_price_of_its_moment(alice: Member) -> None:
    item_id = quota_item()
    campaign.give_points(alice.id, 1000)
    receipt = buy(alice.id, item_id, request_id="tap-one")
    quota_item(price_points=500, amount=1)

    assert buy(alice.id, item_id, request_id="tap-one") == receipt


def test_a_price_that_the_member_did_not_see_is_not_taken(alice: Member) -> None:
    item_id = quota_item(stock=5, member_limit=5)
    campaign.give_points(alice.id, 1000)
    quota_item(stock=5, member_limit=5, price_points=120)

    with pytest.raises(errors.PriceChanged) as refusal:
        buy(alice.id, item_id, quantity=2, expected_price=100)

    assert refusal.value.context == {"price_points": 120}
    assert campaign.available(alice.id, POINTS) == 1000
    assert ExchangeItem.objects.get().sold == 0
    assert not ExchangeOrder.objects.exists()
    assert exchange_offers(user_id=alice.id, now=NOON)[0].left_for_member == 5
    assert buy(alice.id, item_id, quantity=2, expected_price=120).points_paid == 240


def test_an_item_that_the_member_did_not_see_is_not_sold(alice: Member) -> None:
    """The price is the same: what changed is what it buys."""
    item_id = quota_item(stock=5, member_limit=5)
    campaign.give_points(alice.id, 1000)
    (shown,) = exchange_offers(user_id=alice.id, now=NOON)
    quota_item(stock=5, member_limit=5, amount=50)
    (present,) = exchange_offers(user_id=alice.id, now=NOON)

    with pytest.raises(OfferChanged) as refusal:
        buy(alice.id, item_id, expected_price=100, offer=shown.offer)

    assert refusal.value.context == {
        "offer": present.offer,
        "title": "5 credits",
        "kind": "quota",
        "amount": 50,
        "price_points": 100,
    }
    assert campaign.available(alice.id, POINTS) == 1000
    assert not ExchangeOrder.objects.exists()
    assert buy(alice.id, item_id, expected_price=100, offer=present.offer).amount == 50


def test_stock_and_limits_do_not_change_an_offer(alice: Member) -> None:
    item_id = quota_item(stock=5)
    campaign.give_points(alice.id, 1000)
    (shown,) = exchange_offers(user_id=alice.id, now=NOON)
    quota_item(stock=9, member_limit=2)

    buy(alice.id, item_id, offer=shown.offer)

    assert [offer.offer for offer in exchange_offers(user_id=alice.id, now=NOON)] == [shown.offer]


def test_a_repeat_gets_its_first_answer_whatever_the_price_is_by_now(alice: Member) -> None:
    item_id = quota_item()
    campaign.give_points(alice.id, 1000)
    receipt = buy(alice.id, item_id, request_id="tap-one", expected_price=100)
    quota_item(price_points=500)

    assert buy(alice.id, item_id, request_id="tap-one", expected_price=100) == receipt
    assert campaign.available(alice.id, POINTS) == 900


def test_chances_of_an_activity_that_is_over_are_not_sold(alice: Member) -> None:
    activity = campaign.activity()
    item_id = services.save_exchange_item(
        code="draw", title="One draw", kind="chances", amount=1, price_points=30, activity_id=activity.id, now=NOON
    )
    campaign.give_points(alice.id, 30)
    campaign.set_state(activity.id, ActivityState.ENDED)

    assert exchange_offers(user_id=alice.id, now=NOON) == []
    with pytest.raises(errors.ItemNotFound):
        buy(alice.id, item_id)

    assert campaign.available(alice.id, POINTS) == 30


def test_chances_of_a_draft_are_not_offered(alice: Member) -> None:
    """Switched off it may wait for the start; what is on record already is not sold."""
    draft = campaign.activity(state=ActivityState.DRAFT)
    item: dict[str, Any] = {"code": "draw", "title": "One draw", "kind": "chances", "amount": 1, "price_points": 30}
    campaign.give_points(alice.id, 30)

    with pytest.raises(errors.ChancesNotUsable):
        services.save_exchange_item(**item, activity_id=draft.id, now=NOON)
    item_id = services.save_exchange_item(**item, activity_id=draft.id, is_active=False, now=NOON)
    on_record = {**item, "activity_id": draft.id, "is_active": True}
    del on_record["code"]
    configuration.save(
        ExchangeItem, key={"code": "draw"}, values=on_record, actor="system", reason="once possible", now=NOON
    )

    assert exchange_offers(user_id=alice.id, now=NOON) == []
    with pytest.raises(errors.ItemNotFound):
        buy(alice.id, item_id)
    campaign.set_state(draft.id, ActivityState.LIVE)
    assert buy(alice.id, item_id).amount == 1


@pytest.mark.parametrize("wrong", [{"amount": 10**12 + 1}, {"amount": 10**15}, {"amount": -1}, {"price_points": 2**31}])
def test_what_could_not_be_handed_over_is_no_item(wrong: dict[str, int]) -> None:
    with pytest.raises(errors.AmountNotDeliverable) as refusal:
        quota_item(**wrong)

    assert refusal.value.context["amount"] in wrong.values()
    assert not ExchangeItem.objects.exists()


def test_ninety_nine_of_the_largest_item_are_handed_over(alice: Member) -> None:
    item_id = quota_item(amount=10**12, price_points=1)
    campaign.give_points(alice.id, 99)

    assert buy(alice.id, item_id, quantity=99).amount == 99 * 10**12


def test_many_dear_items_fit_the_columns(alice: Member) -> None:
    dear = services.save_exchange_item(
        code="dear", title="Dear", kind="quota", amount=1, price_points=2_000_000_000, now=NOON
    )
    campaign.give_points(alice.id, 99 * 2_000_000_000)

    receipt = services.exchange(user_id=alice.id, item_id=dear, quantity=99, request_id="tap-dear", now=NOON)

    assert receipt.points_paid == 198_000_000_000
    assert campaign.breaches() == []


def test_chances_of_another_activity_than_was_shown_are_not_sold(alice: Member) -> None:
    one, another = campaign.activity(), campaign.activity()
    item_id = quota_item(kind="chances", title="a chance", amount=1, activity_id=one.id)
    campaign.give_points(alice.id, 1000)
    (shown,) = exchange_offers(user_id=alice.id, now=NOON)
    quota_item(kind="chances", title="a chance", amount=1, activity_id=another.id)

    with pytest.raises(OfferChanged):
        buy(alice.id, item_id, expected_price=100, offer=shown.offer)

    assert not ExchangeOrder.objects.exists()
