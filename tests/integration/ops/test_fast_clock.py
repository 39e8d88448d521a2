"""A clock that was ahead for a moment strands nobody until then, and breaks nothing for ever."""

from datetime import timedelta

import pytest

from apps.accounts.contracts import Member
from apps.chat import services as chat
from apps.chat.contracts import GenerationState
from apps.chat.models import Generation
from apps.chat.rules import breaker
from apps.chat.services.channels import rest_key
from apps.chat.services.health import has_failed
from apps.kernel import clock, idempotency
from apps.kernel.ids import new_id
from apps.kernel.models import IdempotencyKey
from apps.marketing import services as marketing
from apps.marketing.models import SignIn
from apps.orders.contracts import OrderDetail, OrderState, ProductOffer
from apps.orders.errors import GatewayUnavailable
from apps.orders.models import Order
from apps.orders.services import check_unpaid_orders
from tests.integration.chat.conftest import make_model, send, set_limits
from tests.integration.marketing.campaign import NOON
from tests.integration.orders.conftest import order, place, product
from tests.integration.orders.wechat_server import WechatServer, refused, wechat

__all__ = ["order", "product", "wechat"]

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
FAR = timedelta(days=9)


def test_a_streak_goes_on_over_a_day_that_was_signed_ahead(alice: Member) -> None:
    for day in range(3):
        marketing.sign_in(user_id=alice.id, now=NOON + day * DAY)
    marketing.sign_in(user_id=alice.id, now=NOON + 4 * DAY)  # a day too early

    today = marketing.sign_in(user_id=alice.id, now=NOON + 3 * DAY)
    later = marketing.sign_in(user_id=alice.id, now=NOON + 5 * DAY)

    assert (today.streak, later.streak) == (4, 6)
    assert marketing.sign_in_week(user_id=alice.id, now=NOON + 5 * DAY).streak == 6


def test_a_sign_in_far_ahead_breaks_no_streak(alice: Member) -> None:
    marketing.sign_in(user_id=alice.id, now=NOON)
    marketing.sign_in(user_id=alice.id, now=NOON + 300 * DAY)

    assert marketing.sign_in(user_id=alice.id, now=NOON + DAY).streak == 2
    assert SignIn.objects.count() == 3


def test_a_channel_and_its_keys_rest_no_longer_than_they_ever_do(alice: Member) -> None:
    set_limits(free_per_day=5)
    make_model()
    send(alice.id)
    (job,) = chat.claim_jobs(limit=1, now=clock.now())
    target, ahead = job.targets[0], clock.now() + FAR
    for _ in range(breaker.FAILURES):
        has_failed(target=target, generation_id=new_id(), code="upstream_failed", now=ahead)
    assert rest_key(key_id=target.key_id, reason="upstream_auth", now=ahead)

    send(alice.id)
    (job,) = chat.claim_jobs(limit=1, now=clock.now())

    assert job.targets[0].needs_probe
    assert chat.begin_probe(channel=target.channel, generation_id=job.generation_id, now=clock.now())
    # It is one probe, and the key's refusal counts as another does.
    assert not chat.begin_probe(channel=target.channel, generation_id=new_id(), now=clock.now())
    assert rest_key(key_id=target.key_id, reason="upstream_auth", now=clock.now())
    assert not rest_key(key_id=target.key_id, reason="upstream_auth", now=clock.now())


def test_an_answer_whose_lease_lies_far_ahead_is_settled(alice: Member) -> None:
    set_limits(free_per_day=1)
    make_model()
    send(alice.id)
    chat.claim_jobs(limit=1, now=clock.now() + FAR)

    assert chat.settle_abandoned(now=clock.now()) == 1

    assert Generation.objects.get().state == GenerationState.INTERRUPTED


def test_an_order_whose_check_lies_far_ahead_is_asked_about(order: OrderDetail, wechat: WechatServer) -> None:
    wechat.trade().pay()
    Order.objects.update(next_check_at=clock.now() + FAR)

    assert check_unpaid_orders(now=clock.now()) == 1

    assert Order.objects.get().state == OrderState.DELIVERED


def test_a_code_that_a_fast_clock_was_fetching_is_fetched_again(
    alice: Member, product: ProductOffer, wechat: WechatServer
) -> None:
    healthy, wechat.fault = wechat.fault, lambda request: refused(500, "SYSTEM_ERROR")
    with pytest.raises(GatewayUnavailable):
        place(alice.id, product)
    wechat.fault = healthy
    Order.objects.update(prepay_until=clock.now() + FAR)  # its process died while its clock was ahead

    again = place(alice.id, product)

    assert (again.state, again.pay is not None) == (OrderState.PAYING, True)


def test_a_repeat_is_not_locked_out_until_then() -> None:
    first = idempotency.claim(scope="s", key="k", fingerprint="f", now=clock.now() + FAR)

    assert idempotency.claim(scope="s", key="k", fingerprint="f", now=clock.now()) == first
    assert IdempotencyKey.objects.count() == 1
