"""Marketing's reads and row locks. A member's rows are reached through the member: somebody else's do not exist."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.kernel import clock
from apps.kernel.ids import UserId
from apps.kernel.paging import Page, page_of
from apps.marketing import errors, rules
from apps.marketing.contracts import (
    ActivityDetail,
    ActivityState,
    Behaviour,
    DrawResult,
    ExchangeOffer,
    Limits,
    OddsState,
    PrizeKind,
    PrizeOnShow,
    PrizeSpec,
    Proof,
    PublishedOdds,
    SignInMonth,
)
from apps.marketing.models import (
    Activity,
    Delivery,
    Draw,
    ExchangeItem,
    ExchangeTally,
    OddsVersion,
    Participation,
    Prize,
    PrizeStock,
    RebateRule,
    SignIn,
    Stage,
)

# Published content by version id. It never changes, so nothing ever has to be thrown away.
_published: dict[UUID, PublishedOdds] = {}


# Activities ---------------------------------------------------------------------------------------


def activity_detail(row: Activity) -> ActivityDetail:
    """A row as the outside sees it."""
    return ActivityDetail(
        id=row.id,
        code=row.code,
        title=row.title,
        subtitle=row.subtitle,
        state=row.state,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        time_zone=row.time_zone,
        limits=limits_of(row),
        odds_version_id=row.odds_id,
    )


def limits_of(row: Activity) -> Limits:
    """How often one member may draw."""
    return Limits(total=row.limit_total, day=row.limit_day, month=row.limit_month)


def visible_activity(*, activity_id: UUID) -> ActivityDetail:
    """An activity that members may see, in any state but draft. Raises ActivityNotFound."""
    row = Activity.objects.filter(pk=activity_id).exclude(state=ActivityState.DRAFT).first()
    if row is None:
        raise errors.ActivityNotFound(activity_id=str(activity_id))
    return activity_detail(row)


def staged_activity(*, channel: str, source: str) -> ActivityDetail:
    """The activity on show at a place. Raises StageNotFound, also while that activity is a draft."""
    stage = Stage.objects.select_related("activity").filter(channel=channel, source=source).first()
    if stage is None or stage.activity.state == ActivityState.DRAFT:
        raise errors.StageNotFound(channel=channel, source=source)
    return activity_detail(stage.activity)


def lock_activity(*, activity_id: UUID) -> Activity:
    """Lock an activity for an operator's change. Raises ActivityNotFound."""
    row = Activity.objects.select_for_update(of=("self",), no_key=True).filter(pk=activity_id).first()
    if row is None:
        raise errors.ActivityNotFound(activity_id=str(activity_id))
    return row


# Odds ---------------------------------------------------------------------------------------------


def prize_spec(row: Prize) -> PrizeSpec:
    """A row as the rules see it."""
    return PrizeSpec(
        id=row.id,
        position=row.position,
        title=row.title,
        kind=row.kind,
        amount=row.amount,
        weight=row.weight,
        is_fallback=row.is_fallback,
        stock_id=row.stock_id,
    )


def lock_odds(*, version_id: UUID) -> OddsVersion:
    """Lock an odds version for an operator's change, with its activity. Raises OddsNotFound.

    The activity comes first, because whoever writes a new draft has nothing else to lock yet.
    """
    # Read without a lock: a version never moves to another activity.
    activity_id = OddsVersion.objects.filter(pk=version_id).values_list("activity_id", flat=True).first()
    if activity_id is None:
        raise errors.OddsNotFound(version=str(version_id))
    activity = lock_activity(activity_id=activity_id)
    row = OddsVersion.objects.select_for_update(of=("self",), no_key=True).get(pk=version_id)
    row.activity = activity
    return row


def prizes_of(version_id: UUID) -> list[PrizeSpec]:
    """The prizes of any version, by position."""
    return [prize_spec(row) for row in Prize.objects.filter(odds_id=version_id).order_by("position")]


def published_odds(*, version_id: UUID) -> PublishedOdds:
    """Published content, from this process's memory after the first read. Raises OddsNotFound."""
    found = _published.get(version_id)
    if found is None:
        found = _published[version_id] = _read_published(version_id)
    return found


def current_odds(*, activity_id: UUID) -> PublishedOdds:
    """What the activity draws by now. Raises ActivityNotFound, OddsNotFound."""
    activity = visible_activity(activity_id=activity_id)
    if activity.odds_version_id is None:
        raise errors.OddsNotFound(activity_id=str(activity_id))
    return published_odds(version_id=activity.odds_version_id)


def prizes_on_show(*, activity_id: UUID) -> list[PrizeOnShow]:
    """The prizes of the nine-grid by position, with what is left of limited ones.

    Raises ActivityNotFound, OddsNotFound.
    """
    odds = current_odds(activity_id=activity_id)
    stock_ids = {prize.stock_id for prize in odds.prizes if prize.stock_id}
    left = {row.pk: row.total - row.issued for row in PrizeStock.objects.filter(pk__in=stock_ids)}
    return [
        PrizeOnShow(
            id=prize.id,
            position=prize.position,
            title=prize.title,
            kind=prize.kind,
            amount=prize.amount,
            stock_left=left.get(prize.stock_id) if prize.stock_id else None,
        )
        for prize in odds.prizes
    ]


def _read_published(version_id: UUID) -> PublishedOdds:
    row = OddsVersion.objects.filter(pk=version_id).exclude(state=OddsState.DRAFT).first()
    if row is None or row.published_at is None:
        raise errors.OddsNotFound(version=str(version_id))
    prizes, bounds = rules.build_table(prizes_of(version_id))
    return PublishedOdds(
        version_id=row.id,
        activity_id=row.activity_id,
        number=row.number,
        declared_total=row.declared_total,
        prizes=prizes,
        bounds=bounds,
        fallback=next(prize for prize in prizes if prize.is_fallback),
        content=rules.canonical_content(prizes, activity_id=row.activity_id, declared_total=row.declared_total),
        content_hash=row.content_hash,
        published_at=row.published_at,
    )


# Draws --------------------------------------------------------------------------------------------


def lock_participation(*, user_id: UserId, activity_id: UUID) -> Participation | None:
    """Lock one member's seat in an activity and read the activity, in one statement."""
    rows = Participation.objects.select_for_update(of=("self",), no_key=True).select_related("activity")
    return rows.filter(user_id=user_id, activity_id=activity_id).first()


def draws_of_request(*, user_id: UserId, request_id: str) -> list[Draw]:
    """The draws that one request made, in order."""
    rows = Draw.objects.filter(user_id=user_id, request_id=request_id).select_related("prize", "odds")
    return list(rows.order_by("ordinal"))


def draws_page(*, user_id: UserId, cursor: str | None, size: int, won_only: bool) -> Page[DrawResult]:
    """A member's draws, newest first; with `won_only` those that won something."""
    rows = Draw.objects.filter(user_id=user_id).select_related("prize", "odds")
    if won_only:
        rows = rows.exclude(prize__kind=PrizeKind.NOTHING)
    page = page_of(rows, cursor, size)
    results = {result.id: result for result in draw_results(page.items)}
    return page.map(lambda row: results[row.id])


def draw_of(*, user_id: UserId, draw_id: UUID) -> DrawResult:
    """One draw of this member. Raises DrawNotFound."""
    row = Draw.objects.filter(user_id=user_id, pk=draw_id).select_related("prize", "odds").first()
    if row is None:
        raise errors.DrawNotFound(draw_id=str(draw_id))
    return draw_results([row])[0]


def draw_results(rows: Sequence[Draw]) -> list[DrawResult]:
    """Rows (with prize and odds) as the member sees them, with the state of their deliveries."""
    states = dict(Delivery.objects.filter(draw__in=[row.pk for row in rows]).values_list("draw_id", "state"))
    return [draw_result(row, prize_spec(row.prize), row.odds.declared_total, states[row.id]) for row in rows]


def draw_result(row: Draw, prize: PrizeSpec, declared_total: int, delivery_state: str) -> DrawResult:
    """One row as the member sees it."""
    return DrawResult(
        id=row.id,
        activity_id=row.activity_id,
        prize_id=prize.id,
        title=prize.title,
        kind=prize.kind,
        amount=prize.amount,
        position=prize.position,
        rolled_prize_id=row.rolled_prize_id,
        fallback_reason=row.fallback_reason,
        delivery_state=delivery_state,
        proof=Proof(
            version_id=row.odds_id,
            server_seed=row.server_seed,
            server_seed_hash=rules.seed_hash(row.server_seed),
            client_seed=row.client_seed,
            nonce=row.nonce,
            roll=row.roll,
            declared_total=declared_total,
        ),
        created_at=row.created_at,
    )


def latest_wins(*, activity_id: UUID, limit: int) -> list[tuple[UserId, str, datetime]]:
    """The newest draws of an activity that won something: member, prize title, time."""
    rows = Draw.objects.filter(activity_id=activity_id).exclude(prize__kind=PrizeKind.NOTHING)
    newest = rows.select_related("prize").order_by("-pk")[:limit]
    return [(UserId(row.user_id), row.prize.title, row.created_at) for row in newest]


# Sign-in, rebates, exchange -----------------------------------------------------------------------


def last_sign_in(*, user_id: UserId) -> SignIn | None:
    """The member's newest sign-in."""
    return SignIn.objects.filter(user_id=user_id).order_by("-local_day").first()


def signed_in_days(*, user_id: UserId, first: date, before: date) -> frozenset[date]:
    """The days of a span on which the member signed in."""
    rows = SignIn.objects.filter(user_id=user_id, local_day__gte=first, local_day__lt=before)
    return frozenset(rows.values_list("local_day", flat=True))


def sign_in_month(*, user_id: UserId, month: str, today: date) -> SignInMonth:
    """A month (YYYY-MM) of sign-ins. Raises MonthInvalid."""
    first, after = rules.month_of(month)
    last = last_sign_in(user_id=user_id)
    return SignInMonth(
        month=month,
        days=tuple(sorted(signed_in_days(user_id=user_id, first=first, before=after))),
        today=today,
        signed_in_today=last is not None and last.local_day == today,
        streak=living_streak(last, today),
    )


def living_streak(last: SignIn | None, today: date) -> int:
    """The run of days that is alive today; 0 when it is broken."""
    return rules.living_streak(
        today=today, last_day=last.local_day if last else None, last_streak=last.streak if last else 0
    )


def week_before(today: date) -> list[date]:
    """The seven days that end today, oldest first."""
    return [today - timedelta(days=back) for back in range(6, -1, -1)]


def active_rules(*, behaviour: Behaviour) -> list[RebateRule]:
    """The rules that reward a behaviour now, oldest first."""
    rows = RebateRule.objects.filter(behaviour=behaviour, is_active=True)
    return list(rows.select_related("activity").order_by("pk"))


def exchange_offers(*, user_id: UserId, now: datetime) -> list[ExchangeOffer]:
    """What points buy now, cheapest first, with what is left for this member."""
    items = list(_active_items(now).order_by("price_points", "pk"))
    bought = dict(
        ExchangeTally.objects.filter(user_id=user_id, item__in=[item.pk for item in items]).values_list(
            "item_id", "bought"
        )
    )
    return [_offer(item, bought.get(item.pk, 0)) for item in items]


def active_item(*, item_id: UUID, now: datetime) -> ExchangeItem:
    """An item on offer. Raises ItemNotFound."""
    item = _active_items(now).filter(pk=item_id).first()
    if item is None:
        raise errors.ItemNotFound(item_id=str(item_id))
    return item


def _active_items(now: datetime) -> QuerySet[ExchangeItem]:
    """Chances of an activity that is over are no longer sold: they could not be used."""
    over = Q(activity__state=ActivityState.ENDED) | Q(activity__ends_at__lte=now)
    return ExchangeItem.objects.filter(Q(activity=None) | ~over, is_active=True)


def _offer(item: ExchangeItem, bought: int) -> ExchangeOffer:
    return ExchangeOffer(
        id=item.id,
        code=item.code,
        title=item.title,
        kind=item.kind,
        amount=item.amount,
        price_points=item.price_points,
        activity_id=item.activity_id,
        stock_left=None if item.stock is None else item.stock - item.sold,
        left_for_member=None if item.member_limit is None else max(item.member_limit - bought, 0),
    )


def stocks_of(*, activity_id: UUID) -> frozenset[UUID]:
    """The ids of the stocks that an activity owns."""
    return frozenset(PrizeStock.objects.filter(activity_id=activity_id).values_list("pk", flat=True))


def today_in(activity: Activity, now: datetime) -> date:
    """The local day of an activity."""
    return clock.local_date(now, activity.time_zone)
