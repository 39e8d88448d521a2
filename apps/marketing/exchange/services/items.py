"""What operators offer for points."""

from datetime import datetime
from uuid import UUID

from apps.kernel import audit, configuration
from apps.marketing.exchange import errors, rules
from apps.marketing.exchange.models import ExchangeItem
from apps.marketing.exchange.registries import ITEMS
from apps.marketing.prizes.rules import check_amounts


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

    Raises ReasonMissing, CodeUnknown, AmountNotDeliverable, StockBelowSold, and what keeps the kind
    from being offered (ChancesNotUsable).
    """
    offered = ITEMS[kind]
    check_amounts(rules.ITEM_BOUNDS, amount=amount, price_points=price_points)
    if is_active:
        offered.check_offer(activity_id=activity_id, now=now)

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
    item = configuration.save(
        ExchangeItem, key={"code": code}, values=values, actor=actor, reason=reason, now=now, check=check
    )
    return item.id
