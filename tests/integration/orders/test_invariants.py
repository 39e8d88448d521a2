"""The audit finds what was broken past the services, and nothing else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from apps.accounts.contracts import Member
from apps.chat.models import Entitlement
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, OrderState, ProductOffer
from apps.orders.models import Notification, Order, OrderHistory, Outcome, Payment, Product, Standing
from apps.orders.services import transitions
from tests.cast import member
from tests.integration.chat.conftest import make_model
from tests.integration.orders.conftest import place
from tests.integration.orders.wechat_server import WechatServer, notice, signature
from tests.rows import unguard, unguard_all

OURS = [item for item in all_invariants() if item.check.__module__.startswith("apps.orders.") or item.number == "I-62"]


def breaches(later: timedelta = timedelta(0)) -> set[str]:
    now = clock.now() + later
    return {check.number for check in OURS if list(check.check(now))}


@pytest.fixture
def delivered(order: OrderDetail, wechat: WechatServer) -> OrderDetail:
    """Alice's order, paid and delivered."""
    wechat.trade().pay()
    return orders.check_order(user_id=order.user_id, order_id=order.id, now=clock.now())


def test_a_healthy_shop_has_no_breach(
    delivered: OrderDetail, bob: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    cancelled = place(bob.id, product)
    orders.cancel_order(user_id=bob.id, order_id=cancelled.id, now=clock.now())
    place(bob.id, product)

    assert breaches() == set()
    assert len(OURS) == 19


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda: Payment.objects.update(amount_fen=1), {"I-32"}),
        (lambda: Payment.objects.update(standing=Standing.SURPLUS), {"I-32", "I-34-parked"}),
        (lambda: Payment.objects.update(refunded_fen=1), {"I-34-refunds"}),
        (lambda: Order.objects.update(state=OrderState.PAID, delivered_at=None), {"I-07", "I-33", "I-39b"}),
        (
            lambda: Order.objects.update(
                state=OrderState.CLOSED, paid_at=None, delivered_at=None, closed_at=clock.now()
            ),
            {"I-07", "I-34", "I-38", "I-39b"},
        ),
        (lambda: Order.objects.update(amount_fen=1), {"I-32", "I-39"}),
        (lambda: Order.objects.update(quota_milli=1), {"I-07", "I-39"}),
        (lambda: Order.objects.update(user=member("bob").id), {"I-07", "I-32", "I-39-steps"}),
        (lambda: Order.objects.update(out_trade_no="0" * 32), {"I-32-number"}),
        (lambda: Product.objects.update(amount_fen=1), {"I-62"}),
        (lambda: unguard("orders_orderhistory"), {"I-02"}),
    ],
)
def test_damage_is_found(damage: Callable[[], object], found: set[str], delivered: OrderDetail) -> None:
    unguard_all("orders_order")
    unguard_all("orders_payment")
    damage()

    assert breaches(timedelta(minutes=10)) == found


def test_an_order_that_nobody_looks_after_is_found(order: OrderDetail) -> None:
    assert breaches(timedelta(minutes=4)) == set()
    assert breaches(timedelta(minutes=6)) == {"I-36"}


def told(wechat: WechatServer) -> None:
    """The gateway tells about its newest trade."""
    body = notice(list(wechat.trades.values())[-1].transaction())
    orders.receive_notice(gateway="wechat", headers=signature(body), body=body, now=clock.now())


def bought(member: Member, offer: ProductOffer, wechat: WechatServer, number: int) -> OrderDetail:
    """An order of this member's, paid by this transaction and told of."""
    made = place(member.id, offer)
    list(wechat.trades.values())[-1].pay(transaction_id=f"42{number:026}")
    told(wechat)
    return made


def test_entitlements_that_the_product_never_gave_are_found(order: OrderDetail) -> None:
    unguard_all("orders_order")
    Order.objects.update(entitlements=["vip"])  # before the payment: nothing else can see it

    assert breaches() == {"I-39"}


def test_a_notice_that_was_moved_to_another_paid_order_is_found(
    alice: Member, bob: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    bought(alice, product, wechat, 1)
    other = bought(bob, product, wechat, 2)
    assert breaches() == set()
    unguard_all("orders_notification")
    Notification.objects.update(order_id=other.id)

    assert "I-47" in breaches()


@pytest.mark.parametrize("outcome", [Outcome.SURPLUS, Outcome.MISMATCHED])
def test_a_notice_of_money_whose_payment_is_gone_is_found(
    outcome: Outcome, order: OrderDetail, wechat: WechatServer
) -> None:
    wechat.trade().pay()
    told(wechat)
    assert breaches() == set()
    Notification.objects.update(outcome=outcome)
    unguard_all("orders_payment")
    Payment.objects.all()._raw_delete("default")

    assert "I-47" in breaches()


def test_somebody_elses_entitlement_is_not_mine(alice: Member, bob: Member, wechat: WechatServer) -> None:
    make_model("vip", needs_entitlement=True)
    offer = orders.save_product(
        code="vip", title="vip", amount_fen=990, quota_milli=0, entitlements=["vip"], now=clock.now()
    )
    bought(alice, offer, wechat, 1)
    bought(bob, offer, wechat, 2)
    assert breaches() == set()
    unguard_all("chat_entitlement")
    Entitlement.objects.filter(user_id=alice.id).delete()

    assert breaches() == {"I-50"}


def test_a_surplus_that_was_given_back_in_part_is_still_owed(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()
    told(wechat)
    wechat.trade().pay(transaction_id="4200000000000000000000000002")
    told(wechat)
    Payment.objects.filter(standing=Standing.SURPLUS).update(refunded_fen=F("amount_fen") - 1)

    assert "I-52-payments" in breaches(timedelta(days=4))


def test_no_step_is_taken_that_the_table_does_not_know_or_from_where_the_order_is_no_more(order: OrderDetail) -> None:
    row, now = Order.objects.get(), clock.now()

    with pytest.raises(orders.IllegalTransition):
        transitions.move(row, OrderState.DELIVERED, actor="system", delivered_at=now, now=now)
    orders.cancel_order(user_id=order.user_id, order_id=order.id, now=now)
    with pytest.raises(orders.IllegalTransition):
        transitions.move(row, OrderState.CLOSED, actor="system", closed_at=now, now=now)

    assert list(OrderHistory.objects.order_by("pk").values_list("after", flat=True)) == ["created", "paying", "closed"]
