"""Notifications: the true one pays once, every other one changes nothing or raises the alarm."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.kernel.models import AuditEntry, OutboxEvent
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, OrderState, ProductOffer
from apps.orders.models import Notification, Order, OrderHistory, Outcome, Payment, Standing
from tests.integration.orders.conftest import pack, place, quota_of, undeliverable_pack
from tests.integration.orders.wechat_server import WechatServer, notice, signature


def send(body: bytes, **headers: str) -> HttpResponse:
    """Deliver a notification, signed unless told otherwise."""
    answer = Client(enforce_csrf_checks=True).post(
        "/pay/wechat/notify", body, content_type="application/json", headers={**signature(body), **headers}
    )
    assert isinstance(answer, HttpResponse)
    return answer


def paid(wechat: WechatServer, **changes: Any) -> bytes:
    """The member pays; the notification of it."""
    wechat.trade().pay(**changes)
    return notice(wechat.trade().transaction())


def paid_events() -> list[dict[str, Any]]:
    return list(OutboxEvent.objects.filter(topic="orders.order_paid").values_list("payload", flat=True))


def assert_nothing_happened(order: OrderDetail) -> None:
    row = Order.objects.get(pk=order.id)
    assert (row.state, row.paid_at, row.delivered_at) == (OrderState.PAYING, None, None)
    assert quota_of(order.user_id) == 0
    assert not Payment.objects.exists()
    assert not Notification.objects.exists()
    assert paid_events() == []


def test_a_true_notification_pays_and_delivers(alice: Member, order: OrderDetail, wechat: WechatServer) -> None:
    answer = send(paid(wechat))

    row = Order.objects.get()
    payment = Payment.objects.get()
    assert (answer.status_code, answer.content) == (204, b"")
    assert row.state == OrderState.DELIVERED
    assert row.next_check_at is None
    assert quota_of(alice.id) == 100_000
    assert (payment.standing, payment.amount_fen, payment.currency) == (Standing.ATTACHED, 990, "CNY")
    assert payment.transaction_id == wechat.trade().transaction_id
    assert "oPayer0001" not in payment.payer_hash
    assert len(payment.payer_hash) == 64
    (event,) = paid_events()
    assert event == {
        "order_id": str(order.id),
        "user_id": str(alice.id),
        "product_id": str(order.product_id),
        "amount_fen": 990,
        "paid_at": "2026-11-01T20:00:30+08:00",
        "occurred_at": row.paid_at.isoformat() if row.paid_at else "",
    }
    assert list(OrderHistory.objects.order_by("pk").values_list("after", flat=True)) == [
        "created",
        "paying",
        "paid",
        "delivered",
    ]


def test_repeats_are_acknowledged_and_change_nothing(alice: Member, order: OrderDetail, wechat: WechatServer) -> None:
    body = paid(wechat)

    answers = [send(body).status_code for _ in range(3)]
    answers.append(send(notice(wechat.trade().transaction())).status_code)  # the same payment told by another event

    assert answers == [204] * 4
    assert quota_of(alice.id) == 100_000
    assert Payment.objects.count() == 1
    assert len(paid_events()) == 1
    assert sorted(Notification.objects.values_list("outcome", "times")) == [("repeated", 1), ("settled", 3)]
    repeated = Notification.objects.get(times=3)
    assert repeated.last_at > repeated.created_at


@pytest.mark.parametrize(
    "headers",
    [
        {"Wechatpay-Signature": "AAAA"},
        {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/AAAA"},
        {"Wechatpay-Serial": "7777777777777777777777777777777777777777"},
        {"Wechatpay-Signature-Type": "NONE"},
        {"Wechatpay-Timestamp": "yesterday"},
        {"Wechatpay-Nonce": "another"},
    ],
)
def test_a_forged_notification_is_refused(headers: dict[str, str], order: OrderDetail, wechat: WechatServer) -> None:
    answer = send(paid(wechat), **headers)

    assert answer.status_code == 400
    assert json.loads(answer.content)["code"] == "FAIL"
    assert_nothing_happened(order)


def test_a_notification_without_any_header_is_refused(order: OrderDetail, wechat: WechatServer) -> None:
    answer = Client().post("/pay/wechat/notify", paid(wechat), content_type="application/json")

    assert answer.status_code == 400
    assert_nothing_happened(order)


def test_an_old_notification_cannot_be_replayed(order: OrderDetail, wechat: WechatServer) -> None:
    body = paid(wechat)

    answer = send(body, **signature(body, at=clock.now() - timedelta(seconds=301)))

    assert answer.status_code == 400
    assert_nothing_happened(order)


def test_a_signature_over_another_body_is_refused(order: OrderDetail, wechat: WechatServer) -> None:
    body = paid(wechat)

    answer = send(body.replace(b"EV-", b"EW-"), **signature(body))

    assert answer.status_code == 400
    assert_nothing_happened(order)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"not json",
        b'{"id": "EV-1"}',
        b'{"id": "EV-1", "event_type": "TRANSACTION.SUCCESS", "resource": null}',
        b'{"id": "EV-1", "event_type": "TRANSACTION.SUCCESS", "resource": {"algorithm": "none"}}',
    ],
)
def test_a_malformed_body_is_refused_though_it_is_signed(body: bytes, order: OrderDetail) -> None:
    assert send(body).status_code == 400
    assert_nothing_happened(order)


def test_a_resource_sealed_with_another_key_is_refused(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    answer = send(notice(wechat.trade().transaction(), api_key="k" * 32))

    assert answer.status_code == 400
    assert_nothing_happened(order)


@pytest.mark.parametrize("total", ["990", 990.0, True, 0, -990, None])
def test_an_amount_that_is_no_whole_fen_is_refused(total: object, order: OrderDetail, wechat: WechatServer) -> None:
    assert send(paid(wechat, amount={"total": total})).status_code == 400
    assert_nothing_happened(order)


@pytest.mark.parametrize("changes", [{"amount": {"total": 2**31}}, {"amount": {"total": 2**70}}])
def test_an_amount_that_no_payment_can_have_is_refused(
    changes: dict[str, Any], order: OrderDetail, wechat: WechatServer
) -> None:
    assert send(paid(wechat, **changes)).status_code == 400
    assert_nothing_happened(order)


def test_an_event_with_an_endless_name_is_refused(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()

    assert send(notice(wechat.trade().transaction(), event_id="E" * 65)).status_code == 400
    assert_nothing_happened(order)


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction_id": "4200\ud800"},
        {"transaction_id": "4200\x00"},
        {"out_trade_no": "\udfff" * 32},
        {"payer": {"openid": "o\ud800"}},
        {"payer": {"openid": ["o1"]}},
        {"success_time": "9999-12-31T23:59:59-23:00"},
        {"success_time": "0001-01-01T00:00:00+23:00"},
        {"success_time": "9999-01-01T00:00:00+08:00"},
    ],
    ids=ascii,
)
def test_what_no_column_can_keep_is_refused_though_it_is_signed(
    changes: dict[str, Any], order: OrderDetail, wechat: WechatServer
) -> None:
    assert send(paid(wechat, **changes)).status_code == 400
    assert_nothing_happened(order)


def test_a_payment_may_be_ahead_of_our_clock_by_a_day_at_most(order: OrderDetail, wechat: WechatServer) -> None:
    ahead, too_far = ((clock.now() + timedelta(hours=hours)).isoformat() for hours in (23, 25))

    assert send(paid(wechat, success_time=too_far)).status_code == 400
    assert_nothing_happened(order)
    assert send(paid(wechat, success_time=ahead)).status_code == 204


def test_a_body_nested_beyond_all_measure_is_refused(order: OrderDetail, wechat: WechatServer) -> None:
    assert send(b"[" * 30_000).status_code == 400
    assert_nothing_happened(order)


def test_a_success_that_says_it_failed_is_refused(order: OrderDetail, wechat: WechatServer) -> None:
    assert send(paid(wechat, trade_state="NOTPAY")).status_code == 400
    assert_nothing_happened(order)


def test_a_body_beyond_all_measure_is_not_even_read(order: OrderDetail) -> None:
    assert send(b"x" * (64 * 1024 + 1)).status_code == 413
    assert_nothing_happened(order)


def test_only_posts_are_notifications(order: OrderDetail) -> None:
    assert Client().get("/pay/wechat/notify").status_code == 405


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": {"total": 1}}, "amount: expected 990, got 1"),
        ({"amount": {"total": 99000}}, "amount: expected 990, got 99000"),
        ({"amount": {"currency": "USD"}}, "currency: expected CNY, got USD"),
        ({"mchid": "1900000999"}, "merchant: expected 1900000001, got 1900000999"),
        ({"appid": "wxother"}, "app: expected wxdemo000000000001, got wxother"),
    ],
)
def test_a_payment_that_does_not_fit_is_parked_for_a_person(
    changes: dict[str, Any], reason: str, alice: Member, order: OrderDetail, wechat: WechatServer
) -> None:
    body = paid(wechat, **changes)

    answers = [send(body).status_code, send(body).status_code]

    row = Order.objects.get()
    assert answers == [204, 204]
    assert (row.state, row.delivered_at, row.next_check_at) == (OrderState.MISMATCH, None, None)
    assert quota_of(alice.id) == 0
    assert paid_events() == []
    assert Payment.objects.get().standing == Standing.MISMATCHED
    assert Notification.objects.get().outcome == Outcome.MISMATCHED
    assert Notification.objects.get().reason == reason
    assert OrderHistory.objects.get(after=OrderState.MISMATCH).reason == reason
    entry = AuditEntry.objects.get(action="orders.payment_mismatch")
    assert (entry.actor, entry.target_id, entry.reason) == ("system", str(order.id), reason)


def test_nothing_is_delivered_for_a_mismatch_even_when_right_money_follows(
    alice: Member, order: OrderDetail, wechat: WechatServer
) -> None:
    send(paid(wechat, amount={"total": 1}))
    send(paid(wechat))

    assert Order.objects.get().state == OrderState.MISMATCH
    assert quota_of(alice.id) == 0
    assert set(Payment.objects.values_list("standing", flat=True)) == {Standing.MISMATCHED, Standing.SURPLUS}


def test_a_lie_about_a_delivered_order_changes_nothing(alice: Member, order: OrderDetail, wechat: WechatServer) -> None:
    body = paid(wechat)
    send(body)
    lie = {**wechat.trade().transaction(), "mchid": "1900000999"}

    assert send(notice(lie)).status_code == 204
    assert Order.objects.get().state == OrderState.DELIVERED
    assert quota_of(alice.id) == 100_000
    assert Payment.objects.count() == 1


def test_an_unknown_order_is_to_be_sent_again_and_settles_when_it_is_known(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    order = place(alice.id, product)
    wechat.trade().pay()
    truth = wechat.trade().transaction()
    stranger = notice({**truth, "out_trade_no": uuid4().hex}, event_id="EV-7")

    assert send(stranger).status_code == 400
    assert Notification.objects.get().outcome == Outcome.UNKNOWN_ORDER
    assert send(notice(truth, event_id="EV-7")).status_code == 204
    assert Notification.objects.get().outcome == Outcome.SETTLED
    assert Notification.objects.get().order_id == order.id


def test_two_gateways_may_call_their_events_the_same(order: OrderDetail, wechat: WechatServer) -> None:
    then = order.created_at
    Notification.objects.create(gateway="x", event_id="EV-7", outcome=Outcome.SETTLED, last_at=then, created_at=then)
    wechat.trade().pay()

    assert send(notice(wechat.trade().transaction(), event_id="EV-7")).status_code == 204

    assert set(Notification.objects.values_list("gateway", "times")) == {("x", 1), ("wechat", 1)}


def test_one_transaction_never_pays_two_orders(
    alice: Member, bob: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    first, second = place(alice.id, product), place(bob.id, product)
    wechat.trades[first.id.hex].pay(transaction_id="4200001")
    wechat.trades[second.id.hex].pay(transaction_id="4200001")

    send(notice(wechat.trades[first.id.hex].transaction()))
    send(notice(wechat.trades[second.id.hex].transaction()))

    assert Order.objects.get(pk=first.id).state == OrderState.DELIVERED
    assert Order.objects.get(pk=second.id).state == OrderState.MISMATCH
    assert quota_of(bob.id) == 0
    entry = AuditEntry.objects.get(action="orders.payment_mismatch")
    assert (entry.target_id, entry.reason) == (str(second.id), f"transaction: belongs to order {first.id}")


def test_a_second_capture_is_kept_as_surplus_and_delivers_nothing(
    alice: Member, order: OrderDetail, wechat: WechatServer
) -> None:
    send(paid(wechat))
    send(paid(wechat))

    assert quota_of(alice.id) == 100_000
    assert sorted(Payment.objects.values_list("standing", flat=True)) == [Standing.ATTACHED, Standing.SURPLUS]
    assert AuditEntry.objects.filter(action="orders.surplus_payment").count() == 1
    assert len(paid_events()) == 1


def test_news_of_another_kind_is_filed_and_acknowledged(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()
    body = notice(wechat.trade().transaction(), event_type="REFUND.SUCCESS")

    assert send(body).status_code == 204
    assert Order.objects.get().state == OrderState.PAYING
    assert Notification.objects.get().outcome == Outcome.IGNORED


def test_a_notification_may_overtake_the_answer_to_the_order_call(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    def notify_first(request: object) -> None:
        wechat.before_answer = lambda request: None
        assert send(paid(wechat)).status_code == 204

    wechat.before_answer = notify_first

    order = place(alice.id, product)

    assert (order.state, order.pay) == (OrderState.DELIVERED, None)
    assert quota_of(alice.id) == 100_000


def test_nothing_secret_is_kept(order: OrderDetail, wechat: WechatServer) -> None:
    send(paid(wechat))

    kept = json.dumps(list(Notification.objects.values()) + list(Payment.objects.values()), default=str)
    assert "oPayer0001" not in kept
    assert settings.WECHAT_PAY["API_V3_KEY"] not in kept


def test_a_payment_settles_its_own_order_alone(bob: Member, order: OrderDetail, wechat: WechatServer) -> None:
    his = place(bob.id, pack())
    wechat.trades[order.id.hex].pay()

    send(notice(wechat.trades[order.id.hex].transaction()))

    states = dict(Order.objects.values_list("pk", "state"))
    assert states == {order.id: OrderState.DELIVERED, his.id: OrderState.PAYING}


def test_money_that_is_told_of_during_the_last_look_stays_due_for_delivery(alice: Member, wechat: WechatServer) -> None:
    """The look itself saw none, and ends the looks at an order without money: this one has some by now."""

    def tell(request: httpx2.Request) -> None:
        wechat.before_answer = lambda request: None
        send(paid(wechat))

    now = clock.now()
    order = place(alice.id, undeliverable_pack(), now=now)
    orders.cancel_order(user_id=alice.id, order_id=order.id, now=now)
    wechat.before_answer = tell

    assert orders.check_unpaid_orders(now=now + timedelta(minutes=10)) == 1

    row = Order.objects.get()
    assert row.state == OrderState.PAID
    assert row.next_check_at is not None
