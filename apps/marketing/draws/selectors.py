"""Reads of draws. A member's rows are reached through the member: somebody else's do not exist."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.kernel.ids import UserId
from apps.kernel.paging import Page, page_of
from apps.marketing.draws import errors
from apps.marketing.draws.contracts import DrawResult, Proof
from apps.marketing.draws.models import Draw
from apps.marketing.odds.contracts import PrizeSpec
from apps.marketing.odds.selectors import prize_spec
from apps.marketing.prizes.contracts import NOTHING
from apps.marketing.prizes.models import Delivery
from apps.marketing.seats.rules import seed_hash


def _draws() -> QuerySet[Draw]:
    """With what a result shows; the published text, a kilobyte, is asked for by its version."""
    return Draw.objects.select_related("prize", "odds").defer("odds__content")


def draws_of_request(*, user_id: UserId, request_id: str) -> list[Draw]:
    """The draws that one request made, in order."""
    rows = _draws().filter(user_id=user_id, request_id=request_id)
    return list(rows.order_by("ordinal"))


def draws_page(*, user_id: UserId, cursor: str | None, size: int, won_only: bool) -> Page[DrawResult]:
    """A member's draws, newest first; with `won_only` those that won something."""
    rows = _draws().filter(user_id=user_id)
    if won_only:
        rows = rows.exclude(prize__kind=NOTHING)
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
            server_seed_hash=seed_hash(row.server_seed),
            client_seed=row.client_seed,
            nonce=row.nonce,
            roll=row.roll,
            declared_total=declared_total,
        ),
        created_at=row.created_at,
    )


def latest_wins(*, activity_id: UUID, limit: int) -> list[tuple[UserId, str, datetime]]:
    """The newest draws of an activity that won something: member, prize title, time."""
    rows = Draw.objects.filter(activity_id=activity_id).exclude(prize__kind=NOTHING)
    newest = rows.select_related("prize").order_by("-pk")[:limit]
    return [(UserId(row.user_id), row.prize.title, row.created_at) for row in newest]
