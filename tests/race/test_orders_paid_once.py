"""The same money told fifty times, by everyone who can tell it, pays and delivers once."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.kernel.models import OutboxEvent
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, OrderState
from apps.orders.models import Notification, Order, OrderHistory, Payment, Standing
from tests.cast import member
from tests.integration.orders.conftest import pack, place, quota_of, undeliverable_pack
from tests.integration.orders.wechat_server import WechatServer, notice, signature, wechat
from tests.race.concurrency import run_concurrently, run_together

__all__ = ["wechat"]

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice(transactional_db: None) -> Member:
    """A member."""
    return member("alice")


@pytest.fixture
def order(alice: Member, wechat: WechatServer) -> OrderDetail:
    """Her order, waiting for money."""
    return place(alice.id, pack())


def teller(body: bytes) -> Callable[[], None]:
    """Deliver one notification as WeChat would."""
    headers = signature(body)
    return lambda: orders.receive_notice(gateway="wechat", headers=headers, body=body, now=clock.now())


def assert_paid_once(order: OrderDetail) -> None:
    assert Order.objects.get(pk=order.id).state == OrderState.DELIVERED
    assert quota_of(order.user_id) == 100_000
    assert Payment.objects.filter(order_id=order.id, standing=Standing.ATTACHED).count() == 1
    assert OutboxEvent.objects.filter(topic="orders.order_paid").count() == 1
    steps = OrderHistory.objects.filter(order_id=order.id).values_list("after", flat=True)
    assert (list(steps).count("paid"), list(steps).count("delivered")) == (1, 1)


def test_the_same_notification_fifty_times_pays_once(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    outcomes = run_concurrently(teller(notice(wechat.trade().transaction())), workers=50)

    assert outcomes.errors == []
    assert_paid_once(order)
    assert Payment.objects.count() == 1
    assert Notification.objects.get().times == 50


def test_two_captures_of_one_order_deliver_once_and_owe_one_back(order: OrderDetail, wechat: WechatServer) -> None:
    tellers = []
    for _ in range(10):
        wechat.trade().pay()
        tellers.append(teller(notice(wechat.trade().transaction())))

    outcomes = run_together(tellers)

    assert outcomes.errors == []
    assert_paid_once(order)
    assert Payment.objects.filter(standing=Standing.SURPLUS).count() == 9


@pytest.mark.parametrize("attempt", range(5))
def test_one_transaction_told_for_two_orders_at_once_pays_one(
    attempt: int, order: OrderDetail, wechat: WechatServer
) -> None:
    wechat.trade().pay()
    told = wechat.trade().transaction()
    other = place(member("bob").id, pack())
    tellers = [teller(notice({**told, "out_trade_no": trade})) for trade in wechat.trades]

    outcomes = run_together(tellers * 5)

    assert outcomes.errors == []
    assert Payment.objects.get().standing == Standing.ATTACHED
    states = sorted(Order.objects.values_list("state", flat=True))
    assert states == [OrderState.DELIVERED, OrderState.MISMATCH]
    assert quota_of(order.user_id) + quota_of(other.user_id) == 100_000


@pytest.mark.parametrize("attempt", range(5))
def test_notification_query_sweep_and_cancel_agree(attempt: int, order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()
    now = clock.now() + timedelta(seconds=6)
    tell = teller(notice(wechat.trade().transaction()))

    outcomes = run_together(
        [
            tell,
            lambda: orders.check_order(user_id=order.user_id, order_id=order.id, now=now),
            lambda: orders.cancel_order(user_id=order.user_id, order_id=order.id, now=now),
            lambda: orders.check_unpaid_orders(now=now),
            tell,
            lambda: orders.check_order(user_id=order.user_id, order_id=order.id, now=now),
        ]
    )

    assert {type(error) for error in outcomes.errors} <= {orders.OrderNotCancellable}
    assert_paid_once(order)


def test_money_racing_ten_cancellations_is_never_lost(order: OrderDetail, wechat: WechatServer) -> None:
    def pay_and_tell() -> None:
        wechat.trade().pay()
        teller(notice(wechat.trade().transaction()))()

    def cancel() -> None:
        orders.cancel_order(user_id=order.user_id, order_id=order.id, now=clock.now())

    outcomes = run_together([pay_and_tell, *[cancel] * 10])

    assert {type(error) for error in outcomes.errors} <= {orders.OrderNotCancellable, orders.GatewayUnavailable}
    assert_paid_once(order)


def test_twenty_clicks_make_one_order(alice: Member, wechat: WechatServer) -> None:
    product = pack()

    outcomes = run_concurrently(lambda: place(alice.id, product, request_id=uuid4().hex), workers=20)

    assert outcomes.errors == []
    assert {shown.id for shown in outcomes.results} == {Order.objects.get().pk}
    assert len(wechat.prepays) == 1
    assert OrderHistory.objects.filter(after="paying").count() == 1


def test_twenty_repeats_of_one_request_make_one_order(alice: Member, wechat: WechatServer) -> None:
    product = pack()

    outcomes = run_concurrently(lambda: place(alice.id, product, request_id="one click"), workers=20)

    assert outcomes.errors == []
    assert Order.objects.count() == 1


def test_rival_sweeps_ask_about_an_order_once(order: OrderDetail, wechat: WechatServer) -> None:
    now = clock.now() + timedelta(seconds=6)

    outcomes = run_concurrently(lambda: orders.check_unpaid_orders(now=now), workers=10)

    assert outcomes.errors == []
    assert sum(outcomes.results) == 1
    assert sum(call.startswith("GET") for call in wechat.calls) == 1


def test_rival_deliveries_deliver_once(alice: Member, wechat: WechatServer) -> None:
    order = place(alice.id, undeliverable_pack())
    wechat.trade().pay()
    teller(notice(wechat.trade().transaction()))()
    assert Order.objects.get().state == OrderState.PAID
    Order.objects.update(entitlements=[])
    later = clock.now() + timedelta(minutes=1)

    outcomes = run_together(
        [lambda: orders.deliver_paid_orders(now=later)] * 5
        + [lambda: orders.redeliver_order(order_id=order.id, actor="staff:1", reason="race", now=later)] * 5
    )

    assert outcomes.errors == []
    assert_paid_once(order)
