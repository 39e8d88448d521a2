"""What must never be false in marketing. Set-based queries over whole tables; only the recomputation of draws streams.

Checks that compare with the ledger read its tables: an audit that asked the ledger's services row by
row would not end. Both engines speak this dialect; ids are compared without their hyphens, because
SQLite stores none.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from apps.kernel import clock
from apps.kernel.append_only import triggers_of
from apps.kernel.invariants import Breach, invariant, missing_triggers
from apps.marketing import rules, selectors
from apps.marketing.contracts import DeliveryState, OddsState, PublishedOdds
from apps.marketing.models import Activity, Delivery, Draw, OddsVersion, Participation, PrizeStock, SignIn

# The first rows name the trouble; a broken system would have millions.
_SHOWN = 100
_CHUNK = 2000

# How long a prize may be owed: the outbox retries within seconds.
_DELIVERY_GRACE = timedelta(minutes=2)

# Rows that should have moved something, and what moved for that cause, side by side: equal sums or a breach.
_FLOW = """
SELECT flow.cause, flow.leg, SUM(flow.expected), SUM(flow.actual)
FROM (
    {expected}
    UNION ALL
    SELECT REPLACE(transfer.cause_id, '-', '') AS cause, transfer.leg AS leg,
           REPLACE(REPLACE(account.owner, 'user:', ''), '-', '') AS member, 0 AS expected, transfer.amount AS actual
    FROM ledger_transfer AS transfer
    JOIN ledger_account AS account ON account.id = CASE WHEN transfer.debit_balance_after IS NOT NULL
         THEN transfer.debit_id ELSE transfer.credit_id END
    WHERE transfer.cause_type = '{cause_type}'
) AS flow
GROUP BY flow.cause, flow.leg, flow.member
HAVING SUM(flow.expected) <> SUM(flow.actual)
"""
_EXPECTED = """
    SELECT REPLACE(CAST(source.id AS TEXT), '-', '') AS cause, '{leg}' AS leg,
           REPLACE(CAST(source.user_id AS TEXT), '-', '') AS member, {amount} AS expected, 0 AS actual
    FROM {table} AS source WHERE {where}
"""
_CHANCES = """
SELECT flow.chance, SUM(flow.drawn), SUM(flow.taken)
FROM (
    SELECT chance_id AS chance, 1 AS drawn, 0 AS taken FROM marketing_draw
    UNION ALL
    SELECT id, 0, amount FROM ledger_transfer WHERE cause_type = 'marketing.draw'
) AS flow
GROUP BY flow.chance
HAVING SUM(flow.drawn) <> SUM(flow.taken)
"""
_ISSUED = """
SELECT stock.id, stock.issued, COUNT(draw.id)
FROM marketing_prizestock AS stock
LEFT JOIN marketing_prize AS prize ON prize.stock_id = stock.id
LEFT JOIN marketing_draw AS draw ON draw.prize_id = prize.id
GROUP BY stock.id, stock.issued
HAVING stock.issued <> COUNT(draw.id)
"""
_SEATS = """
SELECT seat.id, seat.drawn_total, COUNT(draw.id)
FROM marketing_participation AS seat
LEFT JOIN marketing_draw AS draw ON draw.user_id = seat.user_id AND draw.activity_id = seat.activity_id
GROUP BY seat.id, seat.drawn_total, seat.nonce
HAVING seat.drawn_total <> COUNT(draw.id) OR seat.nonce <> COUNT(draw.id)
"""
_WITHOUT_DELIVERY = """
SELECT draw.id, prize.kind, prize.amount
FROM marketing_draw AS draw
JOIN marketing_prize AS prize ON prize.id = draw.prize_id
LEFT JOIN marketing_delivery AS delivery ON delivery.draw_id = draw.id AND delivery.user_id = draw.user_id
    AND delivery.kind = prize.kind AND delivery.amount = prize.amount
WHERE delivery.id IS NULL
"""
_SOLD = """
SELECT item.id, item.sold, COALESCE(SUM(bought.quantity), 0)
FROM marketing_exchangeitem AS item
LEFT JOIN marketing_exchangeorder AS bought ON bought.item_id = item.id
GROUP BY item.id, item.sold
HAVING item.sold <> COALESCE(SUM(bought.quantity), 0)
"""
_TALLIES = """
SELECT flow.user_id, flow.item_id, SUM(flow.counted), SUM(flow.bought)
FROM (
    SELECT user_id, item_id, bought AS counted, 0 AS bought FROM marketing_exchangetally
    UNION ALL
    SELECT user_id, item_id, 0, quantity FROM marketing_exchangeorder
) AS flow
GROUP BY flow.user_id, flow.item_id
HAVING SUM(flow.counted) <> SUM(flow.bought)
"""


# The triggers of migration 0002 beside those of the append-only tables.
_GUARDS = {
    "postgresql": {"marketing_oddsversion_immutable", "marketing_prize_immutable"},
    "sqlite": {
        "marketing_oddsversion_no_update",
        "marketing_oddsversion_no_delete",
        "marketing_prize_no_insert",
        "marketing_prize_no_update",
        "marketing_prize_no_delete",
    },
}
_APPEND_ONLY = ("marketing_draw", "marketing_rebate", "marketing_signin", "marketing_exchangeorder")


@invariant("I-02", "the triggers that keep odds, draws and rewards are in place")
def facts_are_guarded(now: datetime) -> Iterable[Breach]:
    """Triggers that are missing or disabled."""
    return missing_triggers(_GUARDS[connection.vendor] | triggers_of(*_APPEND_ONLY))


@invariant("I-19", "every chance taken is exactly one draw")
def chances_are_draws(now: datetime) -> Iterable[Breach]:
    """Transfers that took chances without as many draws, or the other way round."""
    for chance, drawn, taken in _rows(_CHANCES):
        yield Breach(f"chance {chance}", f"{taken} taken, {drawn} drawn")


@invariant("I-20", "no stock is oversold")
def stock_is_not_oversold(now: datetime) -> Iterable[Breach]:
    """Stocks that issued more than there was; the CHECK makes it impossible while it is there."""
    for stock in PrizeStock.objects.filter(issued__gt=F("total")).order_by("pk")[:_SHOWN]:
        yield Breach(f"stock {stock.pk}", f"{stock.issued} issued of {stock.total}")


@invariant("I-21", "issued stock equals the draws that won it")
def issued_stock_was_won(now: datetime) -> Iterable[Breach]:
    """Stocks whose counter differs from the draws."""
    for stock, issued, won in _rows(_ISSUED):
        yield Breach(f"stock {stock}", f"{issued} issued, {won} won")


@invariant("I-22", "a member's counters equal their draws")
def counters_equal_draws(now: datetime) -> Iterable[Breach]:
    """Seats whose total, or whose count of today or of this month, differs from the draws."""
    for seat, counted, drawn in _rows(_SEATS):
        yield Breach(f"participation {seat}", f"{counted} counted, {drawn} drawn")
    for activity in Activity.objects.order_by("pk"):
        today = selectors.today_in(activity, now)
        yield from _miscounted(activity, "drawn_day", {"day_on": today}, today)
        month_on = today.replace(day=1)
        yield from _miscounted(activity, "drawn_month", {"month_on": month_on}, month_on)


@invariant("I-25", "every draw recomputes, from the seed that was promised")
def draws_recompute(now: datetime) -> Iterable[Breach]:
    """Draws that do not follow from their seeds, and seeds whose hash was not shown before."""
    before: Draw | None = None
    for row in Draw.objects.order_by("user_id", "activity_id", "nonce").iterator(chunk_size=_CHUNK):
        problem = _recomputed(row, selectors.published_odds(version_id=row.odds_id)) or _unpromised(row, before)
        if problem:
            yield Breach(f"draw {row.pk}", problem)
        before = row
    newest = Draw.objects.filter(user_id=OuterRef("user_id"), activity_id=OuterRef("activity_id")).order_by("-nonce")
    promised = Subquery(newest.values("next_seed_hash")[:1])
    seats = Participation.objects.annotate(promised=promised).filter(promised__isnull=False)
    for pk, seed, promise in seats.values_list("pk", "server_seed", "promised").iterator(chunk_size=_CHUNK):
        if rules.seed_hash(seed) != promise:
            yield Breach(f"participation {pk}", "the next seed is not the promised one")


@invariant("I-26", "no draw is older than the publication of its odds")
def draws_follow_publication(now: datetime) -> Iterable[Breach]:
    """Draws by a draft, by odds published later, or by another activity's odds."""
    wrong = Q(odds__state=OddsState.DRAFT) | Q(created_at__lt=F("odds__published_at"))
    foreign = ~Q(odds__activity_id=F("activity_id"))
    for row in Draw.objects.filter(wrong | foreign).order_by("pk")[:_SHOWN]:
        yield Breach(f"draw {row.pk}", f"drawn by odds {row.odds_id}")


@invariant("I-28", "every draw has the one delivery that its prize asks for")
def draws_have_deliveries(now: datetime) -> Iterable[Breach]:
    """Draws without a delivery, or with one of another kind, amount or member."""
    for draw, kind, amount in _rows(_WITHOUT_DELIVERY):
        yield Breach(f"draw {draw}", f"no delivery of {amount} {kind}")


@invariant("I-29", "no prize is owed for more than two minutes")
def prizes_are_not_owed(now: datetime) -> Iterable[Breach]:
    """Pending deliveries that are too old."""
    late = Delivery.objects.filter(state=DeliveryState.PENDING, created_at__lt=now - _DELIVERY_GRACE)
    for delivery in late.order_by("created_at")[:_SHOWN]:
        yield Breach(f"delivery {delivery.pk}", f"owed since {delivery.created_at.isoformat()}")


@invariant("I-30", "a delivery is done exactly when its prize arrived")
def deliveries_had_effect(now: datetime) -> Iterable[Breach]:
    """Done deliveries without their ledger movement, and movements without a done delivery."""
    expected = [
        _expected("marketing_delivery", leg=kind, amount="source.amount", where=f"kind = '{kind}' AND state = 'done'")
        for kind in ("quota", "points")
    ]
    yield from _flow_breaches("delivery", expected, cause_type="marketing.delivery")


@invariant("I-40", "a member signs in once a day")
def sign_ins_are_daily(now: datetime) -> Iterable[Breach]:
    """Days with two sign-ins; the unique key makes it impossible while it is there."""
    counted = SignIn.objects.values("user_id", "local_day").annotate(times=Count("pk"))
    for row in counted.filter(times__gt=1).order_by("user_id")[:_SHOWN]:
        yield Breach(f"member {row['user_id']}", f"{row['times']} sign-ins on {row['local_day']}")


@invariant("I-41", "every rebate paid what it says, once")
def rebates_were_paid(now: datetime) -> Iterable[Breach]:
    """Rebates that differ from their ledger movements."""
    expected = [
        _expected("marketing_rebate", leg=leg, amount=f"source.{leg}", where=f"{leg} > 0")
        for leg in ("points", "chances")
    ]
    yield from _flow_breaches("rebate", expected, cause_type="marketing.rebate")


@invariant("I-44", "every exchange gave what its points paid for")
def exchanges_add_up(now: datetime) -> Iterable[Breach]:
    """Orders that differ from their ledger movements, and items or tallies that differ from the orders."""
    table = "marketing_exchangeorder"
    expected = [_expected(table, leg="price", amount="source.unit_points * source.quantity", where="1 = 1")]
    expected += [
        _expected(table, leg=kind, amount="source.unit_amount * source.quantity", where=f"kind = '{kind}'")
        for kind in ("quota", "chances")
    ]
    yield from _flow_breaches("exchange order", expected, cause_type="marketing.exchange")
    for item, sold, bought in _rows(_SOLD):
        yield Breach(f"exchange item {item}", f"{sold} sold, {bought} bought")
    for member, item, counted, bought in _rows(_TALLIES):
        yield Breach(f"member {member}", f"item {item}: {counted} counted, {bought} bought")


@invariant("I-48", "published odds are what was published")
def published_odds_are_unchanged(now: datetime) -> Iterable[Breach]:
    """Published versions whose content no longer has the hash of its publication, or does not add up."""
    versions = OddsVersion.objects.exclude(state=OddsState.DRAFT).order_by("pk")
    for version in versions.iterator(chunk_size=_CHUNK):
        prizes = selectors.prizes_of(version.pk)
        content = rules.canonical_content(
            prizes, activity_id=version.activity_id, declared_total=version.declared_total
        )
        if rules.content_hash(content) != version.content_hash:
            yield Breach(f"odds version {version.pk}", "the content has another hash")
        if sum(prize.weight for prize in prizes) != version.declared_total:
            yield Breach(f"odds version {version.pk}", "the weights do not add up")


def _miscounted(activity: Activity, counter: str, key: dict[str, date], first: date) -> Iterator[Breach]:
    """Seats whose counter of the span that began on `first` differs from the draws since then.

    One statement, so that a draw in between is in both numbers or in neither.
    """
    since = clock.local_midnight(first, activity.time_zone)
    draws = Draw.objects.filter(user_id=OuterRef("user_id"), activity_id=OuterRef("activity_id"), created_at__gte=since)
    counted = draws.order_by().values("user_id").annotate(times=Count("pk")).values("times")
    seats = Participation.objects.filter(activity=activity, **key).annotate(drawn=Coalesce(Subquery(counted), 0))
    wrong = seats.exclude(drawn=F(counter)).order_by("pk").values_list("pk", counter, "drawn")
    for pk, noted, drawn in wrong[:_SHOWN]:
        yield Breach(f"participation {pk}", f"{counter} {noted}, {drawn} drawn")


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


def _unpromised(row: Draw, before: Draw | None) -> str:
    """What is wrong with a draw's seed: the draw before it promised one; draws of one request share theirs."""
    if before is None or (before.user_id, before.activity_id) != (row.user_id, row.activity_id):
        return ""
    if before.request_id == row.request_id:
        return "" if before.server_seed == row.server_seed else "another seed than the rest of its request"
    return "" if rules.seed_hash(row.server_seed) == before.next_seed_hash else "its seed was not promised"


def _expected(table: str, *, leg: str, amount: str, where: str) -> str:
    return _EXPECTED.format(table=table, leg=leg, amount=amount, where=where)


def _flow_breaches(noun: str, expected: list[str], *, cause_type: str) -> Iterator[Breach]:
    for cause, leg, due, moved in _rows(_FLOW.format(expected=" UNION ALL ".join(expected), cause_type=cause_type)):
        yield Breach(f"{noun} {cause}", f"{leg}: {due} due, {moved} moved")


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchmany(_SHOWN))
