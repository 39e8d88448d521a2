"""What a member takes away of their draws."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.kernel.ids import UserId
from apps.marketing.draws.models import Draw

_CHUNK = 200


def export_draws(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """The member's draws, oldest first, each with what recomputes it."""
    rows = (
        Draw.objects.filter(user_id=user_id)
        .select_related("prize", "odds", "activity")
        .defer("odds__content")
        .order_by("pk")
    )
    for row in rows.order_by("pk").iterator(_CHUNK):
        yield {
            "id": row.pk,
            "activity": row.activity.title,
            "prize": row.prize.title,
            "kind": row.prize.kind,
            "amount": row.prize.amount,
            "fallback_reason": row.fallback_reason,
            "odds_version_id": row.odds_id,
            "roll": row.roll,
            "declared_total": row.odds.declared_total,
            "server_seed": row.server_seed,
            "client_seed": row.client_seed,
            "nonce": row.nonce,
            "created_at": row.created_at,
        }
