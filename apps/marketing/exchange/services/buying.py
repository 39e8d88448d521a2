"""What points buy, in one transaction."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.kernel import clock
from apps.kernel.errors import DomainError, IdempotencyKeyReused, OfferChanged
from apps.kernel.ids import PersonId, UserId
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from apps.marketing.exchange import errors, rules, selectors
from apps.marketing.exchange.contracts import ExchangeReceipt
from apps.marketing.exchange.models import ExchangeItem, ExchangeOrder, ExchangeTally
from apps.marketing.exchange.registries import ITEMS
from apps.marketing.points.services import take_points
from apps.marketing.prizes.registries import Handover


def exchange(
    *,
    user_id: UserId,
    item_id: UUID,
    quantity: int,
    request_id: str,
    now: datetime,
    expected_price_points: int | None = None,
    offer: str = "",
) -> ExchangeReceipt:
    """Buy `quantity` of one item with points; the same request_id buys once.

    `offer` is the version that the member was shown (ExchangeOffer.offer), `expected_price_points` its price; both
    can only refuse. An exchange that waited for its turn until its item was off, or its activity over, is too late.

    Raises QuantityInvalid, accounts.MemberFrozen, ItemNotFound, IdempotencyKeyReused, OfferChanged, PriceChanged,
    ItemLimitReached, ItemSoldOut, NotEnoughPoints; nothing has changed then.
    """
    rules.check_quantity(quantity)
    # `now`, and running: a request may wait long for its member, and for the item's stock.
    running = clock.running_from(now)
    try:
        with transaction.atomic():
            person_id = accounts.hold_active(user_id=user_id, scope=ListScope.DRAW, now=now)
            # The item of this reading is what is sold, unless it is taken off before this request's turn.
            item = selectors.active_item(item_id=item_id, now=running())
            _check_as_shown(item, offer=offer, expected_price_points=expected_price_points)
            order = _order(user_id=user_id, item=item, quantity=quantity, request_id=request_id, now=now)
            _count_for_person(person_id=person_id, item=item, quantity=quantity, now=now)
            _take_points(order, now)
            _hand_over(order, now)
            # Last: everybody who buys this item waits for this row.
            _take_stock(item, quantity)
            selectors.active_item(item_id=item_id, now=running())
    except (DomainError, IntegrityError):
        # A repeat fails on the way (no points left, or the unique key): its first result is the answer.
        first = _first_receipt(user_id=user_id, item_id=item_id, quantity=quantity, request_id=request_id)
        if first is None:
            raise
        return first
    return _receipt(order)


def _check_as_shown(item: ExchangeItem, *, offer: str, expected_price_points: int | None) -> None:
    present = selectors.offer_version(item)
    if offer not in ("", present):
        raise OfferChanged(
            offer=present, title=item.title, kind=item.kind, amount=item.amount, price_points=item.price_points
        )
    if expected_price_points not in (None, item.price_points):
        raise errors.PriceChanged(price_points=item.price_points)


def _order(*, user_id: UserId, item: ExchangeItem, quantity: int, request_id: str, now: datetime) -> ExchangeOrder:
    """Write the order first: a twin request waits on its unique key until this one is committed or gone."""
    return ExchangeOrder.objects.create(
        user_id=user_id,
        item=item,
        request_id=request_id,
        quantity=quantity,
        unit_points=item.price_points,
        unit_amount=item.amount,
        points_paid=item.price_points * quantity,
        title=item.title,
        kind=item.kind,
        activity_id=item.activity_id,
        created_at=now,
    )


def _count_for_person(*, person_id: PersonId, item: ExchangeItem, quantity: int, now: datetime) -> None:
    tally = ExchangeTally(person_id=person_id, item=item, created_at=now)
    ExchangeTally.objects.bulk_create([tally], ignore_conflicts=True)
    most = rules.most_bought_before(item.member_limit, quantity=quantity)
    within = Q() if most is None else Q(bought__lte=most)
    mine = ExchangeTally.objects.filter(person_id=person_id, item=item)
    if not mine.filter(within).update(bought=F("bought") + quantity):
        raise errors.ItemLimitReached(item_id=str(item.id), limit=item.member_limit or 0)


def _take_points(order: ExchangeOrder, now: datetime) -> None:
    try:
        take_points(
            user_id=UserId(order.user_id),
            amount=order.points_paid,
            sink="revenue",
            kind="exchange",
            cause=Cause("marketing.exchange", str(order.id)),
            leg="price",
            now=now,
        )
    except ledger.InsufficientFunds:
        raise errors.NotEnoughPoints(needed=order.points_paid) from None


def _hand_over(order: ExchangeOrder, now: datetime) -> None:
    ITEMS[order.kind].deliver(
        Handover(
            user_id=UserId(order.user_id),
            amount=order.unit_amount * order.quantity,
            activity_id=order.activity_id,
            word="exchange",
            cause=Cause("marketing.exchange", str(order.id)),
            now=now,
        )
    )


def _take_stock(item: ExchangeItem, quantity: int) -> None:
    enough = Q(stock=None) | Q(sold__lte=F("stock") - quantity)
    if not ExchangeItem.objects.filter(enough, pk=item.pk).update(sold=F("sold") + quantity):
        raise errors.ItemSoldOut(item_id=str(item.id))


def _first_receipt(*, user_id: UserId, item_id: UUID, quantity: int, request_id: str) -> ExchangeReceipt | None:
    order = ExchangeOrder.objects.filter(user_id=user_id, request_id=request_id).first()
    if order is None:
        return None
    if (order.item_id, order.quantity) != (item_id, quantity):
        raise IdempotencyKeyReused
    return _receipt(order)


def _receipt(order: ExchangeOrder) -> ExchangeReceipt:
    return ExchangeReceipt(
        id=order.id,
        item_id=order.item_id,
        title=order.title,
        kind=order.kind,
        amount=order.unit_amount * order.quantity,
        quantity=order.quantity,
        points_paid=order.points_paid,
        created_at=order.created_at,
    )
