"""The audit finds what was broken past the services, and nothing else."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.orders import invariants
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, OrderState, ProductOffer
from apps.orders.models import Order, Payment, Standing
from tests.cast import member
from tests.integration.orders.conftest import place
from tests.integration.orders.wechat_server import WechatServer
from tests.rows import unguard

OURS = [check for check in all_invariants() if check.check.__module__ == invariants.__name__]


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
    assert len(OURS) == 9


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda: Payment.objects.update(amount_fen=1), {"I-32"}),
        (lambda: Payment.objects.update(standing=Standing.SURPLUS), {"I-32"}),
        (lambda: Order.objects.update(state=OrderState.PAID, delivered_at=None), {"I-07", "I-33", "I-39b"}),
        (
            lambda: Order.objects.update(
                state=OrderState.CLOSED, paid_at=None, delivered_at=None, closed_at=clock.now()
            ),
            {"I-07", "I-34", "I-38", "I-39b"},
        ),
        (lambda: Order.objects.update(amount_fen=1), {"I-32", "I-39"}),
        (lambda: Order.objects.update(quota_milli=1), {"I-07"}),
        (lambda: Order.objects.update(user=member("bob").id), {"I-07"}),
        (lambda: unguard("orders_orderhistory"), {"I-02"}),
    ],
)
def test_damage_is_found(damage: Callable[[], object], found: set[str], delivered: OrderDetail) -> None:
    damage()

    assert breaches(timedelta(minutes=10)) == found


def test_an_order_that_nobody_looks_after_is_found(order: OrderDetail) -> None:
    assert breaches(timedelta(minutes=4)) == set()
    assert breaches(timedelta(minutes=6)) == {"I-36"}
