"""From the click to the code."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.errors import MemberFrozen
from apps.kernel import clock, switches
from apps.kernel.errors import IdempotencyKeyReused, RateLimited
from apps.orders import services as orders
from apps.orders.contracts import OrderState, ProductOffer
from apps.orders.models import Order, OrderHistory
from tests.integration.orders.conftest import pack, place, quota_of
from tests.integration.orders.wechat_server import WechatServer, refused

NOON = datetime(2026, 11, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def timeout(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("silence", request=request)


def test_an_order_keeps_the_offer_and_shows_the_code(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    order = place(alice.id, product, now=NOON)

    row = Order.objects.get()
    assert (order.state, order.amount_fen, order.quota_milli) == (OrderState.PAYING, 990, 100_000)
    assert order.pay is not None
    assert order.pay.content.startswith("weixin://wxpay/bizpayurl?pr=")
    assert (row.merchant_id, row.app_id, row.currency) == ("1900000001", "wxdemo000000000001", "CNY")
    assert row.out_trade_no == order.id.hex
    assert wechat.prepays == [
        {
            "appid": "wxdemo000000000001",
            "mchid": "1900000001",
            "description": "100 credits",
            "out_trade_no": order.id.hex,
            "time_expire": "2026-11-01T20:30:00+08:00",
            "notify_url": wechat.prepays[0]["notify_url"],
            "amount": {"total": 990, "currency": "CNY"},
        }
    ]
    assert wechat.prepays[0]["notify_url"].endswith("/pay/wechat/notify")
    assert [(step.before, step.after) for step in order.steps] == [("", "created"), ("created", "paying")]


def test_a_second_click_gets_the_same_order(alice: Member, product: ProductOffer, wechat: WechatServer) -> None:
    first = place(alice.id, product)
    second = place(alice.id, product)

    assert second.id == first.id
    assert second.pay == first.pay
    assert len(wechat.prepays) == 1


def test_orders_of_two_products_are_open_side_by_side(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    first = place(alice.id, product)
    second = place(alice.id, pack("another"))

    assert second.id != first.id
    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.PAYING}


def test_a_click_while_another_is_at_the_provider_asks_for_no_second_code(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    def click_again(request: httpx2.Request) -> None:
        wechat.before_answer = lambda request: None
        assert place(alice.id, product, now=NOON + timedelta(seconds=14)).pay is None

    wechat.before_answer = click_again

    assert place(alice.id, product, now=NOON).pay is not None
    assert len(wechat.prepays) == 1


def test_a_code_whose_asker_died_is_asked_for_again(alice: Member, product: ProductOffer, wechat: WechatServer) -> None:
    def die(request: httpx2.Request) -> None:
        raise SystemExit

    wechat.before_answer = die
    with pytest.raises(SystemExit):
        place(alice.id, product, now=NOON)
    wechat.before_answer = lambda request: None

    assert place(alice.id, product, now=NOON + timedelta(seconds=14)).pay is None
    assert place(alice.id, product, now=NOON + timedelta(seconds=15)).pay is not None


def test_the_same_request_orders_once_even_after_the_order_is_over(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    first = place(alice.id, product, request_id="one click")
    orders.cancel_order(user_id=alice.id, order_id=first.id, now=clock.now())

    again = place(alice.id, product, request_id="one click")

    assert again.id == first.id
    assert again.state is OrderState.CLOSED


def test_a_silent_provider_leaves_the_order_to_be_repeated_identically(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.fault = timeout
    with pytest.raises(orders.GatewayUnavailable):
        place(alice.id, product, request_id="click", now=NOON)
    assert Order.objects.get().state == OrderState.CREATED
    # Whoever asked for the code may still be at it: the beat leaves them their time.
    assert orders.check_unpaid_orders(now=NOON + timedelta(seconds=14)) == 0

    wechat.fault = lambda request: None
    order = place(alice.id, product, request_id="another click", now=NOON + timedelta(seconds=20))

    assert Order.objects.get().pk == order.id
    assert order.state is OrderState.PAYING


def test_asking_for_one_code_keeps_nobody_else_from_theirs(
    alice: Member, bob: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.fault = timeout
    with pytest.raises(orders.GatewayUnavailable):
        place(bob.id, product, now=NOON)
    wechat.fault = lambda request: None

    place(alice.id, product, now=NOON)

    assert Order.objects.get(user_id=bob.id).prepay_until is None


def test_no_code_is_asked_for_an_order_whose_time_is_up(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.fault = timeout
    with pytest.raises(orders.GatewayUnavailable):
        place(alice.id, product, now=NOON)
    wechat.fault = lambda request: None

    shown = orders.check_order(user_id=alice.id, order_id=Order.objects.get().pk, now=NOON + timedelta(minutes=31))

    assert (shown.state, shown.pay, wechat.prepays) == (OrderState.CREATED, None, [])


def test_a_time_out_after_the_provider_acted_is_repaired_by_the_same_parameters(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.before_answer = timeout  # type: ignore[assignment]  # raises after the trade was opened
    with pytest.raises(orders.GatewayUnavailable):
        place(alice.id, product, now=NOON)

    wechat.before_answer = lambda request: None
    order = place(alice.id, product, now=NOON + timedelta(minutes=1))

    assert order.state is OrderState.PAYING
    assert wechat.prepays[0] == wechat.prepays[1]


@pytest.mark.parametrize(("status", "code"), [(500, "SYSTEM_ERROR"), (429, "FREQUENCY_LIMITED"), (403, "NO_AUTH")])
def test_a_refusing_provider_keeps_the_order_open(
    status: int, code: str, alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.fault = lambda request: refused(status, code)

    with pytest.raises(orders.GatewayUnavailable):
        place(alice.id, product)

    assert Order.objects.get().state == OrderState.CREATED


def test_an_answer_that_the_provider_did_not_sign_is_not_shown(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.fault = lambda request: httpx2.Response(200, json={"code_url": "weixin://wxpay/bizpayurl?pr=mine"})

    with pytest.raises(orders.GatewayUnavailable):
        place(alice.id, product)

    assert Order.objects.get().pay_content == ""


def test_nothing_is_ordered_at_a_price_the_buyer_did_not_see(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    pack(amount_fen=1290)

    with pytest.raises(orders.PriceChanged) as refusal:
        place(alice.id, product)

    assert refusal.value.context == {"amount_fen": 1290}
    assert not Order.objects.exists()
    assert wechat.calls == []


def test_nothing_is_ordered_that_the_buyer_did_not_see(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    """The price is the same: what changed is what it buys."""
    present = pack(quota_milli=1_000)

    with pytest.raises(orders.OfferChanged) as refusal:
        place(alice.id, product, offer=product.offer)

    assert refusal.value.context == {
        "offer": present.offer,
        "title": "1 credits",
        "amount_fen": 990,
        "quota_milli": 1_000,
        "entitlements": [],
    }
    assert not Order.objects.exists()
    assert wechat.calls == []
    assert place(alice.id, present, offer=present.offer).quota_milli == 1_000


def test_an_offer_that_is_as_it_was_is_the_same_offer(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    pack(amount_fen=1290)
    assert pack().offer == product.offer

    assert place(alice.id, product, offer=product.offer).amount_fen == 990


def test_a_repeat_is_the_first_order_and_another_offer_is_no_repeat(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    first = place(alice.id, product, request_id="one click", offer=product.offer)
    present = pack(quota_milli=1_000)

    again = place(alice.id, product, request_id="one click", offer=product.offer)

    assert (again.id, again.quota_milli) == (first.id, 100_000)
    with pytest.raises(IdempotencyKeyReused):
        place(alice.id, present, request_id="one click", offer=present.offer)


def test_what_is_off_sale_or_unknown_cannot_be_ordered(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    orders.save_product(
        code=product.code,
        title=product.title,
        amount_fen=product.amount_fen,
        quota_milli=product.quota_milli,
        is_on_sale=False,
        now=NOON,
    )
    with pytest.raises(orders.ProductNotOnSale):
        place(alice.id, product)
    with pytest.raises(orders.ProductNotFound):
        orders.place_order(
            user_id=alice.id,
            product_id=uuid4(),
            gateway="wechat",
            expected_amount_fen=990,
            request_id="x",
            now=NOON,
        )
    with pytest.raises(orders.GatewayUnknown):
        orders.place_order(
            user_id=alice.id,
            product_id=product.id,
            gateway="cowries",
            expected_amount_fen=990,
            request_id="x",
            now=NOON,
        )
    assert not Order.objects.exists()


def test_a_frozen_member_buys_nothing(alice: Member, product: ProductOffer, wechat: WechatServer) -> None:
    accounts.freeze(user_id=alice.id, actor="staff:1", reason="abuse", now=NOON)

    with pytest.raises(MemberFrozen):
        place(alice.id, product)

    assert not Order.objects.exists()


def test_one_request_is_one_wish(alice: Member, product: ProductOffer, wechat: WechatServer) -> None:
    first = place(alice.id, product, request_id="click")

    with pytest.raises(IdempotencyKeyReused):
        place(alice.id, pack("another"), request_id="click")

    assert Order.objects.get().pk == first.id


def test_two_members_may_use_the_same_request_id(
    alice: Member, bob: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    first = place(alice.id, product, request_id="click")

    second = place(bob.id, product, request_id="click")

    assert (first.user_id, second.user_id) == (alice.id, bob.id)
    assert Order.objects.count() == 2


def test_orders_are_limited(alice: Member, product: ProductOffer, wechat: WechatServer) -> None:
    for _ in range(30):
        place(alice.id, product, now=NOON)

    with pytest.raises(RateLimited):
        place(alice.id, product, now=NOON)


def test_a_closed_shop_takes_no_new_orders_and_delivers_what_is_paid(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    earlier = place(alice.id, product)
    wechat.trade().pay()
    switches.flip(name="orders.enabled", is_on=False, actor="staff:1", reason="stocktaking", now=NOON)
    try:
        with pytest.raises(orders.ShopClosed):
            place(alice.id, product)
        paid = orders.check_order(user_id=alice.id, order_id=earlier.id, now=clock.now())
    finally:
        switches.flip(name="orders.enabled", is_on=True, actor="staff:1", reason="done", now=NOON)
    assert paid.state is OrderState.DELIVERED
    assert Order.objects.count() == 1


def test_a_stale_order_is_closed_at_the_provider_before_a_new_one_opens(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    old = place(alice.id, product, now=NOON)

    new = place(alice.id, product, now=NOON + timedelta(minutes=26))

    assert new.id != old.id
    assert Order.objects.get(pk=old.id).state == OrderState.CLOSED
    assert wechat.trades[old.id.hex].state == "CLOSED"
    assert wechat.trades[new.id.hex].state == "NOTPAY"


def test_a_new_price_closes_the_order_at_the_old_one(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    old = place(alice.id, product)

    new = place(alice.id, pack(amount_fen=1290))

    assert (new.amount_fen, Order.objects.get(pk=old.id).amount_fen) == (1290, 990)
    assert Order.objects.get(pk=old.id).state == OrderState.CLOSED


def test_a_stale_order_that_was_paid_is_the_answer(alice: Member, product: ProductOffer, wechat: WechatServer) -> None:
    old = place(alice.id, product, now=NOON)
    wechat.trade().pay()

    answer = place(alice.id, product, now=NOON + timedelta(minutes=29))

    assert (answer.id, answer.state) == (old.id, OrderState.DELIVERED)
    assert quota_of(alice.id) == 100_000
    assert Order.objects.count() == 1


def test_a_stale_order_that_cannot_be_closed_stays_and_nothing_new_opens(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    place(alice.id, product, now=NOON)
    wechat.fault = timeout

    with pytest.raises(orders.GatewayUnavailable):
        place(alice.id, product, now=NOON + timedelta(minutes=29))

    assert Order.objects.get().state == OrderState.PAYING


def test_saving_a_product_twice_writes_one_history(product: ProductOffer) -> None:
    again = pack()
    dearer = pack(amount_fen=1290)

    assert again == product
    assert (dearer.id, dearer.amount_fen) == (product.id, 1290)
    assert OrderHistory.objects.count() == 0
