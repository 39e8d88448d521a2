"""docs/how-to/add-a-gateway.md, followed for a way of paying that the site does not have; and one that is gone."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.kernel.errors import IdempotencyKeyReused
from apps.kernel.invariants import all_invariants, find
from apps.orders import gateways
from apps.orders import services as orders
from apps.orders.contracts import NoticeReply, OrderDetail, OrderState, PayInstruction, ProductOffer
from apps.orders.gateways.contract import BadNotice, Capture, Charge, Notice, Trade, TradeState
from apps.orders.models import Order, Payment
from apps.orders.rules import Terms
from tests.integration.orders.conftest import place, quota_of
from tests.integration.orders.test_api import order_body, post
from tests.integration.orders.wechat_server import WechatServer

pytestmark = pytest.mark.django_db

NOTIFY = "/pay/shells/notify"


class Shells:
    """Cowry shells on a beach, counted by whoever sends the password."""

    merchant_id = "beach"
    app_id = "shells"
    thanks = NoticeReply(status=200, text="success")

    def __init__(self) -> None:
        self.open: dict[str, int] = {}
        self.paid: dict[str, int] = {}

    def prepay(self, charge: Charge) -> PayInstruction:
        """Draw a circle in the sand."""
        self.open[charge.out_trade_no] = charge.amount_fen
        return PayInstruction(kind="qr", content=f"shells:{charge.out_trade_no}")

    def query(self, out_trade_no: str) -> Trade:
        """Look into the circle."""
        if out_trade_no in self.paid:
            return Trade(out_trade_no=out_trade_no, state=TradeState.PAID, capture=self.capture(out_trade_no))
        state = TradeState.NOT_PAID if out_trade_no in self.open else TradeState.UNKNOWN
        return Trade(out_trade_no=out_trade_no, state=state)

    def close(self, out_trade_no: str) -> bool:
        """Wipe it away."""
        return self.open.pop(out_trade_no, None) is not None

    def read_notice(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Believe whoever knows the password."""
        if headers.get("X-Password") != "cowrie":
            raise BadNotice("no password")
        said = json.loads(body)
        self.paid[said["order"]] = self.open[said["order"]]
        return Notice(event_id=said["id"], kind="paid", capture=self.capture(said["order"]))

    def capture(self, out_trade_no: str) -> Capture:
        """What lies there."""
        terms = Terms(
            merchant_id=self.merchant_id, app_id=self.app_id, amount_fen=self.paid[out_trade_no], currency="CNY"
        )
        paid_at = clock.now()
        return Capture(out_trade_no=out_trade_no, transaction_id=out_trade_no, terms=terms, payer="", paid_at=paid_at)


@pytest.fixture
def shells(wechat: WechatServer, monkeypatch: pytest.MonkeyPatch) -> Shells:
    """A gateway that is registered as any other, for one test."""
    beach = Shells()
    monkeypatch.setitem(gateways.REGISTRY, "shells", lambda: beach)
    return beach


def ordered(browser: Client, product: ProductOffer) -> dict[str, Any]:
    """An order that is to be paid in shells."""
    order: dict[str, Any] = post(browser, order_body(product, gateway="shells")).json()
    return order


def numbers() -> set[str]:
    """What the audit finds; browsers of tests sign nobody in."""
    found = {item.number for item in all_invariants() if find(item, now=clock.now()).breaches}
    return found - {"I-59-sessions"}


def notify(order: Order, **headers: str) -> Any:
    """The beach tells us that somebody paid."""
    body = {"id": f"notice-{order.out_trade_no}", "order": order.out_trade_no}
    return Client().post(NOTIFY, body, content_type="application/json", headers=headers)


def test_an_order_is_paid_by_a_new_gateway(
    alice: Member, alice_browser: Client, product: ProductOffer, shells: Shells
) -> None:
    shown = ordered(alice_browser, product)
    assert (shown["gateway"], shown["state"]) == ("shells", "paying")
    order = Order.objects.get()
    assert shown["pay"]["content"] == f"shells:{order.out_trade_no}"

    assert notify(order).status_code == 400
    answer = notify(order, **{"X-Password": "cowrie"})

    assert (answer.status_code, answer.content) == (200, b"success")
    order.refresh_from_db()
    assert (order.state, Payment.objects.get().gateway) == (OrderState.DELIVERED, "shells")
    assert quota_of(alice.id) == 100_000
    assert numbers() == set()


def test_a_payment_that_nobody_told_of_is_asked_for(
    alice: Member, alice_browser: Client, product: ProductOffer, shells: Shells
) -> None:
    ordered(alice_browser, product)
    order = Order.objects.get()
    shells.paid = dict(shells.open)

    found = orders.check_order(user_id=alice.id, order_id=order.pk, now=clock.now())

    assert found.state is OrderState.DELIVERED


def test_what_a_gateway_neither_closes_nor_was_paid_stays_open(
    alice: Member, alice_browser: Client, product: ProductOffer, shells: Shells, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered(alice_browser, product)
    monkeypatch.setattr(shells, "close", lambda out_trade_no: False)

    with pytest.raises(orders.GatewayUnavailable):
        orders.cancel_order(user_id=alice.id, order_id=Order.objects.get().pk, now=clock.now())

    assert Order.objects.get().state == OrderState.PAYING


def test_one_request_is_paid_through_one_gateway(alice: Member, product: ProductOffer, shells: Shells) -> None:
    def by_shells(request_id: str) -> OrderDetail:
        return orders.place_order(
            user_id=alice.id,
            product_id=product.id,
            gateway="shells",
            expected_amount_fen=product.amount_fen,
            request_id=request_id,
            now=clock.now(),
        )

    first = place(alice.id, product, request_id="click")

    with pytest.raises(IdempotencyKeyReused):
        by_shells("click")
    other = by_shells("another click")
    assert (first.gateway, other.gateway) == ("wechat", "shells")
    assert set(Order.objects.values_list("state", flat=True)) == {OrderState.PAYING}


def test_the_shop_offers_the_first_gateway_that_is_set_up(
    alice_browser: Client, product: ProductOffer, shells: Shells, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'data-gateway="wechat"' in alice_browser.get("/shop/").content.decode()

    monkeypatch.setitem(gateways.REGISTRY, "wechat", lambda: None)

    assert 'data-gateway="shells"' in alice_browser.get("/shop/").content.decode()


def test_a_gateway_that_is_gone_takes_no_orders_and_is_named(
    alice_browser: Client, product: ProductOffer, shells: Shells, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ordered(alice_browser, product)
    monkeypatch.delitem(gateways.REGISTRY, "shells")

    assert post(alice_browser, order_body(product, gateway="shells")).json()["code"] == "gateway_unknown"
    assert Client().post(NOTIFY, {}, content_type="application/json").status_code == 404
    assert alice_browser.post(f"/api/v1/orders/{order['id']}/check").json()["code"] == "gateway_unknown"
    assert numbers() == {"I-02-gateways"}
