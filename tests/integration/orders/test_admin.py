"""What operators may do to the shop, and what they may not."""

import pytest
from django.test import Client

from apps.kernel.models import AuditEntry
from apps.orders.contracts import OrderDetail, OrderState, ProductOffer
from apps.orders.models import Order, Product
from tests.integration.orders.conftest import quota_of
from tests.integration.orders.wechat_server import WechatServer


def product_form(**changes: object) -> dict[str, object]:
    form = {
        "code": "pack-100",
        "title": "100 credits",
        "subtitle": "",
        "badge": "",
        "amount_fen": "1290",
        "quota_milli": "100000",
        "entitlements": "[]",
        "is_on_sale": "on",
        "sort": "0",
        "reason": "autumn prices",
    }
    return {**form, **changes}


@pytest.mark.parametrize("table", ["product", "order", "orderhistory", "payment", "notification"])
def test_operators_see_everything(table: str, order: OrderDetail, operator_browser: Client) -> None:
    assert operator_browser.get(f"/admin/orders/{table}/").status_code == 200


@pytest.mark.parametrize("table", ["order", "orderhistory", "payment", "notification"])
def test_money_is_looked_at_and_never_edited(table: str, order: OrderDetail, operator_browser: Client) -> None:
    assert operator_browser.get(f"/admin/orders/{table}/add/").status_code == 403


def test_an_order_cannot_be_changed_by_its_form(order: OrderDetail, operator_browser: Client) -> None:
    address = f"/admin/orders/order/{order.id}/change/"

    assert operator_browser.get(address).status_code == 200
    assert operator_browser.post(address, {"state": "delivered"}).status_code == 403
    assert Order.objects.get().state == OrderState.PAYING


def test_a_price_change_has_a_name_and_a_reason(product: ProductOffer, operator_browser: Client) -> None:
    answer = operator_browser.post(f"/admin/orders/product/{product.id}/change/", product_form())

    assert answer.status_code == 302, answer.context["errors"]
    assert Product.objects.get().amount_fen == 1290
    entry = AuditEntry.objects.filter(action="orders.save_product").order_by("pk").last()
    assert entry is not None
    assert entry.actor.startswith("staff:")
    assert entry.reason == "autumn prices"
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["amount_fen"], entry.after["amount_fen"]) == (990, 1290)


def test_a_new_product_goes_through_the_service(operator_browser: Client, db: None) -> None:
    answer = operator_browser.post("/admin/orders/product/add/", product_form(code="pack-new"))

    assert answer.status_code == 302
    assert Product.objects.get().code == "pack-new"
    assert AuditEntry.objects.filter(action="orders.save_product").count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_fen": "0"},
        {"reason": ""},
        {"entitlements": '{"a": 1}'},
        {"entitlements": "[1]"},
        {"entitlements": r'["\u0000"]'},
        {"entitlements": r'["\ud800"]'},
    ],
)
def test_a_wrong_form_changes_nothing(
    changes: dict[str, object], product: ProductOffer, operator_browser: Client
) -> None:
    answer = operator_browser.post(f"/admin/orders/product/{product.id}/change/", product_form(**changes))

    assert answer.status_code == 200
    assert Product.objects.get().amount_fen == 990


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "quota_milli",
            str(10**12 + 1),
            "这一额度无法发放：不能小于零，也不能超过一笔订单的上限。 (product_quota_not_deliverable)",
        ),
        ("entitlements", '["no-model"]', "没有编号为 no-model 的模型。 (product_model_unknown)"),
        ("quota_milli", "0", "商品总要给点什么：额度，或者模型。 (product_empty)"),
        ("title", "畅" * 43, "标题太长，付款时放不下：最多 127 字节，一个汉字占三个字节。 (product_title_too_long)"),
        (
            "amount_fen",
            "0",
            "这个价格无法支付：不能低于一分，也不能超过一笔付款的上限。 (product_amount_not_payable)",
        ),
        (
            "amount_fen",
            str(2**31),
            "这个价格无法支付：不能低于一分，也不能超过一笔付款的上限。 (product_amount_not_payable)",
        ),
    ],
)
def test_what_could_not_be_delivered_is_an_error_of_its_field(
    field: str, value: str, said: str, product: ProductOffer, operator_browser: Client
) -> None:
    form = product_form(**{field: value})

    answer = operator_browser.post(f"/admin/orders/product/{product.id}/change/", form)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {field: [said]}
    assert Product.objects.get().amount_fen == 990


def test_a_product_is_never_deleted(product: ProductOffer, operator_browser: Client) -> None:
    assert operator_browser.post(f"/admin/orders/product/{product.id}/delete/").status_code == 403


def test_asking_the_provider_takes_a_reason(order: OrderDetail, operator_browser: Client, wechat: WechatServer) -> None:
    wechat.trade().pay()
    act = {"action": "check_now", "_selected_action": str(order.id)}

    asked = operator_browser.post("/admin/orders/order/", act)
    assert asked.status_code == 200
    assert Order.objects.get().state == OrderState.PAYING

    operator_browser.post("/admin/orders/order/", {**act, "reason": "member called"})
    assert Order.objects.get().state == OrderState.DELIVERED
    assert quota_of(order.user_id) == 100_000
    assert AuditEntry.objects.get(action="orders.recheck_order").reason == "member called"
