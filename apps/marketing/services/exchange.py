"""What points buy: chances and quota, in one transaction."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.chat import services as chat
from apps.kernel import audit
from apps.kernel.db import is_unique_violation
from apps.kernel.ids import UserId
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from apps.marketing import errors, rules, selectors
from apps.marketing.contracts import POINTS, ExchangeReceipt, ItemKind
from apps.marketing.models import ExchangeItem, ExchangeOrder, ExchangeTally
from apps.marketing.services.saving import save
from apps.marketing.services.seats import give_chances


def exchange(
    *,
    user_id: UserId,
    item_id: UUID,
    quantity: int,
    request_id: str,
    now: datetime,
    expected_price: int | None = None,
) -> ExchangeReceipt:
    """Buy `quantity` of one item with points; the same request_id buys once.

    `expected_price` is what the member was shown, in points for one; it can only refuse.

    Raises QuantityInvalid, accounts.MemberFrozen, ItemNotFound, RequestReused, PriceChanged, ItemLimitReached,
    ItemSoldOut, NotEnoughPoints; nothing has changed then.
    """
    rules.check_quantity(quantity)
    first = _first_receipt(user_id=user_id, item_id=item_id, quantity=quantity, request_id=request_id)
    if first is not None:
        return first
    accounts.require_active(user_id=user_id, scope=ListScope.DRAW, now=now)
    # The price of this reading is the price that is taken, whatever an operator saves meanwhile.
    item = selectors.active_item(item_id=item_id, now=now)
    if expected_price not in (None, item.price_points):
        raise errors.PriceChanged(price_points=item.price_points)
    try:
        with transaction.atomic():
            order = _order(user_id=user_id, item=item, quantity=quantity, request_id=request_id, now=now)
            _count_for_member(user_id=user_id, item=item, quantity=quantity, now=now)
            _take_points(order, now)
            _hand_over(order, now)
            # Last: everybody who buys this item waits for this row.
            _take_stock(item, quantity)
    except IntegrityError as error:
        if not is_unique_violation(error, "marketing_exchangeorder_once_per_request", ("user_id", "request_id")):
            raise
        twin = _first_receipt(user_id=user_id, item_id=item_id, quantity=quantity, request_id=request_id)
        if twin is None:
            raise
        return twin
    return _receipt(order)


def save_exchange_item(
    *,
    code: str,
    title: str,
    kind: str,
    amount: int,
    price_points: int,
    activity_id: UUID | None = None,
    stock: int | None = None,
    member_limit: int | None = None,
    is_active: bool = True,
    now: datetime,
    actor: str = audit.SYSTEM,
    reason: str = "set-up",
) -> UUID:
    """Create the item with this code, or bring it to these values; returns its id.

    Raises ReasonMissing, StockBelowSold.
    """

    def check(item: ExchangeItem) -> None:
        if stock is not None and stock < item.sold:
            raise errors.StockBelowSold(sold=item.sold, stock=stock)

    values = {
        "title": title,
        "kind": kind,
        "amount": amount,
        "price_points": price_points,
        "activity_id": activity_id,
        "stock": stock,
        "member_limit": member_limit,
        "is_active": is_active,
    }
    item = save(ExchangeItem, key={"code": code}, values=values, actor=actor, reason=reason, now=now, check=check)
    return item.id


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


def _count_for_member(*, user_id: UserId, item: ExchangeItem, quantity: int, now: datetime) -> None:
    tally = ExchangeTally(user_id=user_id, item=item, created_at=now)
    ExchangeTally.objects.bulk_create([tally], ignore_conflicts=True)
    within = Q() if item.member_limit is None else Q(bought__lte=item.member_limit - quantity)
    mine = ExchangeTally.objects.filter(user_id=user_id, item=item)
    if not mine.filter(within).update(bought=F("bought") + quantity):
        raise errors.ItemLimitReached(item_id=str(item.id), limit=item.member_limit or 0)


def _take_points(order: ExchangeOrder, now: datetime) -> None:
    try:
        ledger.transfer(
            debit=ledger.user_account(UserId(order.user_id), POINTS),
            credit=ledger.system_account("revenue", POINTS),
            amount=order.points_paid,
            kind="exchange",
            cause=Cause("marketing.exchange", str(order.id)),
            leg="price",
            now=now,
        )
    except ledger.InsufficientFunds:
        raise errors.NotEnoughPoints(needed=order.points_paid) from None


def _hand_over(order: ExchangeOrder, now: datetime) -> None:
    user_id = UserId(order.user_id)
    cause = Cause("marketing.exchange", str(order.id))
    amount = order.unit_amount * order.quantity
    if order.kind == ItemKind.QUOTA:
        chat.grant_quota(user_id=user_id, amount_milli=amount, kind="exchange", cause=cause, now=now)
    elif order.activity_id:
        give_chances(
            user_id=user_id, activity_id=order.activity_id, amount=amount, kind="exchange", cause=cause, now=now
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
        raise errors.RequestReused
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
