"""The JSON API of orders."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, ProductOffer
from apps.orders.models import Order
from tests.integration.orders.conftest import pack, place
from tests.integration.orders.wechat_server import WechatServer, refused

ADDRESS = "/api/v1/orders"


def order_body(product: ProductOffer, **changes: object) -> dict[str, object]:
    return {"product_id": str(product.id), "gateway": "wechat", "expected_amount_fen": product.amount_fen, **changes}


def post(browser: Client, body: dict[str, object], *, key: str = "") -> Any:
    return browser.post(ADDRESS, body, content_type="application/json", headers={"Idempotency-Key": key or uuid4().hex})


def test_prices_are_public_and_in_shop_order(visitor: Client, product: ProductOffer) -> None:
    orders.save_product(
        code="pack-10", title="Ten", amount_fen=190, quota_milli=10_000, badge="New", sort=-1, now=clock.now()
    )
    orders.save_product(code="gone", title="Gone", amount_fen=1, quota_milli=1, is_on_sale=False, now=clock.now())

    answer = visitor.get("/api/v1/products")

    assert [row["code"] for row in answer.json()] == ["pack-10", "pack-100"]
    assert answer.json()[1] == {
        "id": str(product.id),
        "code": "pack-100",
        "title": "100 credits",
        "subtitle": "",
        "badge": "",
        "amount_fen": 990,
        "quota_milli": 100_000,
        "entitlements": [],
        "offer": product.offer,
    }


def test_an_order_answers_how_to_pay(alice_browser: Client, product: ProductOffer, wechat: WechatServer) -> None:
    answer = post(alice_browser, order_body(product))

    body = answer.json()
    assert answer.status_code == 201
    assert (body["state"], body["amount_fen"], body["quota_milli"]) == ("paying", 990, 100_000)
    assert body["pay"]["kind"] == "qr"
    assert body["pay"]["content"].startswith("weixin://wxpay/bizpayurl?pr=")
    assert body["expires_at"].endswith("+08:00")
    assert alice_browser.get(f"{ADDRESS}/{body['id']}").json() == body


def test_the_same_key_orders_once_and_replays_the_answer(
    alice_browser: Client, product: ProductOffer, wechat: WechatServer
) -> None:
    first = post(alice_browser, order_body(product), key="click-0001")
    again = post(alice_browser, order_body(product), key="click-0001")
    other = post(alice_browser, order_body(product, expected_amount_fen=1), key="click-0001")

    assert again.json() == first.json()
    assert again["Idempotent-Replay"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1


def test_a_key_whose_request_was_not_answered_may_be_repeated(
    alice_browser: Client, product: ProductOffer, wechat: WechatServer
) -> None:
    wechat.fault = lambda request: refused(500, "SYSTEM_ERROR")
    failed = post(alice_browser, order_body(product), key="click-0001")
    wechat.fault = lambda request: None

    repeated = post(alice_browser, order_body(product), key="click-0001")

    assert (failed.status_code, failed.json()["code"], failed["Retry-After"]) == (503, "gateway_unavailable", "3")
    assert (repeated.status_code, repeated.json()["state"]) == (201, "paying")
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"gateway": "cowries"}, 400, "gateway_unknown"),
        ({"expected_amount_fen": 1}, 409, "price_changed"),
        ({"product_id": "00000000-0000-7000-8000-000000000000"}, 404, "product_not_found"),
        ({"product_id": "x"}, 400, "validation_failed"),
        ({"expected_amount_fen": 0}, 400, "validation_failed"),
        ({"amount_fen": 1}, 400, "validation_failed"),
    ],
)
def test_a_refused_wish_orders_nothing(
    *,
    changes: dict[str, object],
    status: int,
    code: str,
    alice_browser: Client,
    product: ProductOffer,
    wechat: WechatServer,
) -> None:
    answer = post(alice_browser, order_body(product, **changes))

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert not Order.objects.exists()
    assert wechat.calls == []


def test_a_new_price_is_told(alice_browser: Client, product: ProductOffer, wechat: WechatServer) -> None:
    pack(amount_fen=1290)

    assert post(alice_browser, order_body(product)).json()["context"] == {"amount_fen": 1290}


def test_a_new_offer_is_told_and_can_be_ordered(
    alice_browser: Client, product: ProductOffer, wechat: WechatServer
) -> None:
    pack(quota_milli=1_000)

    refused = post(alice_browser, order_body(product, offer=product.offer))
    told = refused.json()["context"]

    assert (refused.status_code, refused.json()["code"]) == (409, "offer_changed")
    assert (told["quota_milli"], told["amount_fen"], told["entitlements"]) == (1_000, 990, [])
    assert told["offer"] == alice_browser.get("/api/v1/products").json()[0]["offer"]
    assert not Order.objects.exists()
    ordered = post(alice_browser, order_body(product, offer=told["offer"]))
    assert (ordered.status_code, ordered.json()["quota_milli"]) == (201, 1_000)


def test_ordering_needs_a_key_and_a_member(alice_browser: Client, visitor: Client, product: ProductOffer) -> None:
    without = alice_browser.post(ADDRESS, order_body(product), content_type="application/json")

    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    assert post(visitor, order_body(product)).status_code == 401
    assert not Order.objects.exists()


@pytest.mark.parametrize(("method", "tail"), [("get", ""), ("post", "/check"), ("post", "/cancel")])
def test_an_order_is_its_owners_alone(
    *, method: str, tail: str, order: OrderDetail, alice_browser: Client, bob_browser: Client, visitor: Client
) -> None:
    address = f"{ADDRESS}/{order.id}{tail}"

    answers = [getattr(browser, method)(address) for browser in (visitor, bob_browser, alice_browser)]

    assert [answer.status_code for answer in answers] == [401, 404, 200]
    assert answers[1].json()["code"] == "order_not_found"
    assert answers[2].json()["id"] == str(order.id)


def test_checking_and_cancelling_answer_the_order(
    order: OrderDetail, alice_browser: Client, wechat: WechatServer
) -> None:
    cancelled = alice_browser.post(f"{ADDRESS}/{order.id}/cancel").json()
    wechat.trade().pay()
    late = alice_browser.post(f"{ADDRESS}/{order.id}/check").json()
    refused_now = alice_browser.post(f"{ADDRESS}/{order.id}/cancel")

    assert (cancelled["state"], cancelled["pay"]) == ("closed", None)
    assert late["state"] == "delivered"
    assert [step["after"] for step in late["steps"]] == ["created", "paying", "closed", "paid", "delivered"]
    assert (refused_now.status_code, refused_now.json()["code"]) == (409, "order_not_cancellable")
    assert refused_now.json()["context"] == {"state": "delivered"}


def test_orders_come_in_pages_newest_first(alice: Member, alice_browser: Client, wechat: WechatServer) -> None:
    ids = [str(place(alice.id, pack(f"pack-{number}")).id) for number in range(5)]

    first = alice_browser.get(f"{ADDRESS}?size=2").json()
    second = alice_browser.get(first["next"]).json()
    third = alice_browser.get(second["next"]).json()

    shown = [[row["id"] for row in page["results"]] for page in (first, second, third)]
    assert shown == [ids[:2:-1], ids[2:0:-1], ids[:1]]
    assert (first["previous"], third["next"]) == (None, None)
    assert alice_browser.get(f"{ADDRESS}?cursor=nonsense").json()["code"] == "cursor_not_valid"


@pytest.mark.parametrize("count", [1, 12])
def test_a_list_costs_the_same_whatever_its_length(
    count: int, alice: Member, alice_browser: Client, wechat: WechatServer
) -> None:
    for number in range(count):
        place(alice.id, pack(f"pack-{number}"))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(alice_browser.get(ADDRESS).json()["results"]) == count

    assert len(queries) <= 3  # session, member, orders


def test_a_frozen_gateway_configuration_is_no_gateway(
    alice_browser: Client, product: ProductOffer, settings: object
) -> None:
    from_environment = {**settings.WECHAT_PAY, "MCH_ID": ""}  # type: ignore[attr-defined]
    settings.WECHAT_PAY = from_environment  # type: ignore[attr-defined]

    assert post(alice_browser, order_body(product)).json()["code"] == "gateway_unknown"
    assert alice_browser.post("/pay/wechat/notify", b"{}", content_type="application/json").status_code == 404
