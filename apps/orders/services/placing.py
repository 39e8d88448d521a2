"""From the click to a code that can be scanned."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.kernel import switches
from apps.kernel.errors import IdempotencyKeyReused, OfferChanged
from apps.kernel.ids import UserId, new_id
from apps.orders import gateways, rules, selectors
from apps.orders.contracts import OrderDetail, OrderState
from apps.orders.errors import (
    IllegalTransition,
    PriceChanged,
    ProductNotFound,
    ProductNotOnSale,
    ShopClosed,
)
from apps.orders.gateways.contract import Gateway
from apps.orders.models import OPEN_STATES, Order, Product
from apps.orders.services import cancelling, payment_codes, transitions

CURRENCY = "CNY"


@dataclass(frozen=True, kw_only=True)
class _OrderRequest:
    user_id: UserId
    product_id: UUID
    gateway: str
    expected_amount_fen: int
    offer: str
    request_id: str


@dataclass(frozen=True)
class _Found:
    order_id: UUID
    is_usable: bool


def place_order(
    *,
    user_id: UserId,
    product_id: UUID,
    gateway: str,
    expected_amount_fen: int,
    request_id: str,
    now: datetime,
    offer: str = "",
) -> OrderDetail:
    """Order one product as the buyer saw it, and get the code to pay it with.

    `offer` is the version that was shown (ProductOffer.offer); without it only the price is held against what was seen.

    The same request_id orders once. An unpaid order of the same offer with time left is returned instead of a
    second one; one that is stale is closed at the provider first, and if it turns out to be paid it is the answer.
    `pay` is None while another request is at the provider for the same order.

    Raises GatewayUnknown, GatewayUnavailable (the order is kept; repeat the request), ShopClosed, ProductNotFound,
    ProductNotOnSale, OfferChanged, PriceChanged, MemberFrozen of accounts, RateLimited, IdempotencyKeyReused.
    """
    provider = gateways.for_code(gateway)
    if not switches.is_on("orders.enabled"):
        raise ShopClosed
    accounts.limit_member(
        user_id=user_id,
        scope=ListScope.PAY,
        act="orders.place",
        limit=rules.ORDERS_PER_MINUTE,
        window=timedelta(minutes=1),
        now=now,
    )
    wanted = _OrderRequest(
        user_id=user_id,
        product_id=product_id,
        gateway=gateway,
        expected_amount_fen=expected_amount_fen,
        offer=offer,
        request_id=request_id,
    )
    found = _claim(wanted, provider, now)
    if not found.is_usable:
        cancelling.settle_or_close(order_id=found.order_id, reason="replaced by a new order", now=now)
        former = selectors.find_order(user_id=user_id, order_id=found.order_id)
        if former.state is not OrderState.CLOSED:
            return former
        found = _claim(wanted, provider, now)
        if not found.is_usable:
            raise IllegalTransition(current="open", target="open")
    payment_codes.open_for_payment(order_id=found.order_id, now=now)
    return selectors.find_order(user_id=user_id, order_id=found.order_id)


def _claim(wanted: _OrderRequest, provider: Gateway, now: datetime) -> _Found:
    """Find or make the row for a wanted, before anybody talks to the provider."""
    with transaction.atomic():
        accounts.hold_active(user_id=wanted.user_id, scope=ListScope.PAY, now=now)
        if (found := _of_request(wanted)) is not None:
            return found
        product = Product.objects.filter(pk=wanted.product_id).first()
        if product is None:
            raise ProductNotFound
        if not product.is_on_sale or not rules.is_sellable(product):
            raise ProductNotOnSale
        # One reading of the product is compared and kept: whatever an operator saves meanwhile, both are the same.
        _check_as_shown(wanted, product)
        snapshot = _snapshot(wanted, product, provider, now)
        if (found := _open_order(wanted, snapshot, now)) is not None:
            return found
        return _insert(wanted, snapshot, now)


def _check_as_shown(wanted: _OrderRequest, product: Product) -> None:
    present = rules.offer_of(product)
    if wanted.offer not in ("", present):
        raise OfferChanged(
            offer=present,
            title=product.title,
            amount_fen=product.amount_fen,
            quota_milli=product.quota_milli,
            entitlements=list(product.entitlements),
        )
    if product.amount_fen != wanted.expected_amount_fen:
        raise PriceChanged(amount_fen=product.amount_fen)


def _insert(wanted: _OrderRequest, snapshot: Order, now: datetime) -> _Found:
    try:
        with transaction.atomic():
            snapshot.save(force_insert=True)
    except IntegrityError:
        # A twin was faster; whichever constraint stopped us, its row is there now.
        found = _of_request(wanted) or _open_order(wanted, snapshot, now)
        if found is None:
            raise
        return found
    transitions.begin(snapshot, actor=_actor(snapshot), now=now)
    return _Found(snapshot.pk, is_usable=True)


def _of_request(wanted: _OrderRequest) -> _Found | None:
    row = Order.objects.filter(user_id=wanted.user_id, request_id=wanted.request_id).first()
    if row is None:
        return None
    is_another = (row.product_id, row.gateway) != (wanted.product_id, wanted.gateway)
    if is_another or wanted.offer not in ("", rules.offer_of(row)):
        raise IdempotencyKeyReused
    return _Found(row.pk, is_usable=True)


def _open_order(wanted: _OrderRequest, snapshot: Order, now: datetime) -> _Found | None:
    row = Order.objects.filter(
        user_id=wanted.user_id, product_id=wanted.product_id, gateway=wanted.gateway, state__in=OPEN_STATES
    ).first()
    if row is None:
        return None
    is_usable = rules.may_be_reused(
        state=OrderState(row.state), same_offer=_offer(row) == _offer(snapshot), expires_at=row.expires_at, now=now
    )
    return _Found(row.pk, is_usable)


def _offer(order: Order) -> tuple[str, ...]:
    return rules.offer_of(order), order.merchant_id, order.app_id


def _snapshot(wanted: _OrderRequest, product: Product, provider: Gateway, now: datetime) -> Order:
    order_id = new_id()
    return Order(
        id=order_id,
        user_id=wanted.user_id,
        product=product,
        gateway=wanted.gateway,
        title=product.title,
        amount_fen=product.amount_fen,
        currency=CURRENCY,
        quota_milli=product.quota_milli,
        entitlements=product.entitlements,
        merchant_id=provider.merchant_id,
        app_id=provider.app_id,
        out_trade_no=order_id.hex,
        request_id=wanted.request_id,
        # Whole seconds: that is what the provider is told, in every repeat.
        expires_at=(now + rules.LIFETIME).replace(microsecond=0),
        next_check_at=now + rules.PREPAY_LEASE,
        created_at=now,
    )


def _actor(order: Order) -> str:
    return f"member:{order.user_id}"
