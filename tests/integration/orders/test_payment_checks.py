"""Asking the provider: for the member, for the operator, and by the beat."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat.contracts import QUOTA
from apps.kernel.errors import RateLimited
from apps.kernel.models import AuditEntry, OutboxEvent
from apps.ledger.contracts import Purse, user_account
from apps.ledger.models import Lot
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, OrderState, ProductOffer
from apps.orders.models import Order, OrderHistory, Payment, Standing
from tests.integration.chat.conftest import make_model
from tests.integration.orders.conftest import pack, place, quota_of, undeliverable_pack
from tests.integration.orders.wechat_server import Trade, WechatServer, answered, refused

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SOON = NOON + timedelta(seconds=5)
EXPIRED = NOON + timedelta(minutes=31)


def silence(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("silence", request=request)


@pytest.fixture
def order(alice: Member, product: ProductOffer, wechat: WechatServer) -> OrderDetail:
    """Alice's order of noon."""
    return place(alice.id, product, now=NOON)


def state_of(order: OrderDetail) -> str:
    return Order.objects.get(pk=order.id).state


def test_a_member_who_paid_need_not_wait_for_the_notification(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    shown = orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert shown.state is OrderState.DELIVERED
    assert quota_of(order.user_id) == 100_000
    assert orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON) == shown
    assert len(wechat.prepays) == 1  # nor is a code asked for again


def test_without_money_a_check_changes_nothing(order: OrderDetail, wechat: WechatServer) -> None:
    shown = orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert shown.state is OrderState.PAYING
    assert Order.objects.get().checks == 1
    assert not Payment.objects.exists()


def test_a_check_moves_no_other_orders_check(order: OrderDetail, bob: Member, wechat: WechatServer) -> None:
    his = place(bob.id, pack(), now=NOON)

    orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON)

    due = {row.pk: (row.next_check_at, row.checks) for row in Order.objects.all()}
    assert due == {order.id: (SOON + timedelta(seconds=15), 1), his.id: (NOON + timedelta(seconds=5), 0)}


def test_what_the_provider_closed_is_closed_here(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().state = "CLOSED"

    assert orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON).state is OrderState.CLOSED
    assert OrderHistory.objects.get(after=OrderState.CLOSED).reason == "closed by the provider"


def test_what_was_bought_has_no_end(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON)

    lot = Lot.objects.get(account_id=user_account(order.user_id, QUOTA).id)
    assert (lot.purse, lot.remaining, lot.ends_at) == (Purse.PAID, 100_000, None)


def test_a_check_gets_an_order_the_code_that_it_missed(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.fault = silence
    with pytest.raises(orders.GatewayUnavailable):
        place(alice.id, product, now=NOON)
    wechat.fault = lambda request: None

    shown = orders.check_order(user_id=alice.id, order_id=Order.objects.get().pk, now=SOON)

    assert shown.state is OrderState.PAYING
    assert shown.pay is not None


@pytest.mark.parametrize("changes", [{"amount": {"total": 1}}, {"mchid": "1900000999"}, {"appid": "wxother"}])
def test_a_query_is_believed_no_more_than_a_notification(
    changes: dict[str, Any], order: OrderDetail, wechat: WechatServer
) -> None:
    wechat.trade().pay(**changes)

    shown = orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert shown.state is OrderState.MISMATCH
    assert quota_of(order.user_id) == 0


@pytest.mark.parametrize("state", ["NOTPAY", "SUCCESS", "CLOSED"])
@pytest.mark.parametrize("act", ["check", "cancel", "sweep", "expire"])
def test_an_answer_about_another_order_is_not_believed(
    act: str, state: str, order: OrderDetail, bob: Member, wechat: WechatServer
) -> None:
    """It is genuine and signed, and it is about Bob's: Alice's is neither paid nor closed by it."""
    bobs = wechat.trades[place(bob.id, pack(), now=NOON).id.hex]
    bobs.pay()
    bobs.state = state
    mine = order.id.hex
    wechat.fault = lambda asked: (
        answered(bobs.transaction()) if asked.method == "GET" and mine in str(asked.url) else None
    )

    acts = {"check": orders.check_order, "cancel": orders.cancel_order}
    if act in acts:
        with pytest.raises(orders.GatewayUnavailable):
            acts[act](user_id=order.user_id, order_id=order.id, now=SOON)
    elif act == "sweep":
        orders.check_unpaid_orders(now=SOON)
    else:
        orders.close_expired_orders(now=EXPIRED)

    assert state_of(order) == OrderState.PAYING
    assert quota_of(order.user_id) == 0
    assert not Payment.objects.filter(order_id=order.id).exists()


def test_an_answer_that_names_no_order_is_not_believed(order: OrderDetail, wechat: WechatServer) -> None:
    nameless = Trade(wechat.trade().asked, state="CLOSED", changes={"out_trade_no": None})
    wechat.fault = lambda asked: answered(nameless.transaction()) if asked.method == "GET" else None

    with pytest.raises(orders.GatewayUnavailable):
        orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert state_of(order) == OrderState.PAYING


def test_money_that_went_back_at_the_provider_buys_nothing(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()
    wechat.trade().changes = {"trade_state": "REFUND"}

    shown = orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert shown.state is OrderState.MISMATCH
    assert quota_of(order.user_id) == 0
    assert Payment.objects.get().standing == Standing.MISMATCHED
    assert AuditEntry.objects.get(action="orders.payment_mismatch").reason == "refunded at the provider"
    assert not OutboxEvent.objects.filter(topic="orders.order_paid").exists()


def test_checks_are_limited(order: OrderDetail) -> None:
    for _ in range(12):
        orders.check_order(user_id=order.user_id, order_id=order.id, now=NOON)

    for act in (orders.check_order, orders.cancel_order):
        with pytest.raises(RateLimited):
            act(user_id=order.user_id, order_id=order.id, now=NOON)


@pytest.mark.parametrize("act", [orders.check_order, orders.cancel_order])
def test_somebody_elses_order_does_not_exist(act: Any, order: OrderDetail, bob: Member, wechat: WechatServer) -> None:
    before = list(wechat.calls)

    for order_id in (order.id, uuid4()):
        with pytest.raises(orders.OrderNotFound):
            act(user_id=bob.id, order_id=order_id, now=SOON)

    assert wechat.calls == before
    assert state_of(order) == OrderState.PAYING


def test_cancelling_closes_at_the_provider_first(order: OrderDetail, wechat: WechatServer) -> None:
    shown = orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert shown.state is OrderState.CLOSED
    assert wechat.trade().state == "CLOSED"
    assert [call.split()[0] for call in wechat.calls] == ["POST", "GET", "POST"]
    assert OrderHistory.objects.get(after=OrderState.CLOSED).reason == "cancelled by the member"
    assert orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON) == shown


def test_cancelling_a_paid_order_delivers_it(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    shown = orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert shown.state is OrderState.DELIVERED
    assert quota_of(order.user_id) == 100_000
    assert not any(call.endswith("/close") for call in wechat.calls)
    with pytest.raises(orders.OrderNotCancellable):
        orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)


def test_money_that_comes_between_query_and_close_wins(order: OrderDetail, wechat: WechatServer) -> None:
    def pay_after_the_query(request: httpx2.Request) -> None:
        if request.method == "GET":
            wechat.before_answer = lambda request: None
            wechat.trade().pay()

    wechat.before_answer = pay_after_the_query

    shown = orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert shown.state is OrderState.DELIVERED
    assert quota_of(order.user_id) == 100_000


@pytest.mark.parametrize("path", ["GET", "close"])
def test_an_order_stays_open_when_the_provider_cannot_say(path: str, order: OrderDetail, wechat: WechatServer) -> None:
    wechat.fault = lambda request: refused(500, "SYSTEM_ERROR") if path in f"{request.method} {request.url}" else None

    with pytest.raises(orders.GatewayUnavailable):
        orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert state_of(order) == OrderState.PAYING


def test_late_money_reopens_a_closed_order_and_delivers_once(order: OrderDetail, wechat: WechatServer) -> None:
    orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)
    wechat.trade().pay()

    asked = orders.check_unpaid_orders(now=SOON + timedelta(minutes=10))
    again = orders.check_unpaid_orders(now=SOON + timedelta(minutes=30))

    assert (asked, again) == (1, 0)
    assert state_of(order) == OrderState.DELIVERED
    assert quota_of(order.user_id) == 100_000
    reasons = OrderHistory.objects.filter(after=OrderState.PAID).values_list("reason", flat=True)
    assert list(reasons) == ["paid after the close"]
    assert OutboxEvent.objects.filter(topic="orders.order_paid").count() == 1


def test_late_money_for_a_closed_account_waits_to_be_given_back(order: OrderDetail, wechat: WechatServer) -> None:
    orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)
    buyer = accounts.get_member(user_id=order.user_id)
    accounts.close_account(user_id=order.user_id, confirm=buyer.nickname, now=SOON)
    wechat.trade().pay()

    orders.check_unpaid_orders(now=SOON + timedelta(minutes=10))
    orders.check_unpaid_orders(now=SOON + timedelta(minutes=30))

    assert state_of(order) == OrderState.MISMATCH
    assert quota_of(order.user_id) == 0
    assert Payment.objects.get().standing == "mismatched"
    assert AuditEntry.objects.get(action="orders.payment_mismatch").reason == "account: closed"
    assert not OutboxEvent.objects.filter(topic="orders.order_paid").exists()


def test_a_closed_order_without_money_is_asked_about_once_more_and_then_left(
    order: OrderDetail, wechat: WechatServer
) -> None:
    orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert orders.check_unpaid_orders(now=SOON + timedelta(minutes=9)) == 0
    assert orders.check_unpaid_orders(now=SOON + timedelta(minutes=10)) == 1
    assert orders.check_unpaid_orders(now=SOON + timedelta(days=1)) == 0
    assert Order.objects.get().next_check_at is None


def test_a_members_impatience_does_not_cancel_the_last_look(order: OrderDetail, wechat: WechatServer) -> None:
    orders.cancel_order(user_id=order.user_id, order_id=order.id, now=SOON)
    orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON + timedelta(minutes=1))
    wechat.trade().pay()

    assert orders.check_unpaid_orders(now=SOON + timedelta(minutes=10)) == 1
    assert state_of(order) == OrderState.DELIVERED


def test_a_lost_notification_is_made_up_for_within_seconds(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    assert orders.check_unpaid_orders(now=NOON + timedelta(seconds=4)) == 0
    assert orders.check_unpaid_orders(now=SOON) == 1
    assert state_of(order) == OrderState.DELIVERED


def test_checks_come_slower_and_slower(order: OrderDetail) -> None:
    gaps, now = [], SOON
    for _ in range(6):
        assert orders.check_unpaid_orders(now=now) == 1
        due = Order.objects.get().next_check_at
        assert due is not None
        gaps.append((due - now).total_seconds())
        now = due

    assert gaps == [15, 30, 60, 120, 300, 300]


def test_one_bad_order_does_not_stop_the_others(
    alice: Member, bob: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    bad, good = place(alice.id, product, now=NOON), place(bob.id, product, now=NOON)
    for trade in wechat.trades.values():
        trade.pay()
    wechat.fault = lambda request: httpx2.Response(200, content=b"?") if bad.id.hex in str(request.url) else None

    assert orders.check_unpaid_orders(now=SOON) == 2

    assert (state_of(bad), state_of(good)) == (OrderState.PAYING, OrderState.DELIVERED)
    wechat.fault = lambda request: None
    assert orders.check_unpaid_orders(now=SOON + timedelta(seconds=14)) == 0
    assert orders.check_unpaid_orders(now=SOON + timedelta(seconds=15)) == 1
    assert state_of(bad) == OrderState.DELIVERED


def test_a_sweep_takes_a_bounded_batch_oldest_first(
    alice: Member, bob: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    first = place(alice.id, product, now=NOON)
    place(bob.id, product, now=NOON + timedelta(seconds=1))

    assert orders.check_unpaid_orders(now=NOON + timedelta(seconds=30), limit=1) == 1
    assert first.id.hex in wechat.calls[-1]


def test_an_expired_order_is_closed_there_and_here(order: OrderDetail, wechat: WechatServer) -> None:
    assert orders.close_expired_orders(now=NOON + timedelta(minutes=29)) == 0
    assert orders.close_expired_orders(now=EXPIRED) == 1

    assert (state_of(order), wechat.trade().state) == (OrderState.CLOSED, "CLOSED")


def test_an_expired_order_that_was_paid_is_delivered(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    orders.close_expired_orders(now=EXPIRED)

    assert state_of(order) == OrderState.DELIVERED


def test_an_expired_order_that_the_provider_never_saw_is_closed_here(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.fault = silence
    with pytest.raises(orders.GatewayUnavailable):
        place(alice.id, product, now=NOON)
    wechat.fault = lambda request: None

    orders.close_expired_orders(now=EXPIRED)

    assert Order.objects.get().state == OrderState.CLOSED
    assert not any(call.endswith("/close") for call in wechat.calls)


def test_what_could_not_be_delivered_at_once_is_delivered_by_the_sweep(alice: Member, wechat: WechatServer) -> None:
    order = place(alice.id, undeliverable_pack(), now=NOON)
    wechat.trade().pay()

    orders.check_order(user_id=alice.id, order_id=order.id, now=SOON)

    # Paid, booked, announced; and nothing of it half delivered.
    assert state_of(order) == OrderState.PAID
    assert quota_of(alice.id) == 0
    assert OutboxEvent.objects.filter(topic="orders.order_paid").count() == 1

    make_model("gone")
    assert orders.deliver_paid_orders(now=SOON + timedelta(seconds=29)) == 0
    assert orders.deliver_paid_orders(now=SOON + timedelta(seconds=30)) == 1
    assert state_of(order) == OrderState.DELIVERED
    assert quota_of(alice.id) == 100_000
    assert orders.deliver_paid_orders(now=SOON + timedelta(hours=1)) == 0


def test_an_operator_checks_and_delivers_with_a_reason(alice: Member, wechat: WechatServer) -> None:
    order = place(alice.id, undeliverable_pack(), now=NOON)
    wechat.trade().pay()
    orders.recheck_order(order_id=order.id, actor="staff:1", reason="member called", now=SOON)
    assert state_of(order) == OrderState.PAID
    make_model("gone")

    assert orders.redeliver_order(order_id=order.id, actor="staff:1", reason="model removed", now=SOON)
    assert not orders.redeliver_order(order_id=order.id, actor="staff:1", reason="again", now=SOON)

    assert quota_of(alice.id) == 100_000
    acts = AuditEntry.objects.filter(actor="staff:1").order_by("pk").values_list("action", "reason")
    assert list(acts) == [("orders.recheck_order", "member called"), ("orders.redeliver_order", "model removed")]


def test_a_price_change_does_not_touch_an_order_that_exists(order: OrderDetail, wechat: WechatServer) -> None:
    pack(amount_fen=99_900, quota_milli=1)
    wechat.trade().pay()

    orders.check_order(user_id=order.user_id, order_id=order.id, now=SOON)

    assert quota_of(order.user_id) == 100_000
    assert Payment.objects.get().amount_fen == 990
