"""What may be put on sale: only what a paid order can be given."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from apps.accounts.contracts import Member
from apps.chat import services as chat
from apps.chat.contracts import QuotaState
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.kernel.models import AuditEntry
from apps.orders import selectors
from apps.orders import services as orders
from apps.orders.contracts import OrderState, ProductOffer
from apps.orders.models import Product
from tests.integration.orders.conftest import place
from tests.integration.orders.wechat_server import WechatServer

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
LARGEST_MILLI = 10**12
# As long as a model's code may be.
LONG_CODE = "a-model-with-a-name-of-many-words-and-the-day-it-was-trained-on!"


@pytest.fixture(autouse=True)
def models(db: None) -> None:
    """Two models, one of them switched off."""
    chat.save_channel(code="test", base_url="http://127.0.0.1:9/v1", api_key="sk-test", now=NOON)
    for code, is_enabled in ((LONG_CODE, True), ("resting", False)):
        chat.save_model(
            code=code,
            name="A model",
            price_milli=1000,
            is_enabled=is_enabled,
            now=NOON,
        )
        chat.save_route(model_code=code, channel_code="test", upstream_name="up", now=NOON)


def offer(*, quota_milli: int = 5_000, entitlements: Sequence[str] = ()) -> ProductOffer:
    """A product with this content."""
    return orders.save_product(
        code="pack", title="A pack", amount_fen=100, quota_milli=quota_milli, entitlements=entitlements, now=NOON
    )


def quota_state(buyer: Member) -> QuotaState:
    """What the buyer has."""
    return chat.quota_of(user_id=buyer.id, now=clock.now())


@pytest.mark.parametrize("quota_milli", [-1, LARGEST_MILLI + 1, 2**63 - 1, 10**30])
def test_quota_that_cannot_be_delivered_is_not_put_on_sale(quota_milli: int) -> None:
    offer()
    trail = AuditEntry.objects.count()

    with pytest.raises(orders.ProductQuotaNotDeliverable) as refusal:
        offer(quota_milli=quota_milli)

    assert refusal.value.context == {"quota_milli": quota_milli, "largest": LARGEST_MILLI}
    assert Product.objects.get().quota_milli == 5_000
    assert AuditEntry.objects.count() == trail


@pytest.mark.parametrize("entitlements", [["no-model"], [LONG_CODE, "no-model"]])
def test_a_model_that_does_not_exist_is_not_put_on_sale(entitlements: list[str]) -> None:
    offer()
    trail = AuditEntry.objects.count()

    with pytest.raises(orders.ProductModelUnknown) as refusal:
        offer(entitlements=entitlements)

    assert refusal.value.context == {"model": "no-model"}
    assert Product.objects.get().entitlements == []
    assert AuditEntry.objects.count() == trail


def test_a_product_with_nothing_in_it_is_not_put_on_sale() -> None:
    with pytest.raises(orders.ProductEmpty):
        offer(quota_milli=0)

    assert not Product.objects.exists()


def test_a_title_that_payers_could_not_read_whole_is_refused() -> None:
    with pytest.raises(orders.ProductTitleTooLong):
        orders.save_product(code="pack", title="畅" * 43, amount_fen=100, quota_milli=1, now=NOON)

    assert not Product.objects.exists()


@pytest.mark.parametrize("amount_fen", [0, 2**31])
def test_a_price_that_cannot_be_paid_is_refused(amount_fen: int) -> None:
    with pytest.raises(orders.ProductAmountNotPayable):
        orders.save_product(code="pack", title="A pack", amount_fen=amount_fen, quota_milli=1, now=NOON)

    assert not Product.objects.exists()


@pytest.mark.parametrize("wrong", [{"quota_milli": 0}, {"quota_milli": LARGEST_MILLI + 1}])
def test_what_is_on_record_and_gives_nothing_is_not_sold(
    wrong: dict[str, int], alice: Member, wechat: WechatServer
) -> None:
    """Saved before anybody asked, or past the service."""
    saved = offer()
    Product.objects.update(**wrong)

    assert selectors.products_on_sale() == ()
    with pytest.raises(orders.ProductNotOnSale):
        place(alice.id, saved)
    assert wechat.calls == []


def test_what_may_be_sold_is_delivered(alice: Member, wechat: WechatServer) -> None:
    """The largest quota, the longest name, and a model that is switched off for a while."""
    order = place(alice.id, offer(quota_milli=LARGEST_MILLI, entitlements=[LONG_CODE, "resting"]))
    wechat.trade().pay()

    paid = orders.check_order(user_id=alice.id, order_id=order.id, now=clock.now())

    assert paid.state == OrderState.DELIVERED
    assert quota_state(alice).balance_milli == LARGEST_MILLI
    assert set(quota_state(alice).entitlements) == {LONG_CODE, "resting"}
    assert [breach for check in all_invariants() if check.number == "I-33" for breach in check.check(clock.now())] == []


def test_saving_a_product_gives_nobody_anything(alice: Member) -> None:
    offer(quota_milli=0, entitlements=[LONG_CODE])

    assert quota_state(alice).entitlements == ()
    assert list(chat.export_entitlements(user_id=alice.id)) == []
