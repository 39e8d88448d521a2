"""Marketing's pure decisions: odds tables and rolls, windows and limits, rewards. No I/O, no framework."""

import hashlib
import hmac
import json
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, count
from typing import Protocol
from uuid import UUID

from apps.marketing import errors
from apps.marketing.contracts import (
    ActivityState,
    Counters,
    Limits,
    OddsLine,
    OddsState,
    PrizeKind,
    PrizeSpec,
    PublishedOdds,
)

POSITIONS = range(8)
MAX_TOTAL = 1_000_000_000
COUNTS_OFFERED = (1, 10)
MAX_QUANTITY = 99
# Far below what the ledger moves at once: a prize that could not be delivered must not be won.
MAX_AMOUNT = 10**12

_WORD = 8  # bytes of a digest that make one candidate
_SPACE = 2 ** (8 * _WORD)
_CLIENT_SEED = re.compile(r"[A-Za-z0-9_-]{0,64}")

NEXT_ACTIVITY: Mapping[str, frozenset[str]] = {
    ActivityState.DRAFT: frozenset({ActivityState.LIVE, ActivityState.ENDED}),
    ActivityState.LIVE: frozenset({ActivityState.PAUSED, ActivityState.ENDED}),
    ActivityState.PAUSED: frozenset({ActivityState.LIVE, ActivityState.ENDED}),
    ActivityState.ENDED: frozenset(),
}
NEXT_ODDS: Mapping[str, frozenset[str]] = {
    OddsState.DRAFT: frozenset({OddsState.PUBLISHED}),
    OddsState.PUBLISHED: frozenset({OddsState.RETIRED}),
    OddsState.RETIRED: frozenset(),
}


class Weighted(Protocol):
    """What publication looks at in a prize."""

    @property
    def position(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def weight(self) -> int: ...
    @property
    def is_fallback(self) -> bool: ...
    @property
    def stock_id(self) -> UUID | None: ...


# Odds ---------------------------------------------------------------------------------------------


def check_publishable(prizes: Sequence[Weighted], *, declared_total: int, stocks: Collection[UUID]) -> None:
    """Raise the OddsNotPublishable that says what keeps these prizes from being published.

    stocks are the ids of the stocks that the activity owns.
    """
    if not prizes:
        raise errors.OddsWithoutPrizes
    if not 1 <= declared_total <= MAX_TOTAL:
        raise errors.OddsTotalOutOfRange(declared=declared_total)
    for prize in prizes:
        _check_prize(prize, stocks)
    if len({prize.position for prize in prizes}) < len(prizes):
        raise errors.OddsPositionRepeated
    actual = sum(prize.weight for prize in prizes)
    if actual != declared_total:
        raise errors.OddsWeightsMismatch(declared=declared_total, actual=actual)
    fallbacks = [prize for prize in prizes if prize.is_fallback]
    if not fallbacks:
        raise errors.OddsFallbackMissing
    if len(fallbacks) > 1:
        raise errors.OddsFallbackAmbiguous
    if fallbacks[0].stock_id is not None:
        raise errors.OddsFallbackLimited(position=fallbacks[0].position)


def _check_prize(prize: Weighted, stocks: Collection[UUID]) -> None:
    if prize.position not in POSITIONS:
        raise errors.OddsPositionOutOfRange(position=prize.position)
    if prize.kind not in PrizeKind.values:
        raise errors.OddsKindUnknown(position=prize.position)
    if (prize.amount > 0) == (prize.kind == PrizeKind.NOTHING) or not 0 <= prize.amount <= MAX_AMOUNT:
        raise errors.OddsAmountInvalid(position=prize.position)
    if prize.weight < 1:
        raise errors.OddsWeightNotPositive(position=prize.position)
    if prize.stock_id is not None and prize.stock_id not in stocks:
        raise errors.OddsStockForeign(position=prize.position)


def canonical_content(prizes: Iterable[Weighted], *, activity_id: UUID, declared_total: int) -> str:
    """The one text form of published odds: JSON, sorted keys, no spaces, prizes by position."""
    return json.dumps(
        {
            "activity": str(activity_id),
            "declared_total": declared_total,
            "prizes": [
                {
                    "amount": prize.amount,
                    "fallback": prize.is_fallback,
                    "kind": str(prize.kind),
                    "position": prize.position,
                    "stock": str(prize.stock_id) if prize.stock_id else None,
                    "title": prize.title,
                    "weight": prize.weight,
                }
                for prize in sorted(prizes, key=lambda prize: prize.position)
            ],
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )


def content_hash(content: str) -> str:
    """SHA-256 of the canonical content, hexadecimal."""
    return hashlib.sha256(content.encode()).hexdigest()


def build_table(prizes: Iterable[PrizeSpec]) -> tuple[tuple[PrizeSpec, ...], tuple[int, ...]]:
    """Prizes by position, and for each the first number that is beyond its share of 0..W-1."""
    ordered = tuple(sorted(prizes, key=lambda prize: prize.position))
    return ordered, tuple(accumulate(prize.weight for prize in ordered))


def pick(bounds: Sequence[int], roll: int) -> int:
    """The index of the prize that owns a roll in 0..W-1; exactly `weight` rolls lead to each.

    Raises IndexError outside that range: a roll that fits no prize is a bug, never a prize.
    """
    if not 0 <= roll < bounds[-1]:
        raise IndexError(roll)
    return bisect_right(bounds, roll)


def odds_lines(odds: PublishedOdds) -> list[OddsLine]:
    """Published odds as a table: each prize with its percentage and the rolls that win it."""
    return [
        OddsLine(
            id=prize.id,
            position=prize.position,
            title=prize.title,
            kind=prize.kind,
            amount=prize.amount,
            weight=prize.weight,
            percent=percent(prize.weight, odds.declared_total),
            is_fallback=prize.is_fallback,
            is_limited=prize.stock_id is not None,
            first_roll=bound - prize.weight,
            last_roll=bound - 1,
        )
        for prize, bound in zip(odds.prizes, odds.bounds, strict=True)
    ]


def percent(weight: int, total: int) -> str:
    """A share in percent for people to read, rounded to six decimals; the weight is the exact number."""
    text = f"{Decimal(weight * 100) / Decimal(total):.6f}".rstrip("0").rstrip(".")
    return text or "0"


def is_rare(*, kind: str, weight: int, total: int) -> bool:
    """Whether a win deserves a little more ceremony: a prize that at most one draw in twenty wins."""
    return kind != PrizeKind.NOTHING and weight * 20 <= total


def check_transition(allowed: Mapping[str, frozenset[str]], current: str, target: str) -> None:
    """Raise IllegalTransition unless the table allows this step."""
    if target not in allowed[current]:
        raise errors.IllegalTransition(current=current, target=target)


# Rolls --------------------------------------------------------------------------------------------


def seed_hash(server_seed: str) -> str:
    """The promise that is shown before a draw: SHA-256 of the server seed's bytes. Both hexadecimal."""
    return hashlib.sha256(bytes.fromhex(server_seed)).hexdigest()


def roll(*, server_seed: str, version_id: UUID, client_seed: str, nonce: int, total: int) -> int:
    """A number in 0..total-1, each equally likely, fixed by the seeds; docs/algorithms/draw.md.

    HMAC-SHA256 keyed by the server seed over "version|client seed|nonce" gives four 64-bit candidates;
    one beyond the largest multiple of `total` is thrown away, because it would favour small numbers.
    """
    for attempt in count():
        again = f"|{attempt}" if attempt else ""
        message = f"{version_id}|{client_seed}|{nonce}{again}".encode()
        digest = hmac.digest(bytes.fromhex(server_seed), message, "sha256")
        number = first_fair(digest, total)
        if number is not None:
            return number
    raise AssertionError("count() is endless")


def first_fair(digest: bytes, total: int) -> int | None:
    """The first candidate of a digest that does not bias the remainder, reduced; None when all do."""
    limit = _SPACE - _SPACE % total
    for start in range(0, len(digest), _WORD):
        candidate = int.from_bytes(digest[start : start + _WORD], "big")
        if candidate < limit:
            return candidate % total
    return None


def check_client_seed(client_seed: str) -> None:
    """Raise ClientSeedInvalid unless the seed is free of the separator and short."""
    if not _CLIENT_SEED.fullmatch(client_seed):
        raise errors.ClientSeedInvalid


def check_count(number: int) -> None:
    """Raise CountNotOffered unless a request may draw this many times."""
    if number not in COUNTS_OFFERED:
        raise errors.CountNotOffered(count=number)


# Windows and limits -------------------------------------------------------------------------------


def check_open(*, state: str, starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Raise unless members may draw now.

    Raises ActivityNotFound (a draft is invisible), ActivityPaused, ActivityNotStarted, ActivityEnded.
    """
    if state == ActivityState.DRAFT:
        raise errors.ActivityNotFound
    if state == ActivityState.ENDED or now >= ends_at:
        raise errors.ActivityEnded
    if state == ActivityState.PAUSED:
        raise errors.ActivityPaused
    if now < starts_at:
        raise errors.ActivityNotStarted


def check_time_zone_change(*, state: str, before: str, after: str) -> None:
    """Raise TimeZoneFixed if an activity in this state may not move to another time zone.

    Draws are counted by its days, so it stays from the first draw on. The state is asked and not the draws: a draw
    locks no activity, so one could be under way unseen. A draft has none, and to start it takes the activity's lock.
    """
    if state != ActivityState.DRAFT and after != before:
        raise errors.TimeZoneFixed(time_zone=before)


def is_worth_chances(*, state: str, ends_at: datetime, now: datetime) -> bool:
    """Whether a chance that is given now can still be used: the activity is not over."""
    return state != ActivityState.ENDED and now < ends_at


def rolled_over(counters: Counters, *, today: date) -> Counters:
    """The counters as they stand today: a new local day or month starts at zero.

    A clock that steps back keeps counting in the later day, so it cannot give draws a second time.
    """
    day_on = max(today, counters.day_on)
    month_on = max(today.replace(day=1), counters.month_on)
    return Counters(
        total=counters.total,
        day=counters.day if day_on == counters.day_on else 0,
        day_on=day_on,
        month=counters.month if month_on == counters.month_on else 0,
        month_on=month_on,
    )


def counted(counters: Counters, *, limits: Limits, today: date, number: int) -> Counters:
    """The counters after `number` more draws today.

    Raises LimitReached with the scope, the limit and what is left of it.
    """
    current = rolled_over(counters, today=today)
    for scope, limit, used in (
        ("total", limits.total, current.total),
        ("month", limits.month, current.month),
        ("day", limits.day, current.day),
    ):
        if limit is not None and used + number > limit:
            raise errors.LimitReached(scope=scope, limit=limit, left=max(limit - used, 0))
    return Counters(
        total=current.total + number,
        day=current.day + number,
        day_on=current.day_on,
        month=current.month + number,
        month_on=current.month_on,
    )


def draws_left(counters: Counters, *, limits: Limits, chances: int) -> tuple[int, int]:
    """How many draws chances and limits leave (today, this month); counters are rolled over already."""
    month = _smallest(chances, _left(limits.total, counters.total), _left(limits.month, counters.month))
    return _smallest(month, _left(limits.day, counters.day)), month


def _left(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(limit - used, 0)


def _smallest(first: int, *others: int | None) -> int:
    return min([first, *(other for other in others if other is not None)])


# Rewards ------------------------------------------------------------------------------------------


def rebate_points(*, points: int, points_per_yuan: int, amount_fen: int) -> int:
    """Flat points plus points for each whole yuan paid."""
    return points + points_per_yuan * (amount_fen // 100)


def next_streak(*, today: date, last_day: date | None, last_streak: int) -> int:
    """The streak after signing in today: one longer when yesterday was signed in, else 1."""
    return last_streak + 1 if last_day == today - timedelta(days=1) else 1


def living_streak(*, today: date, last_day: date | None, last_streak: int) -> int:
    """The streak that signing in today would continue or has continued; 0 when it is broken."""
    alive = last_day is not None and last_day >= today - timedelta(days=1)
    return last_streak if alive else 0


def month_of(text: str) -> tuple[date, date]:
    """The first day of a month written YYYY-MM, and the first day of the next one. Raises MonthInvalid."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
        raise errors.MonthInvalid
    try:
        first = date(int(text[:4]), int(text[5:]), 1)
        after = (first + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError):
        raise errors.MonthInvalid from None
    return first, after


def check_quantity(quantity: int) -> None:
    """Raise QuantityInvalid unless one order may hold this many."""
    if not 1 <= quantity <= MAX_QUANTITY:
        raise errors.QuantityInvalid


def masked(name: str) -> str:
    """A name that its owner recognises and nobody else can look up."""
    if not name:
        return "**"
    return f"{name[0]}**{name[-1]}" if len(name) > 2 else f"{name[0]}**"
