"""Our gateway against the sandbox: two implementations of one protocol that share nothing but their keys."""

import httpx2
import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.orders import gateways
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, OrderState, ProductOffer
from apps.orders.gateways import wechat_pay
from apps.orders.models import Order, Payment
from tests.integration.orders.conftest import place, quota_of
from tests.rows import unguard_all


def answer_of_the_sandbox(request: httpx2.Request) -> httpx2.Response:
    """Carry a request to the sandbox's views, and their answer back."""
    answer = Client().generic(
        request.method,
        request.url.raw_path.decode(),
        request.content,
        content_type=request.headers["Content-Type"],
        headers=dict(request.headers),
    )
    return httpx2.Response(answer.status_code, headers=dict(answer.items()), content=answer.content)


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch, alice: Member, product: ProductOffer) -> OrderDetail:
    """Alice's order at the sandbox, reached without a socket."""
    account = settings.WECHAT_PAY
    config = wechat_pay.Config(
        merchant_id=account["MCH_ID"],
        app_id=account["APP_ID"],
        serial=account["SERIAL_NO"],
        private_key=account["PRIVATE_KEY"],
        api_v3_key=account["API_V3_KEY"],
        platform_keys=((account["PUBLIC_KEY_ID"], account["PUBLIC_KEY"]),),
        base_url=account["API_URL"],
        notify_url=account["NOTIFY_URL"],
    )
    gateway = wechat_pay.WechatPay(config, transport=httpx2.MockTransport(answer_of_the_sandbox))
    monkeypatch.setitem(gateways.REGISTRY, "wechat", lambda: gateway)
    return place(alice.id, product)


def pay_with_the_phone(order: OrderDetail) -> None:
    assert order.pay is not None
    made = Client().post("/sandbox/phone/", {"nickname": "Payer"}, content_type="application/json").json()
    answer = Client().post(
        f"/sandbox/phone/{made['openid']}/pay",
        {"content": order.pay.content, "outcome": "success", "notify": "none"},
        content_type="application/json",
    )
    assert answer.status_code == 200, answer.content


def test_an_order_is_placed_asked_about_paid_and_delivered(order: OrderDetail) -> None:
    asked = orders.check_order(user_id=order.user_id, order_id=order.id, now=clock.now())
    pay_with_the_phone(order)
    paid = orders.check_order(user_id=order.user_id, order_id=order.id, now=clock.now())

    assert (asked.state, paid.state) == (OrderState.PAYING, OrderState.DELIVERED)
    assert quota_of(order.user_id) == 100_000
    assert Payment.objects.get().amount_fen == 990


def test_an_order_is_closed_at_both_ends(order: OrderDetail) -> None:
    orders.cancel_order(user_id=order.user_id, order_id=order.id, now=clock.now())

    assert Order.objects.get().state == OrderState.CLOSED


def test_a_code_asked_for_again_is_fresh_and_the_order_the_same(order: OrderDetail) -> None:
    # As after a crash between the provider's answer and our record of it.
    unguard_all("orders_order")
    Order.objects.update(state=OrderState.CREATED, pay_content="")

    shown = orders.check_order(user_id=order.user_id, order_id=order.id, now=clock.now())

    assert shown.state is OrderState.PAYING
    assert shown.pay is not None
    assert shown.pay != order.pay
