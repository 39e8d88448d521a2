"""The pages of the shop."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps as installed
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, ProductOffer
from apps.orders.models import Order, Product
from tests.integration.orders.conftest import pack, place
from tests.integration.orders.wechat_server import WechatServer
from tests.rows import unguard_all

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def text_of(browser: Client, address: str) -> str:
    answer = browser.get(address, headers={"Accept-Language": "en"})
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_a_visitor_sees_prices_and_where_to_sign_in(visitor: Client, product: ProductOffer) -> None:
    page = text_of(visitor, "/shop/")

    assert "100 credits" in page
    assert "9.90" in page
    assert "/login/?next=/shop/" in page
    assert "data-buy" not in page


def test_a_member_can_buy_and_has_the_pay_sheet(alice_browser: Client, product: ProductOffer) -> None:
    page = text_of(alice_browser, "/shop/")

    shown = f'data-offer="{product.offer}" data-amount-fen="990" data-gateway="wechat"'
    assert f'data-buy="{product.id}" {shown}' in page
    assert 'id="pay-sheet"' in page
    assert "/sandbox/" in page


REMINDER = re.compile(r'<section[^>]*id="open-order"[^>]*data-order="([^"]*)"( hidden)?>')


def test_the_shop_reminds_of_the_newest_order_that_can_be_paid(
    alice: Member, alice_browser: Client, bob_browser: Client, product: ProductOffer, wechat: WechatServer
) -> None:
    hidden = ("", " hidden")
    assert REMINDER.findall(text_of(alice_browser, "/shop/")) == [hidden]
    place(alice.id, product)
    newest = place(alice.id, pack("pack-350"))

    assert REMINDER.findall(text_of(alice_browser, "/shop/")) == [(str(newest.id), "")]
    assert REMINDER.findall(text_of(bob_browser, "/shop/")) == [hidden]
    unguard_all("orders_order")
    Order.objects.update(expires_at=clock.now())
    assert REMINDER.findall(text_of(alice_browser, "/shop/")) == [hidden]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_way_is_promised_that_wechat_refuses(language: str, alice_browser: Client, product: ProductOffer) -> None:
    """Long-pressing a Native code, or picking it from the album, is refused."""
    page = alice_browser.get("/shop/", headers={"Accept-Language": language}).content.decode()

    for promised in ("长按", "相册", "截图", "Hold your finger", "album", "screenshot"):
        assert promised not in page
    assert {"zh-hans": "在电脑上打开本站的“我的订单”", "en": "“My orders” of this site on a computer"}[language] in page


def test_a_product_without_quota_shows_none(alice_browser: Client, wechat: WechatServer) -> None:
    Product.objects.filter(pk=pack().id).update(quota_milli=0, entitlements=["model-a"])

    assert re.search(r'<p class="product__gain" hidden>', text_of(alice_browser, "/shop/"))


def test_only_a_site_with_a_demo_phone_says_that_no_money_is_real(
    order: OrderDetail, alice_browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/orders/{order.id}/"
    assert "no real money" in text_of(alice_browser, address)
    real = {label: config for label, config in installed.app_configs.items() if label != "sandbox"}

    monkeypatch.setattr(installed, "app_configs", real)

    assert "no real money" not in text_of(alice_browser, address)


def test_an_empty_shop_says_what_to_do(alice_browser: Client) -> None:
    assert "Nothing is on sale right now." in text_of(alice_browser, "/shop/")


def test_no_orders_yet_leads_to_the_shop(alice_browser: Client) -> None:
    page = text_of(alice_browser, "/orders/")

    assert "No orders yet." in page
    assert 'href="/shop/"' in page


def test_the_list_tells_states_and_offers_what_can_be_done(order: OrderDetail, alice_browser: Client) -> None:
    page = text_of(alice_browser, "/orders/")

    assert "Waiting for payment" in page
    assert f'data-cancel="{order.id}"' in page
    orders.cancel_order(user_id=order.user_id, order_id=order.id, now=clock.now())
    page = text_of(alice_browser, "/orders/")
    assert "Closed" in page
    assert "data-cancel" not in page


@pytest.mark.parametrize("count", [1, 20])
def test_the_list_costs_the_same_whatever_its_length(
    count: int, alice: Member, alice_browser: Client, wechat: WechatServer
) -> None:
    for number in range(count):
        place(alice.id, pack(f"pack-{number}"))

    with CaptureQueriesContext(connection) as queries:
        page = text_of(alice_browser, "/orders/")

    assert page.count("data-cancel=") == count
    assert len(queries) <= 5  # the fifth at most once a second: the limits that the page tells


def test_the_page_of_an_order_can_be_paid_from(order: OrderDetail, alice_browser: Client) -> None:
    page = text_of(alice_browser, f"/orders/{order.id}/")

    assert f'src="/orders/{order.id}/qr.svg"' in page
    assert "Waiting for payment" in page
    assert "I have paid" in page


def test_a_delivered_order_tells_what_came_and_where_to_go(
    order: OrderDetail, alice_browser: Client, wechat: WechatServer
) -> None:
    wechat.trade().pay()
    orders.check_order(user_id=order.user_id, order_id=order.id, now=clock.now())

    page = text_of(alice_browser, f"/orders/{order.id}/")

    assert "100 credits have been added to your quota." in page
    assert 'href="/chat/"' in page
    assert 'href="/welfare/"' in page
    assert [word in page for word in ("Being prepared", "Paid, on its way", "Delivered")] == [True] * 3
    assert "qr.svg" not in page


def test_the_code_is_drawn_here_and_for_its_owner_only(
    order: OrderDetail, alice_browser: Client, bob_browser: Client, visitor: Client
) -> None:
    address = f"/orders/{order.id}/qr.svg"

    answer = alice_browser.get(address)

    assert answer["Content-Type"] == "image/svg+xml"
    assert "no-store" in answer["Cache-Control"]
    assert re.search(rb"<svg[^>]*>", answer.content)
    assert bob_browser.get(address).status_code == 404
    assert visitor.get(address).status_code == 302
    assert bob_browser.get(f"/orders/{order.id}/").status_code == 404


def test_a_paid_or_closed_order_has_no_code(order: OrderDetail, alice_browser: Client) -> None:
    orders.cancel_order(user_id=order.user_id, order_id=order.id, now=clock.now())

    assert alice_browser.get(f"/orders/{order.id}/qr.svg").status_code == 404


def test_the_times_of_an_order_are_local(
    alice: Member, product: ProductOffer, wechat: WechatServer, alice_browser: Client
) -> None:
    order = place(alice.id, product, now=NOON + timedelta(hours=6))

    assert "2026-11-02 02:00" in text_of(alice_browser, f"/orders/{order.id}/")
