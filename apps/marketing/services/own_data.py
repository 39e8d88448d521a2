"""What marketing knows about one person: told on request; it stays when they leave, under their id."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.kernel.ids import UserId
from apps.ledger import services as ledger
from apps.marketing.contracts import POINTS, DeliveryState, chances_asset
from apps.marketing.errors import PrizeOnItsWay
from apps.marketing.models import Delivery, Draw, ExchangeOrder, Participation, Rebate, SignIn

_CHUNK = 200


def export_points_entries(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """Every movement of the member's points, newest first."""
    yield from _statement(user_id, POINTS)


def export_chance_entries(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """Every movement of the member's draw chances, activity by activity, newest first."""
    seats = Participation.objects.filter(user_id=user_id).order_by("pk")
    for activity_id, title in seats.values_list("activity_id", "activity__title"):
        for entry in _statement(user_id, chances_asset(activity_id)):
            yield {"activity_id": activity_id, "activity": title, **entry}


def export_draws(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """The member's draws, oldest first, each with what recomputes it."""
    rows = Draw.objects.filter(user_id=user_id).select_related("prize", "odds", "activity").order_by("pk")
    for row in rows.iterator(_CHUNK):
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


def export_sign_ins(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """The days on which the member signed in for points, oldest first."""
    rows = SignIn.objects.filter(user_id=user_id).order_by("local_day")
    yield from rows.values("local_day", "streak", "created_at").iterator(_CHUNK)


def export_exchanges(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What the member bought with points, oldest first."""
    rows = ExchangeOrder.objects.filter(user_id=user_id).order_by("pk")
    fields = ("id", "title", "kind", "quantity", "unit_amount", "unit_points", "points_paid", "created_at")
    yield from rows.values(*fields).iterator(_CHUNK)


def export_rebates(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What the member was given for signing in, paying and joining, oldest first."""
    rows = Rebate.objects.filter(user_id=user_id).select_related("rule").order_by("pk")
    for row in rows.iterator(_CHUNK):
        yield {
            "id": row.pk,
            "rule": row.rule.title,
            "behaviour": row.rule.behaviour,
            "points": row.points,
            "chances": row.chances,
            "created_at": row.created_at,
        }


def check_no_prize_on_its_way(*, user_id: UserId) -> PrizeOnItsWay | None:
    """Why a member cannot leave yet: a prize is won and not handed over."""
    # A draw that is under way holds its seat; what it wins is seen after it.
    list(Participation.objects.select_for_update(of=("self",), no_key=True).filter(user_id=user_id))
    is_owed = Delivery.objects.filter(user_id=user_id, state=DeliveryState.PENDING).exists()
    return PrizeOnItsWay() if is_owed else None


def _statement(user_id: UserId, asset: str) -> Iterator[dict[str, Any]]:
    for entry in ledger.statement(account=ledger.user_account(user_id, asset)):
        yield {
            "id": entry.id,
            "amount": entry.amount,
            "kind": entry.kind,
            "balance_after": entry.balance_after,
            "created_at": entry.created_at,
        }
