"""What must never be false about draws, seats and what was won. Only the recomputation of draws streams.

Checks that compare with the ledger read its tables: an audit that asked the ledger's services row by row would not end.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, TruncMonth

from apps.kernel import clock
from apps.kernel.db import portable
from apps.kernel.ids import first_id_at
from apps.kernel.invariants import SHOWN, Breach, first_key_at, invariant, rows
from apps.marketing.campaigns.invariants import pause_activities
from apps.marketing.campaigns.models import Activity
from apps.marketing.campaigns.selectors import today_in
from apps.marketing.draws import rules
from apps.marketing.draws.models import Draw
from apps.marketing.odds.contracts import OddsState, PublishedOdds
from apps.marketing.odds.selectors import published_odds
from apps.marketing.seats.models import Seat
from apps.marketing.seats.rules import seed_hash

_CHUNK = 2000

_CHANCES = """
SELECT flow.chance, SUM(flow.drawn), SUM(flow.taken)
FROM (
    SELECT chance_id AS chance, 1 AS drawn, 0 AS taken FROM marketing_draw WHERE chance_id >= %s
    UNION ALL
    SELECT id, 0, amount FROM ledger_transfer WHERE cause_type = 'marketing.draw' AND id >= %s
) AS flow
GROUP BY flow.chance
HAVING SUM(flow.drawn) <> SUM(flow.taken)
"""
_ISSUED = """
SELECT stock.id, stock.issued, COUNT(draw.id), UUID_TEXT(stock.activity_id)
FROM marketing_prizestock AS stock
LEFT JOIN marketing_prize AS prize ON prize.stock_id = stock.id
LEFT JOIN marketing_draw AS draw ON draw.prize_id = prize.id
GROUP BY stock.id, stock.issued, stock.activity_id
HAVING stock.issued <> COUNT(draw.id)
"""
_SEATS = """
SELECT seat.id, seat.drawn_total, COUNT(draw.id)
FROM marketing_participation AS seat
LEFT JOIN marketing_draw AS draw ON draw.person_id = seat.person_id AND draw.activity_id = seat.activity_id
GROUP BY seat.id, seat.drawn_total, seat.nonce
HAVING seat.drawn_total <> COUNT(draw.id) OR seat.nonce <> COUNT(draw.id)
"""
_WITHOUT_DELIVERY = """
SELECT draw.id, prize.kind, prize.amount
FROM marketing_draw AS draw
JOIN marketing_prize AS prize ON prize.id = draw.prize_id
LEFT JOIN marketing_delivery AS delivery ON delivery.draw_id = draw.id AND delivery.user_id = draw.user_id
    AND delivery.kind = prize.kind AND delivery.amount = prize.amount
WHERE delivery.id IS NULL AND draw.id >= %s
"""


@dataclass(frozen=True)
class _Span:
    """A counter of a seat, the column that says since when it counts, and on which day the next span begins."""

    counter: str
    began_on: str
    after: Callable[[date], date]


_DAY = _Span("drawn_day", "day_on", lambda day: day + timedelta(days=1))
_MONTH = _Span("drawn_month", "month_on", lambda day: (day + timedelta(days=31)).replace(day=1))


@invariant("I-19", "every chance taken is exactly one draw", windowed=True)
def chances_are_draws(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Transfers that took chances without as many draws, or the other way round."""
    first = first_key_at(since)
    for chance, drawn, taken in rows(_CHANCES, [first, first]):
        yield Breach(f"chance {chance}", f"{taken} taken, {drawn} drawn")


@invariant("I-21", "issued stock equals the draws that won it", react=pause_activities)
def issued_stock_was_won(now: datetime) -> Iterable[Breach]:
    """Stocks whose counter differs from the draws."""
    for stock, issued, won, activity in rows(portable(_ISSUED)):
        yield Breach(f"stock {stock}", f"{issued} issued, {won} won", activity)


@invariant("I-22", "a person's counters equal their draws")
def counters_equal_draws(now: datetime) -> Iterable[Breach]:
    """Seats whose total differs from the draws."""
    for seat, counted, drawn in rows(_SEATS):
        yield Breach(f"seat {seat}", f"{counted} counted, {drawn} drawn")


@invariant("I-22-days", "a person's counters of a day and of a month equal their draws then", windowed=True)
def counters_equal_draws_of_their_days(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Seats that miscount the day or the month of their last draw, or that count another one.

    Counters change without a new row, and what is over decides nothing any more: the minute run looks at the present
    day and month of every seat, the full run at all.
    """
    for activity in Activity.objects.order_by("pk"):
        today = today_in(activity, now)
        for span, present in ((_DAY, today), (_MONTH, today.replace(day=1))):
            seats = Seat.objects.filter(activity=activity)
            if since is not None:
                yield from _left_behind(seats, span, present, activity.time_zone)
                seats = seats.filter(**{f"{span.began_on}__gte": present})
            for first in seats.order_by(span.began_on).values_list(span.began_on, flat=True).distinct():
                yield from _miscounted(seats, span, first, activity.time_zone)
    strange = Seat.objects.exclude(month_on=TruncMonth("day_on")).order_by("pk")
    for pk, day_on, month_on in strange.values_list("pk", "day_on", "month_on")[:SHOWN]:
        yield Breach(f"seat {pk}", f"counts {day_on}, and the month from {month_on}")


@invariant("I-25", "every draw recomputes, from the seed that was promised", windowed=True, react=pause_activities)
def draws_recompute(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Draws that do not follow from their seeds, and seeds whose hash was not shown before."""
    draws = Draw.objects.all() if since is None else Draw.objects.filter(created_at__gte=since)
    before: Draw | None = None
    for row in draws.order_by("person_id", "activity_id", "nonce").iterator(chunk_size=_CHUNK):
        problem = _problem_of(row, before or row)
        if problem:
            yield Breach(f"draw {row.pk}", problem, str(row.activity_id))
        before = row
    seat = Seat.objects.filter(person_id=OuterRef("person_id"), activity_id=OuterRef("activity_id"))
    firsts = draws.filter(nonce=0).annotate(promised=Subquery(seat.values("first_seed_hash")[:1]))
    for pk, activity_id, seed, promise in firsts.values_list("pk", "activity_id", "server_seed", "promised"):
        if _hash_of(seed) != promise:
            yield Breach(f"draw {pk}", "its seed is not the seat's first one", str(activity_id))
    yield from _unpromised_seeds(since)


def _unpromised_seeds(since: datetime | None) -> Iterator[Breach]:
    """Seats whose next seed is not the one whose hash was shown: after the last draw, or before the first.

    The minute run looks at the seats that are new or drew since: another seed of one at rest is a breach as it draws.
    """
    newest = Draw.objects.filter(person_id=OuterRef("person_id"), activity_id=OuterRef("activity_id")).order_by(
        "-nonce"
    )
    promised = Coalesce(Subquery(newest.values("next_seed_hash")[:1]), F("first_seed_hash"))
    seats = Seat.objects.annotate(promised=promised)
    if since is not None:
        drew = Draw.objects.filter(person_id=OuterRef("person_id"), activity_id=OuterRef("activity_id"))
        seats = seats.filter(Q(Exists(drew.filter(pk__gte=first_id_at(since)))) | Q(pk__gte=first_id_at(since)))
    columns = seats.values_list("pk", "activity_id", "server_seed", "promised")
    for pk, activity_id, seed, promise in columns.iterator(chunk_size=_CHUNK):
        if _hash_of(seed) != promise:
            yield Breach(f"seat {pk}", "the next seed is not the promised one", str(activity_id))


@invariant("I-26", "no draw is older than the publication of its odds", windowed=True)
def draws_follow_publication(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Draws by a draft, by odds published later, or by another activity's odds."""
    wrong = Q(odds__state=OddsState.DRAFT) | Q(created_at__lt=F("odds__published_at"))
    foreign = ~Q(odds__activity_id=F("activity_id"))
    draws = Draw.objects.all() if since is None else Draw.objects.filter(pk__gte=first_id_at(since))
    for row in draws.filter(wrong | foreign).order_by("pk")[:SHOWN]:
        yield Breach(f"draw {row.pk}", f"drawn by odds {row.odds_id}")


@invariant("I-28", "every draw has the one delivery that its prize asks for", windowed=True)
def draws_have_deliveries(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Draws without a delivery, or with one of another kind, amount or member."""
    for draw, kind, amount in rows(_WITHOUT_DELIVERY, [first_key_at(since)]):
        yield Breach(f"draw {draw}", f"no delivery of {amount} {kind}")


def _miscounted(seats: QuerySet[Seat], span: _Span, first: date, time_zone: str) -> Iterator[Breach]:
    """Seats whose counter of the span that began on `first` differs from the draws in it, or that drew after it.

    One statement, so that a draw in between is in both numbers or in neither.
    """
    begins, ends = (clock.local_midnight(day, time_zone) for day in (first, span.after(first)))
    draws = _draws_of_seat().filter(created_at__gte=begins, created_at__lt=ends)
    counted = draws.order_by().values("person_id").annotate(times=Count("pk")).values("times")
    found = seats.filter(**{span.began_on: first}).annotate(drawn=Coalesce(Subquery(counted), 0), drew_at=_drew_at())
    wrong = found.filter(~Q(drawn=F(span.counter)) | Q(drew_at__gte=ends)).order_by("pk")
    for pk, noted, drawn in wrong.values_list("pk", span.counter, "drawn")[:SHOWN]:
        yield Breach(f"seat {pk}", f"{span.counter} of {first}: {noted}, {drawn} drawn")


def _left_behind(seats: QuerySet[Seat], span: _Span, present: date, time_zone: str) -> Iterator[Breach]:
    """Seats that drew in the present span and count an earlier one: they could draw as often again."""
    drew = seats.filter(**{f"{span.began_on}__lt": present}).annotate(drew_at=_drew_at())
    wrong = drew.filter(drew_at__gte=clock.local_midnight(present, time_zone)).order_by("pk")
    for pk, first in wrong.values_list("pk", span.began_on)[:SHOWN]:
        yield Breach(f"seat {pk}", f"{span.counter} of {first}, and drew since {present}")


def _draws_of_seat() -> QuerySet[Draw]:
    return Draw.objects.filter(person_id=OuterRef("person_id"), activity_id=OuterRef("activity_id"))


def _drew_at() -> Subquery:
    return Subquery(_draws_of_seat().order_by("-nonce").values("created_at")[:1])


def _recomputed(row: Draw, odds: PublishedOdds) -> str:
    """What is wrong with a draw, or an empty text."""
    roll = rules.roll(
        server_seed=row.server_seed,
        version_id=row.odds_id,
        client_seed=row.client_seed,
        nonce=row.nonce,
        total=odds.declared_total,
    )
    if roll != row.roll:
        return f"rolled {row.roll}, recomputed {roll}"
    rolled: UUID = odds.prizes[rules.pick(odds.bounds, roll)].id
    if rolled != row.rolled_prize_id:
        return f"rolled prize {row.rolled_prize_id}, recomputed {rolled}"
    paid = odds.fallback.id if row.fallback_reason else rolled
    return "" if paid == row.prize_id else f"prize {row.prize_id}, recomputed {paid}"


def _problem_of(row: Draw, before: Draw) -> str:
    """What is wrong with a draw, also when it is too malformed to recompute. `before` may be another seat's."""
    try:
        return _recomputed(row, published_odds(version_id=row.odds_id)) or _unpromised(row, before)
    except (ArithmeticError, LookupError, ValueError, ObjectDoesNotExist) as failure:
        return f"cannot be recomputed: {type(failure).__name__}"


def _hash_of(seed: str) -> str:
    try:
        return seed_hash(seed)
    except ValueError:
        return "not a seed"


def _unpromised(row: Draw, before: Draw) -> str:
    """What is wrong with a draw's seed: the draw before it promised one; draws of one request share theirs."""
    if row.nonce == 0:
        return ""  # the seat vouches for its first seed
    if (before.person_id, before.activity_id, before.nonce) != (row.person_id, row.activity_id, row.nonce - 1):
        before = Draw.objects.get(person_id=row.person_id, activity_id=row.activity_id, nonce=row.nonce - 1)
    if before.request_id == row.request_id:
        return "" if before.server_seed == row.server_seed else "another seed than the rest of its request"
    return "" if seed_hash(row.server_seed) == before.next_seed_hash else "its seed was not promised"


@invariant("I-22-seats", "every draw has its seat")
def draws_have_seats(now: datetime) -> Iterable[Breach]:
    """Draws of persons without a seat in the activity: their counters and their promise are gone."""
    seats = Seat.objects.filter(person_id=OuterRef("person_id"), activity_id=OuterRef("activity_id"))
    for row in Draw.objects.exclude(Exists(seats)).order_by("pk")[:SHOWN]:
        yield Breach(f"draw {row.pk}", f"person {row.person_id} has no seat in {row.activity_id}")
