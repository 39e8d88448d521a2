"""Reads and locks of odds."""

from uuid import UUID

from apps.marketing.campaigns.selectors import lock_activity, visible_activity
from apps.marketing.odds import errors, rules
from apps.marketing.odds.contracts import OddsState, PrizeOnShow, PrizeSpec, PublishedOdds
from apps.marketing.odds.models import OddsVersion, Prize
from apps.marketing.prizes.models import PrizeStock

# Published content by version id. It never changes, so nothing ever has to be thrown away.
_published: dict[UUID, PublishedOdds] = {}


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
        content=row.content,
        content_hash=row.content_hash,
        published_at=row.published_at,
    )
