"""A small shop: three packs, and Alice at the counter."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from apps.accounts.contracts import Member
from apps.chat.contracts import QUOTA
from apps.kernel import clock
from apps.kernel.ids import UserId
from apps.ledger import services as ledger
from apps.orders import services as orders
from apps.orders.contracts import OrderDetail, ProductOffer
from apps.orders.models import Product
from tests.integration.orders.wechat_server import WechatServer, wechat

__all__ = ["wechat"]

Place = Callable[..., OrderDetail]


def pack(code: str = "pack-100", *, amount_fen: int = 990, quota_milli: int = 100_000) -> ProductOffer:
    """A product of this code on sale."""
    return orders.save_product(
        code=code,
        title=f"{quota_milli // 1000} credits",
        amount_fen=amount_fen,
        quota_milli=quota_milli,
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )


def undeliverable_pack() -> ProductOffer:
    """A pack with the model "gone", which is: no service would save it."""
    offer = pack("model")
    Product.objects.filter(pk=offer.id).update(entitlements=["gone"])
    return offer


def place(
    user_id: UserId, product: ProductOffer, *, request_id: str = "", offer: str = "", now: datetime | None = None
) -> OrderDetail:
    """Order a product at its price; with `offer`, as it was shown."""
    return orders.place_order(
        user_id=user_id,
        product_id=product.id,
        gateway="wechat",
        expected_amount_fen=product.amount_fen,
        request_id=request_id or uuid4().hex,
        offer=offer,
        now=now or clock.now(),
    )


def quota_of(user_id: UserId) -> int:
    """A member's quota in thousandths of a credit."""
    return ledger.balance(account=ledger.user_account(user_id, QUOTA)).total


@pytest.fixture
def product(db: None) -> ProductOffer:
    """A hundred credits for 9.90 yuan."""
    return pack()


@pytest.fixture
def order(alice: Member, product: ProductOffer, wechat: WechatServer) -> OrderDetail:
    """Alice's order, its code on her screen."""
    return place(alice.id, product)


@pytest.fixture
def order_id(order: OrderDetail) -> UUID:
    """Its id."""
    return order.id
