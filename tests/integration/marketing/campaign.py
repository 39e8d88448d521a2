"""A small campaign that the marketing tests run: one live activity, and shortcuts to chances, points and audits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction

from apps.kernel.ids import UserId
from apps.kernel.invariants import all_invariants
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause, Purse
from apps.marketing import services
from apps.marketing.contracts import (
    POINTS,
    ActivityDetail,
    ActivityState,
    DrawReceipt,
    Limits,
    PrizeDraft,
    chances_asset,
)

# Noon in Shanghai.
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
NO_LIMITS = Limits()

QUOTA = PrizeDraft(position=0, title="5 credits", kind="quota", amount=5000, weight=1)
POINTS_PRIZE = PrizeDraft(position=1, title="20 points", kind="points", amount=20, weight=2)
THANKS = PrizeDraft(position=2, title="Thank you", kind="nothing", weight=7, is_fallback=True)
PRIZES = (QUOTA, POINTS_PRIZE, THANKS)


def activity(
    prizes: Sequence[PrizeDraft] = PRIZES,
    *,
    limits: Limits = NO_LIMITS,
    time_zone: str = "Asia/Shanghai",
    state: ActivityState = ActivityState.LIVE,
) -> ActivityDetail:
    """An activity around NOON with published odds, in the given state."""
    made = services.save_activity(
        code=f"campaign-{uuid4().hex[:8]}",
        title="Autumn draw",
        subtitle="Every chat counts",
        starts_at=NOON - timedelta(days=20),
        ends_at=NOON + timedelta(days=20),
        time_zone=time_zone,
        limits=limits,
        now=NOON - timedelta(days=30),
    )
    publish(made.id, prizes)
    steps = {
        ActivityState.DRAFT: [],
        ActivityState.LIVE: [ActivityState.LIVE],
        ActivityState.PAUSED: [ActivityState.LIVE, ActivityState.PAUSED],
        ActivityState.ENDED: [ActivityState.ENDED],
    }
    for step in steps[state]:
        made = set_state(made.id, step)
    return made


def publish(activity_id: UUID, prizes: Sequence[PrizeDraft]) -> UUID:
    """Publish these prizes; returns the version."""
    draft = services.save_draft(
        activity_id=activity_id, declared_total=sum(prize.weight for prize in prizes), prizes=prizes, now=NOON
    )
    published = services.publish_odds(
        version_id=draft.id, actor="system", reason="set-up", now=NOON - timedelta(days=25)
    )
    return published.id


def set_state(activity_id: UUID, state: ActivityState) -> ActivityDetail:
    """Start, pause or end an activity."""
    return services.set_activity_state(activity_id=activity_id, state=state, actor="system", reason="set-up", now=NOON)


def sure(prize: PrizeDraft, activity_id: UUID, *, stock: int | None = None) -> tuple[PrizeDraft, ...]:
    """Odds that lead to one prize almost always: 999 999 999 of a thousand million."""
    stock_id = None
    if stock is not None:
        stock_id = services.save_stock(activity_id=activity_id, code=uuid4().hex[:8], total=stock, now=NOON).id
    return (
        replace(prize, position=0, weight=999_999_999, stock_id=stock_id),
        replace(THANKS, position=1, weight=1),
    )


def give_chances(user_id: UserId, activity_id: UUID, amount: int = 1) -> None:
    """Chances out of thin air, with the seat to use them from."""
    with transaction.atomic():
        services.give_chances(
            user_id=user_id, activity_id=activity_id, amount=amount, kind="gift", cause=_gift(), now=NOON
        )


def give_points(user_id: UserId, amount: int, *, ends_at: datetime | None = None) -> None:
    """Points out of thin air."""
    with transaction.atomic():
        ledger.grant(
            account=ledger.user_account(user_id, POINTS),
            amount=amount,
            purse=Purse.GIFT,
            kind="gift",
            cause=_gift(),
            ends_at=ends_at,
            now=NOON,
        )


def draw(
    user_id: UserId,
    activity_id: UUID,
    *,
    count: int = 1,
    client_seed: str = "",
    request_id: str | None = None,
    odds_version: UUID | None = None,
    now: datetime = NOON,
) -> DrawReceipt:
    """One draw request, by default a new one."""
    return services.draw(
        user_id=user_id,
        activity_id=activity_id,
        count=count,
        client_seed=client_seed,
        request_id=request_id or uuid4().hex,
        odds_version=odds_version,
        now=now,
    )


def available(user_id: UserId, asset: str) -> int:
    """What the member can spend of an asset."""
    return ledger.balance(account=ledger.user_account(user_id, asset)).available


def chances(user_id: UserId, activity_id: UUID) -> int:
    """The chances that the member has left."""
    return available(user_id, chances_asset(activity_id))


def breaches(now: datetime = NOON) -> list[str]:
    """What the audit finds, except what is still on its way, and that the events of today follow NOON.

    Nor does it ask for the schema, half of its time: nobody here takes a constraint away.
    """
    return [
        f"{check.number} {breach.subject}: {breach.detail}"
        for check in all_invariants()
        if check.number not in {"I-02-rows", "I-02-schema", "I-29", "I-46", "I-52", "I-65"}
        for breach in check.check(now)
    ]


def _gift() -> Cause:
    return Cause("test.gift", uuid4().hex)
