"""Reads of stocks."""

from uuid import UUID

from apps.marketing.prizes.models import PrizeStock


def stocks_of(*, activity_id: UUID) -> dict[UUID, int]:
    """The stocks that an activity owns, by their ids, with what is left of each."""
    rows = PrizeStock.objects.filter(activity_id=activity_id)
    return {row.pk: row.total - row.issued for row in rows}
