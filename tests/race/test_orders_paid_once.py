"""The same money told fifty times, by everyone who can tell it, pays and delivers once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.kernel.models import OutboxEvent
from apps.orders import rules
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, OrderState
from apps.orders.models import Notification, Order, OrderHistory, Payment, Standing
from tests.cast import member
from tests.integration.chat.conftest import make_model
from tests.integration.orders.conftest import pack, place, quota_of, undeliverable_pack
from tests.integration.orders.wechat_server import WechatServer, notice, signature, wechat
from tests.race.concurrency import run_concurrently, run_together
from tests.race.guards import dropped, guarded_by, locks, meet, nothing, replaced, taken_as_read

__all__ = ["wechat"]

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ORDER_UNLOCKED = locks("orders_order")
MEMBER_UNLOCKED = locks("accounts_user")
BOOKED_AGAIN = dropped("orders_payment_transaction_unique", "orders_payment_one_attached_per_order")

WORKERS = 50
EDITS = (1_000, 100_000) * 5


@pytest.fixture
def alice(transactional_db: None) -> Member:
    """A member."""
    return member("alice")


@pytest.fixture
def order(alice: Member, wechat: WechatServer) -> OrderDetail:
    """Her order, waiting for money."""
    return place(alice.id, pack())


def teller(body: bytes) -> Callable[[], object]:
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


@guarded_by(ORDER_UNLOCKED, BOOKED_AGAIN, meet='INSERT INTO "orders_payment"', seen="IllegalTransition|Error")
def test_the_same_notification_fifty_times_pays_once(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    outcomes = run_concurrently(teller(notice(wechat.trade().transaction())), workers=WORKERS)

    assert outcomes.errors == []
    assert_paid_once(order)
    assert Payment.objects.count() == 1
    assert Notification.objects.get().times == WORKERS


@guarded_by(ORDER_UNLOCKED, meet='INSERT INTO "orders_payment"', seen="Error|DoesNotExist")
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
@guarded_by(
    ORDER_UNLOCKED,
    dropped("orders_payment_transaction_unique"),
    meet='INSERT INTO "orders_payment"',
    seen="Error|Multiple",
)
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
@guarded_by(ORDER_UNLOCKED, BOOKED_AGAIN, meet='INSERT INTO "orders_payment"', seen="IllegalTransition|Error")
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

    assert outcomes.kinds <= {orders.OrderNotCancellable}
    assert_paid_once(order)


@guarded_by(replaced("apps.orders.rules.AWAITING_MONEY", rules.OPEN), crowd=11, seen="closed")
def test_money_racing_ten_cancellations_is_never_lost(order: OrderDetail, wechat: WechatServer) -> None:
    def pay_and_tell() -> None:
        meet()
        wechat.trade().pay()
        teller(notice(wechat.trade().transaction()))()

    def cancel() -> None:
        orders.cancel_order(user_id=order.user_id, order_id=order.id, now=clock.now())

    outcomes = run_together([pay_and_tell, *[cancel] * 10])

    assert outcomes.kinds <= {orders.OrderNotCancellable, orders.GatewayUnavailable}
    assert_paid_once(order)


@guarded_by(
    MEMBER_UNLOCKED,
    dropped("orders_order_one_open_per_offer"),
    meet='INSERT INTO "orders_order"',
    seen="Error|Multiple",
)
def test_twenty_clicks_make_one_order(alice: Member, wechat: WechatServer) -> None:
    product = pack()

    outcomes = run_concurrently(lambda: place(alice.id, product, request_id=uuid4().hex), workers=20)

    assert outcomes.errors == []
    assert {shown.id for shown in outcomes.results} == {Order.objects.get().pk}
    assert len(wechat.prepays) == 1
    assert OrderHistory.objects.filter(after="paying").count() == 1


@guarded_by(
    MEMBER_UNLOCKED,
    dropped("orders_order_one_open_per_offer", "orders_order_once_per_request"),
    meet='INSERT INTO "orders_order"',
    seen="== 1",
)
def test_twenty_repeats_of_one_request_make_one_order(alice: Member, wechat: WechatServer) -> None:
    product = pack()

    outcomes = run_concurrently(lambda: place(alice.id, product, request_id="one click"), workers=20)

    assert outcomes.errors == []
    assert Order.objects.count() == 1


@guarded_by(
    replaced("apps.orders.services.placing._check_as_shown", nothing),
    replaced(f"{__name__}.EDITS", (1_000,)),
    wait_for=9,
    seen="100000",
)
def test_each_of_fifty_gets_the_offer_they_saw_or_a_refusal(wechat: WechatServer) -> None:
    """An operator edits what five yuan buy while fifty members order what they were shown."""
    shown = pack(amount_fen=500)
    members = [member(f"buyer{number}") for number in range(WORKERS)]

    def order(buyer: Member) -> int:
        meet()
        return place(buyer.id, shown, offer=shown.offer).quota_milli

    def edit() -> int:
        for credits in EDITS:
            pack(amount_fen=500, quota_milli=credits)
        return 100_000

    together: list[Callable[[], int]] = [*(partial(order, buyer) for buyer in members), edit]
    outcomes = run_together(together)

    assert outcomes.kinds <= {orders.OfferChanged}
    assert set(outcomes.results) == {100_000}
    assert set(Order.objects.values_list("quota_milli", flat=True)) <= {100_000}


@guarded_by(
    taken_as_read('UPDATE "orders_order" SET "next_check_at"', r'"orders_order"\."next_check_at" = %s(?! WHERE)'),
    meet='UPDATE "orders_order" SET "next_check_at"',
    seen="8 == 1",
)
def test_rival_sweeps_ask_about_an_order_once(order: OrderDetail, wechat: WechatServer) -> None:
    now = clock.now() + timedelta(seconds=6)

    outcomes = run_concurrently(lambda: orders.check_unpaid_orders(now=now), workers=10)

    assert outcomes.errors == []
    assert sum(outcomes.results) == 1
    assert sum(call.startswith("GET") for call in wechat.calls) == 1


@guarded_by(ORDER_UNLOCKED, meet="INSERT INTO ledger_account", seen="IllegalTransition")
def test_rival_deliveries_deliver_once(alice: Member, wechat: WechatServer) -> None:
    order = place(alice.id, undeliverable_pack())
    wechat.trade().pay()
    teller(notice(wechat.trade().transaction()))()
    assert Order.objects.get().state == OrderState.PAID
    make_model("gone")
    later = clock.now() + timedelta(minutes=1)

    outcomes = run_together(
        [lambda: orders.deliver_paid_orders(now=later)] * 5
        + [lambda: orders.redeliver_order(order_id=order.id, actor="staff:1", reason="race", now=later)] * 5
    )

    assert outcomes.errors == []
    assert_paid_once(order)
