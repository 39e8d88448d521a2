"""The draw: one transaction from a chance to a recorded result. Its steps and their order: docs/algorithms/draw.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.kernel import clock, outbox, switches
from apps.kernel.errors import DomainError
from apps.kernel.ids import UserId, new_id
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from apps.marketing import errors, rules, selectors
from apps.marketing.contracts import (
    Counters,
    DeliveryState,
    DrawReceipt,
    FallbackReason,
    PrizeKind,
    PrizeSpec,
    PublishedOdds,
    chances_asset,
)
from apps.marketing.events import PrizeWon
from apps.marketing.models import Delivery, Draw, Participation, PrizeStock
from apps.marketing.services.seats import counters_of, new_seed, take_seat


@dataclass(frozen=True, kw_only=True)
class _Request:
    user_id: UserId
    activity_id: UUID
    count: int
    client_seed: str
    request_id: str
    now: datetime


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What one roll led to."""

    roll: int
    rolled: PrizeSpec
    prize: PrizeSpec
    fallback_reason: str


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """What a request holds once its chances are gone: its draws' ids and day, the movement, the next promise."""

    draw_ids: Sequence[UUID]
    day_on: date
    chance_id: UUID
    next_seed_hash: str


def draw(
    *, user_id: UserId, activity_id: UUID, count: int, client_seed: str, request_id: str, now: datetime
) -> DrawReceipt:
    """Use `count` (1 or 10) chances of an activity and record what they won; the same request_id draws once.

    Raises CountNotOffered, ClientSeedInvalid, RequestReused, DrawsSwitchedOff, accounts.MemberFrozen,
    ActivityNotFound, ActivityPaused, ActivityNotStarted, ActivityEnded, ActivityNotReady, LimitReached,
    NoChances, DrawConflict; no chance is gone then.
    """
    rules.check_count(count)
    rules.check_client_seed(client_seed)
    request = _Request(
        user_id=user_id,
        activity_id=activity_id,
        count=count,
        client_seed=client_seed,
        request_id=request_id,
        now=now,
    )
    try:
        return _draw(request)
    except (DomainError, IntegrityError):
        # A repeat fails on the way (no chance left, or the unique key): its first result is the answer.
        # Looking it up only here keeps the lookup off every fresh draw.
        first = _first_receipt(request)
        if first is None:
            raise
        return first


def _draw(request: _Request) -> DrawReceipt:
    if not switches.is_on("marketing.draws"):
        raise errors.DrawsSwitchedOff
    accounts.require_active(user_id=request.user_id, scope=ListScope.DRAW, now=request.now)
    with transaction.atomic():
        seat = _lock_seat(request)
        odds, counters = _check_allowed(request, seat)
        taken = _take_chances(request, seat, counters)
        # From here on nothing refuses: the chance is taken, so every roll pays a prize or the fallback.
        outcomes = _settle(odds, _rolls(request, seat, odds))
        draws = _record(request, seat, odds, outcomes, taken)
        states = _owe(request, draws, outcomes)
    results = [
        selectors.draw_result(row, outcome.prize, odds.declared_total, state)
        for row, outcome, state in zip(draws, outcomes, states, strict=True)
    ]
    return DrawReceipt(draws=tuple(results), next_seed_hash=taken.next_seed_hash)


def _lock_seat(request: _Request) -> Participation:
    seat = selectors.lock_participation(user_id=request.user_id, activity_id=request.activity_id)
    if seat is None:
        # Whoever was given a chance has a seat; this is for members who try without one.
        take_seat(user_id=request.user_id, activity_id=request.activity_id, now=request.now)
        seat = selectors.lock_participation(user_id=request.user_id, activity_id=request.activity_id)
    if seat is None:
        raise errors.DrawConflict(activity_id=str(request.activity_id))
    return seat


def _check_allowed(request: _Request, seat: Participation) -> tuple[PublishedOdds, Counters]:
    """The odds to draw by and the counters after the draw; everything that may refuse, asked before the chance."""
    activity = seat.activity
    rules.check_open(state=activity.state, starts_at=activity.starts_at, ends_at=activity.ends_at, now=request.now)
    if activity.odds_id is None:
        raise errors.ActivityNotReady(activity_id=str(activity.id))
    counters = rules.counted(
        counters_of(seat),
        limits=selectors.limits_of(activity),
        today=selectors.today_in(activity, request.now),
        number=request.count,
    )
    return selectors.published_odds(version_id=activity.odds_id), counters


def _take_chances(request: _Request, seat: Participation, counters: Counters) -> _Taken:
    asset = chances_asset(request.activity_id)
    draw_ids = [new_id() for _ in range(request.count)]
    try:
        movement = ledger.transfer(
            debit=ledger.user_account(request.user_id, asset),
            credit=ledger.system_account("used", asset),
            amount=request.count,
            kind="draw",
            cause=Cause("marketing.draw", str(draw_ids[0])),
            now=request.now,
        )
    except ledger.InsufficientFunds:
        raise errors.NoChances(activity_id=str(request.activity_id), needed=request.count) from None
    next_seed = new_seed()
    _move_on(request, seat, counters, next_seed)
    return _Taken(
        draw_ids=draw_ids,
        day_on=counters.day_on,
        chance_id=movement.id,
        next_seed_hash=rules.seed_hash(next_seed),
    )


def _move_on(request: _Request, seat: Participation, counters: Counters, next_seed: str) -> None:
    """Count the draws and replace the seed, unless another draw did so since the seat was read."""
    unchanged = Participation.objects.filter(pk=seat.pk, nonce=seat.nonce, server_seed=seat.server_seed)
    moved = unchanged.update(
        drawn_total=counters.total,
        drawn_day=counters.day,
        day_on=counters.day_on,
        drawn_month=counters.month,
        month_on=counters.month_on,
        nonce=F("nonce") + request.count,
        server_seed=next_seed,
    )
    if not moved:
        raise errors.DrawConflict(activity_id=str(request.activity_id))


def _rolls(request: _Request, seat: Participation, odds: PublishedOdds) -> list[int]:
    return [
        rules.roll(
            server_seed=seat.server_seed,
            version_id=odds.version_id,
            client_seed=request.client_seed,
            nonce=seat.nonce + ordinal,
            total=odds.declared_total,
        )
        for ordinal in range(request.count)
    ]


def _settle(odds: PublishedOdds, rolls: Sequence[int]) -> list[_Outcome]:
    """The prize of each roll; a limited one that is sold out becomes the declared fallback.

    Stocks are taken in the order of their keys, so that two draws of ten never wait for each other.
    """
    rolled = [odds.prizes[rules.pick(odds.bounds, roll)] for roll in rolls]
    in_lock_order = sorted(range(len(rolled)), key=lambda index: str(rolled[index].stock_id))
    missed = {index for index in in_lock_order if not _take_stock(rolled[index].stock_id)}
    return [
        _Outcome(
            roll=roll,
            rolled=prize,
            prize=odds.fallback if index in missed else prize,
            fallback_reason=FallbackReason.SOLD_OUT.value if index in missed else "",
        )
        for index, (roll, prize) in enumerate(zip(rolls, rolled, strict=True))
    ]


def _take_stock(stock_id: UUID | None) -> bool:
    if stock_id is None:
        return True
    in_stock = PrizeStock.objects.filter(pk=stock_id, issued__lt=F("total"))
    return in_stock.update(issued=F("issued") + 1) == 1


def _record(
    request: _Request,
    seat: Participation,
    odds: PublishedOdds,
    outcomes: Sequence[_Outcome],
    taken: _Taken,
) -> list[Draw]:
    drawn_at = _drawn_at(request, seat, odds, taken)
    rows = [
        Draw(
            id=draw_id,
            user_id=request.user_id,
            activity_id=request.activity_id,
            odds_id=odds.version_id,
            chance_id=taken.chance_id,
            request_id=request.request_id,
            ordinal=ordinal,
            request_count=request.count,
            server_seed=seat.server_seed,
            client_seed=request.client_seed,
            nonce=seat.nonce + ordinal,
            roll=outcome.roll,
            rolled_prize_id=outcome.rolled.id,
            prize_id=outcome.prize.id,
            fallback_reason=outcome.fallback_reason,
            next_seed_hash=taken.next_seed_hash,
            created_at=drawn_at,
        )
        for ordinal, (draw_id, outcome) in enumerate(zip(taken.draw_ids, outcomes, strict=True))
    ]
    return Draw.objects.bulk_create(rows)


def _drawn_at(request: _Request, seat: Participation, odds: PublishedOdds, taken: _Taken) -> datetime:
    """When the request came; or, if it waited for its turn, when the day that counts it or its odds began."""
    day_began = clock.local_midnight(taken.day_on, seat.activity.time_zone)
    return max(request.now, day_began, odds.published_at)


def _owe(request: _Request, draws: Sequence[Draw], outcomes: Sequence[_Outcome]) -> list[str]:
    """Write the deliveries and announce those with work in them; returns their states."""
    deliveries = [_delivery(request, row, outcome.prize) for row, outcome in zip(draws, outcomes, strict=True)]
    Delivery.objects.bulk_create(deliveries)
    for delivery in deliveries:
        if delivery.state == DeliveryState.PENDING:
            outbox.publish(
                PrizeWon(
                    draw_id=delivery.draw_id,
                    delivery_id=delivery.id,
                    user_id=request.user_id,
                    occurred_at=request.now,
                )
            )
    return [delivery.state for delivery in deliveries]


def _delivery(request: _Request, row: Draw, prize: PrizeSpec) -> Delivery:
    is_empty = prize.kind == PrizeKind.NOTHING
    return Delivery(
        draw_id=row.id,
        user_id=request.user_id,
        kind=prize.kind,
        amount=prize.amount,
        state=(DeliveryState.DONE if is_empty else DeliveryState.PENDING).value,
        done_at=request.now if is_empty else None,
        created_at=request.now,
    )


def _first_receipt(request: _Request) -> DrawReceipt | None:
    """What this request id drew before, or None. Raises RequestReused when it asked for something else."""
    rows = selectors.draws_of_request(user_id=request.user_id, request_id=request.request_id)
    if not rows:
        return None
    first = rows[0]
    asked = (request.activity_id, request.count, request.client_seed)
    if asked != (first.activity_id, first.request_count, first.client_seed):
        raise errors.RequestReused
    return DrawReceipt(draws=tuple(selectors.draw_results(rows)), next_seed_hash=first.next_seed_hash)
