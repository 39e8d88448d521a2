"""The draw: one transaction from a chance to a recorded result. Its steps and their order: docs/algorithms/draw.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.kernel import clock, outbox, switches
from apps.kernel.db import CompiledUpdate, Given, insert, together
from apps.kernel.errors import DomainError, IdempotencyKeyReused
from apps.kernel.ids import PersonId, UserId, new_id
from apps.ledger import services as ledger
from apps.ledger.contracts import Cause
from apps.marketing.campaigns.contracts import ActivityState
from apps.marketing.campaigns.errors import ActivityNotReady
from apps.marketing.campaigns.models import Activity
from apps.marketing.campaigns.rules import check_open
from apps.marketing.campaigns.selectors import limits_of, today_in
from apps.marketing.draws import errors, rules, selectors
from apps.marketing.draws.contracts import DrawReceipt, FallbackReason
from apps.marketing.draws.events import PrizeWon
from apps.marketing.draws.models import Draw
from apps.marketing.odds.contracts import PrizeSpec, PublishedOdds
from apps.marketing.odds.selectors import published_odds
from apps.marketing.prizes.contracts import NOTHING, DeliveryState
from apps.marketing.prizes.models import Delivery
from apps.marketing.prizes.services import take_from_stock
from apps.marketing.seats.contracts import Counters
from apps.marketing.seats.models import Seat
from apps.marketing.seats.rules import counted, seed_hash
from apps.marketing.seats.selectors import counters_of, lock_seat
from apps.marketing.seats.services import new_seed, take_chances, take_seat

_MOVED_ON = CompiledUpdate(
    lambda: Seat.objects.filter(
        pk=Given("seat_id"),
        nonce=Given("nonce"),
        server_seed=Given("server_seed"),
        activity__odds=Given("odds_id"),
        activity__state=ActivityState.LIVE,
        activity__ends_at__gt=Given("now"),
    ),
    drawn_total=Given("total"),
    drawn_day=Given("day"),
    day_on=Given("day_on"),
    drawn_month=Given("month"),
    month_on=Given("month_on"),
    nonce=F("nonce") + Given("count"),
    server_seed=Given("next_seed"),
)


@dataclass(frozen=True, kw_only=True)
class _Request:
    user_id: UserId
    activity_id: UUID
    count: int
    client_seed: str
    request_id: str
    odds_version: UUID | None
    now: datetime
    # `now`, and running: a request may wait long for its seat.
    clock: Callable[[], datetime]


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
    *,
    user_id: UserId,
    activity_id: UUID,
    count: int,
    client_seed: str,
    request_id: str,
    now: datetime,
    odds_version: UUID | None = None,
) -> DrawReceipt:
    """Use `count` (1 or 10) chances of an activity and record what they won; the same request_id draws once.

    `odds_version` is what the member was shown; it can only refuse. A draw that waited for its turn until the activity
    was over is too late.

    Raises CountNotOffered, ClientSeedInvalid, IdempotencyKeyReused, DrawsSwitchedOff, accounts.MemberFrozen,
    ActivityNotFound, ActivityPaused, ActivityNotStarted, ActivityEnded, ActivityNotReady, OddsChanged, LimitReached,
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
        odds_version=odds_version,
        now=now,
        clock=clock.running_from(now),
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
    with transaction.atomic():
        # Until the end of the draw nobody leaves: a prize never waits at a closed account.
        person_id = accounts.hold_active(user_id=request.user_id, scope=ListScope.DRAW, now=request.now)
        seat = _lock_seat(request, person_id)
        odds, counters = _check_allowed(request, seat)
        taken = _take_chances(request, seat, counters)
        # From here on nothing refuses: the chance is taken, so every roll pays a prize or the fallback.
        outcomes = _settle(odds, _rolls(request, seat, odds))
        # Nor is anything asked any more: what is written goes out at once, and a stock's lock is soon free.
        with together():
            draws = _record(request, seat, odds, outcomes, taken)
            states = _owe(request, draws, outcomes)
    results = [
        selectors.draw_result(row, outcome.prize, odds.declared_total, state)
        for row, outcome, state in zip(draws, outcomes, states, strict=True)
    ]
    return DrawReceipt(draws=tuple(results), next_seed_hash=taken.next_seed_hash)


def _lock_seat(request: _Request, person_id: PersonId) -> Seat:
    seat = lock_seat(person_id=person_id, activity_id=request.activity_id)
    if seat is None:
        # Whoever was given a chance has a seat; this is for members who try without one.
        take_seat(person_id=person_id, activity_id=request.activity_id, now=request.now)
        seat = lock_seat(person_id=person_id, activity_id=request.activity_id)
    if seat is None:
        raise errors.DrawConflict(activity_id=str(request.activity_id))
    return seat


def _check_allowed(request: _Request, seat: Seat) -> tuple[PublishedOdds, Counters]:
    """The odds to draw by and the counters after the draw; everything that may refuse, asked before the chance."""
    activity = seat.activity
    _check_open(activity, request)
    if activity.odds_id is None:
        raise ActivityNotReady(activity_id=str(activity.id))
    if request.odds_version not in (None, activity.odds_id):
        raise errors.OddsChanged(version=str(activity.odds_id))
    odds = published_odds(version_id=activity.odds_id)
    counters = counted(
        counters_of(seat),
        limits=limits_of(activity),
        # A draw is no older than its odds (_drawn_at), so their day is the earliest that can count it.
        today=today_in(activity, max(request.now, odds.published_at)),
        number=request.count,
    )
    return odds, counters


def _check_open(activity: Activity, request: _Request) -> None:
    check_open(state=activity.state, starts_at=activity.starts_at, ends_at=activity.ends_at, now=request.clock())


def _take_chances(request: _Request, seat: Seat, counters: Counters) -> _Taken:
    draw_ids = [new_id() for _ in range(request.count)]
    try:
        chance_id = take_chances(
            user_id=request.user_id,
            activity_id=request.activity_id,
            amount=request.count,
            sink="used",
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
        chance_id=chance_id,
        next_seed_hash=seed_hash(next_seed),
    )


def _move_on(request: _Request, seat: Seat, counters: Counters, next_seed: str) -> None:
    """Count the draws and replace the seed, unless another draw did so, or the activity changed, since they were read.

    Whoever waits for a seat's lock gets the seat as it is then, but its activity as it was before the wait.
    """
    moved = _MOVED_ON.run(
        seat_id=seat.pk,
        nonce=seat.nonce,
        server_seed=seat.server_seed,
        odds_id=seat.activity.odds_id,
        now=request.clock(),
        total=counters.total,
        day=counters.day,
        day_on=counters.day_on,
        month=counters.month,
        month_on=counters.month_on,
        count=request.count,
        next_seed=next_seed,
    )
    if not moved:
        _check_open(Activity.objects.get(pk=request.activity_id), request)
        raise errors.DrawConflict(activity_id=str(request.activity_id))


def _rolls(request: _Request, seat: Seat, odds: PublishedOdds) -> list[int]:
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
    missed = {index for index in in_lock_order if not _take_one(rolled[index])}
    return [
        _Outcome(
            roll=roll,
            rolled=prize,
            prize=odds.fallback if index in missed else prize,
            fallback_reason=FallbackReason.SOLD_OUT.value if index in missed else "",
        )
        for index, (roll, prize) in enumerate(zip(rolls, rolled, strict=True))
    ]


def _take_one(prize: PrizeSpec) -> bool:
    return prize.stock_id is None or take_from_stock(stock_id=prize.stock_id)


def _record(
    request: _Request,
    seat: Seat,
    odds: PublishedOdds,
    outcomes: Sequence[_Outcome],
    taken: _Taken,
) -> list[Draw]:
    drawn_at = _drawn_at(request, seat, odds, taken)
    rows = [
        Draw(
            id=draw_id,
            user_id=request.user_id,
            person_id=seat.person_id,
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
    insert(rows)
    return rows


def _drawn_at(request: _Request, seat: Seat, odds: PublishedOdds, taken: _Taken) -> datetime:
    """When the request came; or, if it waited for its turn, when the day that counts it or its odds began."""
    day_began = clock.local_midnight(taken.day_on, seat.activity.time_zone)
    return max(request.now, day_began, odds.published_at)


def _owe(request: _Request, draws: Sequence[Draw], outcomes: Sequence[_Outcome]) -> list[str]:
    """Write the deliveries and announce those with work in them; returns their states."""
    deliveries = [_delivery(request, row, outcome.prize) for row, outcome in zip(draws, outcomes, strict=True)]
    insert(deliveries)
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
    is_empty = prize.kind == NOTHING
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
    """What this request id drew before, or None. Raises IdempotencyKeyReused when it asked for something else."""
    rows = selectors.draws_of_request(user_id=request.user_id, request_id=request.request_id)
    if not rows:
        return None
    first = rows[0]
    asked = (request.activity_id, request.count, request.client_seed)
    if asked != (first.activity_id, first.request_count, first.client_seed):
        raise IdempotencyKeyReused
    return DrawReceipt(draws=tuple(selectors.draw_results(rows)), next_seed_hash=first.next_seed_hash)
