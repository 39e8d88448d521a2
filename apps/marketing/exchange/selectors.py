"""Reads of what is on offer."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts import services as accounts
from apps.kernel import offers
from apps.kernel.ids import UserId
from apps.marketing.campaigns.contracts import ActivityState
from apps.marketing.exchange import errors, rules
from apps.marketing.exchange.contracts import ExchangeOffer
from apps.marketing.exchange.models import ExchangeItem, ExchangeTally
from apps.marketing.exchange.registries import ITEMS


def exchange_offers(*, user_id: UserId, now: datetime) -> list[ExchangeOffer]:
    """What points buy now, cheapest first, with what is left for this member."""
    items = list(_active_items(now).order_by("price_points", "pk"))
    tallies = ExchangeTally.objects.filter(
        person_id=accounts.person_of(user_id=user_id), item__in=[item.pk for item in items]
    )
    bought = dict(tallies.values_list("item_id", "bought"))
    return [_offer(item, bought.get(item.pk, 0)) for item in items]


def active_item(*, item_id: UUID, now: datetime) -> ExchangeItem:
    """An item on offer. Raises ItemNotFound."""
    item = _active_items(now).filter(pk=item_id).first()
    if item is None:
        raise errors.ItemNotFound(item_id=str(item_id))
    return item


def _active_items(now: datetime) -> QuerySet[ExchangeItem]:
    """Chances of a draft, or of an activity that is over, are not sold: they could not be used (is_worth_chances).

    Nor is a kind that nobody stands for: I-02-codes names it.
    """
    closed = Q(activity__state__in=[ActivityState.DRAFT, ActivityState.ENDED]) | Q(activity__ends_at__lte=now)
    known = [kind.code for kind in ITEMS]
    return ExchangeItem.objects.filter(Q(activity=None) | ~closed, is_active=True, kind__in=known)


def offer_version(item: ExchangeItem) -> str:
    """The version of what a member spends points on. Stock and limits are no part of it; they refuse by themselves."""
    return offers.version_of(
        title=item.title,
        kind=item.kind,
        amount=item.amount,
        price_points=item.price_points,
        activity=str(item.activity_id) if item.activity_id else None,
    )


def _offer(item: ExchangeItem, bought: int) -> ExchangeOffer:
    return ExchangeOffer(
        id=item.id,
        code=item.code,
        title=item.title,
        kind=item.kind,
        amount=item.amount,
        price_points=item.price_points,
        activity_id=item.activity_id,
        offer=offer_version(item),
        stock_left=None if item.stock is None else item.stock - item.sold,
        left_for_member=rules.left_for_member(item.member_limit, bought=bought),
    )
