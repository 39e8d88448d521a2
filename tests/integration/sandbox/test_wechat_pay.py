"""WeChat Pay: what it accepts, what it signs, what it tells the merchant."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from apps.kernel import clock
from apps.sandbox.models import Notification, NotificationState, NotifyAttempt, Payment
from apps.sandbox.services import notifications
from tests.integration.sandbox.conftest import Heard, Merchant, Site, assert_signed_by_platform

Press = Callable[..., Any]
ME = "oDemoMember1"


def opened(heard: Heard) -> dict[str, Any]:
    """The transaction inside a notification, signature checked, decrypted."""
    assert_signed_by_platform(heard.headers, heard.body)
    resource = json.loads(heard.body)["resource"]
    plain = AESGCM(settings.WECHAT_PAY["API_V3_KEY"].encode()).decrypt(
        resource["nonce"].encode(), base64.b64decode(resource["ciphertext"]), resource["associated_data"].encode()
    )
    paid: dict[str, Any] = json.loads(plain)
    return paid


def test_an_order_is_placed_paid_notified_and_found(merchant: Merchant, press: Press, site_heard: Site) -> None:
    order = merchant.order(attach="note")
    code_url = merchant.place(order)
    assert code_url.startswith("weixin://wxpay/bizpayurl?pr=")
    assert merchant.query(order)["trade_state"] == "NOTPAY"

    shown = press(ME, "scan", content=code_url)
    assert (shown["kind"], shown["title"], shown["amount_fen"]) == ("payment", "100 credits", 990)
    assert press(ME, "pay", content=code_url, outcome="success", notify="normal") == {"state": "SUCCESS"}

    [heard] = site_heard.heard
    paid = opened(heard)
    assert paid["amount"] == {"total": 990, "currency": "CNY", "payer_total": 990, "payer_currency": "CNY"}
    assert (paid["out_trade_no"], paid["payer"], paid["attach"]) == (order["out_trade_no"], {"openid": ME}, "note")
    assert paid["success_time"].endswith("+08:00")
    assert merchant.query(order) == paid
    by_id = merchant.get(f"/v3/pay/transactions/id/{paid['transaction_id']}")
    assert json.loads(by_id.content) == paid
    assert Notification.objects.get().state == NotificationState.DELIVERED


@pytest.mark.parametrize("path", ["/v3/pay/transactions/native", "/sandbox/wechatpay/v3/pay/transactions/native"])
def test_a_call_may_be_signed_with_the_path_below_or_with_our_prefix(merchant: Merchant, path: str) -> None:
    answer = merchant.post("/v3/pay/transactions/native", merchant.order(), signed_path=path)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "forgery",
    [
        {"authorization": ""},
        {"authorization": "Bearer x"},
        {"signed_body": "{}"},
        {"signed_path": "/v3/pay/transactions/other"},
        {"timestamp": 1_700_000_000},
        {"mch_id": "1900000002"},
        {"key": settings.SANDBOX["PLATFORM_PRIVATE_KEY"]},
    ],
)
def test_a_call_that_our_merchant_did_not_sign_is_refused(merchant: Merchant, forgery: dict[str, Any]) -> None:
    answer = merchant.post("/v3/pay/transactions/native", merchant.order(), **forgery)

    assert answer.status_code == 401
    assert json.loads(answer.content)["code"] == "SIGN_ERROR"
    assert not Payment.objects.exists()


def test_an_answer_key_that_we_do_not_have_is_refused(merchant: Merchant) -> None:
    answer = merchant.post("/v3/pay/transactions/native", merchant.order(), serial="PUB_KEY_ID_OTHER")

    assert answer.status_code == 400


def test_the_merchant_inside_must_be_the_one_that_signed(merchant: Merchant) -> None:
    answer = merchant.post("/v3/pay/transactions/native", merchant.order(mchid="1900000002"))

    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, "PARAM_ERROR")
    assert not Payment.objects.exists()


def test_the_same_order_again_kills_the_old_code(merchant: Merchant, press: Press) -> None:
    order = merchant.order()
    old, new = merchant.place(order), merchant.place(order)

    assert old != new
    assert press(ME, "scan", status=404, content=old)["code"] == "unknown_code"
    assert press(ME, "scan", content=new)["kind"] == "payment"


def test_the_same_number_with_other_parameters_is_refused(merchant: Merchant) -> None:
    order = merchant.order()
    merchant.place(order)
    answer = merchant.post("/v3/pay/transactions/native", {**order, "amount": {"total": 1, "currency": "CNY"}})

    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, "INVALID_REQUEST")
    assert merchant.query(order)["amount"]["total"] == 990


def test_an_unpaid_order_is_closed_and_closed_again(merchant: Merchant, press: Press) -> None:
    order = merchant.order()
    code_url = merchant.place(order)
    path = f"/v3/pay/transactions/out-trade-no/{order['out_trade_no']}/close"

    for _ in range(2):
        answer = merchant.post(path, {"mchid": order["mchid"]})
        assert (answer.status_code, answer.content) == (204, b"")
    assert merchant.query(order)["trade_state"] == "CLOSED"
    assert press(ME, "pay", status=409, content=code_url)["context"] == {"state": "CLOSED"}
    assert merchant.post("/v3/pay/transactions/native", order).status_code == 400


def test_a_paid_order_cannot_be_closed(merchant: Merchant, press: Press) -> None:
    order = merchant.order()
    press(ME, "pay", content=merchant.place(order))
    answer = merchant.post(
        f"/v3/pay/transactions/out-trade-no/{order['out_trade_no']}/close", {"mchid": order["mchid"]}
    )

    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, "ORDERPAID")
    assert merchant.query(order)["trade_state"] == "SUCCESS"


def test_an_unknown_order_is_not_found(merchant: Merchant) -> None:
    path = "/v3/pay/transactions/out-trade-no/NOT_AN_ORDER"

    assert json.loads(merchant.get(path).content)["code"] == "ORDER_NOT_EXIST"
    assert merchant.post(f"{path}/close", {"mchid": settings.WECHAT_PAY["MCH_ID"]}).status_code == 404


def test_an_order_past_its_end_is_closed_by_the_platform(merchant: Merchant, press: Press) -> None:
    order = merchant.order()
    code_url = merchant.place(order)
    Payment.objects.update(expires_at=clock.now() - timedelta(seconds=1))

    assert press(ME, "pay", status=409, content=code_url)["code"] == "code_expired"
    assert merchant.query(order)["trade_state"] == "CLOSED"


@pytest.mark.parametrize("outcome", ["fail", "cancel"])
def test_a_failed_try_leaves_the_order_payable_and_the_merchant_in_peace(
    outcome: str, merchant: Merchant, press: Press, site_heard: Site
) -> None:
    order = merchant.order()
    code_url = merchant.place(order)

    assert press(ME, "pay", content=code_url, outcome=outcome) == {"state": "NOTPAY"}
    assert site_heard.heard == []
    assert press(ME, "pay", content=code_url) == {"state": "SUCCESS"}


def test_an_order_belongs_to_its_first_scanner_and_is_paid_once(merchant: Merchant, press: Press) -> None:
    code_url = merchant.place(merchant.order())
    press(ME, "scan", content=code_url)

    assert press("oSomebody", "pay", status=409, content=code_url)["code"] == "scanned_by_another"
    press(ME, "pay", content=code_url)
    assert press(ME, "pay", status=409, content=code_url)["code"] == "payment_settled"


def test_without_a_notification_only_the_query_tells(merchant: Merchant, press: Press, site_heard: Site) -> None:
    order = merchant.order()
    press(ME, "pay", content=merchant.place(order), notify="none")

    assert site_heard.heard == []
    assert not Notification.objects.exists()
    assert merchant.query(order)["trade_state"] == "SUCCESS"


def test_duplicates_are_one_notification_many_times(merchant: Merchant, press: Press, site_heard: Site) -> None:
    press(ME, "pay", content=merchant.place(merchant.order()), notify="duplicate", times=20)

    assert list(NotifyAttempt.objects.values_list("status", "answer")) == [(200, "success")] * 20
    assert len(site_heard.heard) == 20
    assert len({heard.body for heard in site_heard.heard}) == 1
    assert len({opened(heard)["transaction_id"] for heard in site_heard.heard}) == 1


@pytest.mark.parametrize(("outcome", "state"), [("success", "SUCCESS"), ("cancel", "NOTPAY")])
def test_a_forged_notification_is_signed_by_a_stranger_and_sent_once(
    outcome: str, state: str, merchant: Merchant, press: Press, site_heard: Site
) -> None:
    site_heard.answer = lambda heard: (401, b"")
    code_url = merchant.place(merchant.order())

    assert press(ME, "pay", content=code_url, outcome=outcome, notify="forged") == {"state": state}
    [heard] = site_heard.heard
    with pytest.raises(AssertionError):
        assert_signed_by_platform(heard.headers, heard.body)
    assert Notification.objects.get().state == NotificationState.GIVEN_UP


def test_a_delayed_notification_is_sent_by_the_worker(merchant: Merchant, press: Press, site_heard: Site) -> None:
    press(ME, "pay", content=merchant.place(merchant.order()), notify="delayed")
    assert notifications.send_due(now=clock.now()) == 0
    assert site_heard.heard == []

    assert notifications.send_due(now=clock.now() + timedelta(seconds=6)) == 1
    assert opened(site_heard.heard[0])["trade_state"] == "SUCCESS"


def test_a_merchant_that_fails_is_tried_sixteen_times(merchant: Merchant, press: Press, site_heard: Site) -> None:
    site_heard.answer = lambda heard: (500, b'{"code": "FAIL"}')
    press(ME, "pay", content=merchant.place(merchant.order()))
    now = clock.now()

    for _ in range(20):
        now += timedelta(minutes=4)
        notifications.send_due(now=now)

    assert len(site_heard.heard) == 16
    assert len({heard.body for heard in site_heard.heard}) == 1
    assert Notification.objects.get().state == NotificationState.GIVEN_UP
    assert set(NotifyAttempt.objects.values_list("status", "answer")) == {(500, '{"code": "FAIL"}')}


def test_a_merchant_that_recovers_is_told_and_then_left_alone(
    merchant: Merchant, press: Press, site_heard: Site
) -> None:
    site_heard.answer = lambda heard: (200, b"") if len(site_heard.heard) > 2 else (503, b"")
    press(ME, "pay", content=merchant.place(merchant.order()))
    now = clock.now()

    for _ in range(5):
        now += timedelta(seconds=30)
        notifications.send_due(now=now)

    assert len(site_heard.heard) == 3
    assert Notification.objects.get().state == NotificationState.DELIVERED
