"""WeChat Pay's books under threads: one order, one payer, one transaction."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from apps.kernel import clock
from apps.sandbox.errors import PaymentSettled, ScannedByAnother
from apps.sandbox.models import Notification, Payment, PaymentState
from apps.sandbox.services import notifications, payments, phone
from tests.integration.sandbox.conftest import Site
from tests.race.concurrency import run_concurrently, run_together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 12


def order(site: Site) -> dict[str, Any]:
    return {
        "appid": settings.WECHAT_PAY["APP_ID"],
        "mchid": settings.WECHAT_PAY["MCH_ID"],
        "description": "100 credits",
        "out_trade_no": "RACE0001",
        "notify_url": f"{site.url}/pay/wechat/notify",
        "amount": {"total": 990, "currency": "CNY"},
    }


def payer(openid: str, content: str, *, notify: str) -> Callable[[], str]:
    return lambda: phone.pay(openid=openid, content=content, outcome="success", notify=notify, times=1, now=clock.now())


def test_twelve_members_pay_one_order_and_one_succeeds(site_heard: Site) -> None:
    content = payments.place(request=order(site_heard), now=clock.now())

    outcomes = run_together([payer(f"oDemo{n}", content, notify="normal") for n in range(THREADS)])

    assert outcomes.results == ["SUCCESS"]
    assert {type(error) for error in outcomes.errors} <= {PaymentSettled, ScannedByAnother}
    assert len(site_heard.heard) == 1
    assert Payment.objects.get().state == PaymentState.SUCCESS


def test_twelve_repeats_of_one_order_are_one_order_with_one_code(site_heard: Site) -> None:
    outcomes = run_concurrently(lambda: payments.place(request=order(site_heard), now=clock.now()), THREADS)

    assert outcomes.errors == []
    assert payments.CODE_PREFIX + Payment.objects.get().code in outcomes.results


def test_two_workers_send_a_due_notification_once(site_heard: Site) -> None:
    content = payments.place(request=order(site_heard), now=clock.now())
    payer("oDemo1", content, notify="delayed")()
    due: UUID = Notification.objects.values_list("pk", flat=True).get()
    later = clock.now() + timedelta(seconds=6)

    outcomes = run_concurrently(lambda: notifications.send(notification_id=due, now=later), THREADS)

    assert outcomes.errors == []
    assert len(site_heard.heard) == 1
