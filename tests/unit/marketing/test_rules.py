"""Marketing's pure decisions, example by example."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from uuid import UUID

import pytest

from apps.marketing import errors
from apps.marketing.campaigns import rules as campaigns_rules
from apps.marketing.contracts import (
    ActivityState,
    Counters,
    FallbackReason,
    Limits,
    PrizeDraft,
    PrizeSpec,
)
from apps.marketing.draws import rules as draws_rules
from apps.marketing.earning import rules as earning_rules
from apps.marketing.exchange import rules as exchange_rules
from apps.marketing.odds import rules as odds_rules
from apps.marketing.seats import rules as seats_rules

ACTIVITY = UUID("0193d0a0-0000-7000-8000-000000000001")
STOCK = UUID("0193d0a0-0000-7000-8000-000000000002")
QUOTA = PrizeDraft(position=0, title="5 credits", kind="quota", amount=5000, weight=10, stock_id=STOCK)
POINTS = PrizeDraft(position=1, title="20 points", kind="points", amount=20, weight=190)
THANKS = PrizeDraft(position=7, title="谢谢参与", kind="nothing", weight=800, is_fallback=True)
SOUND = (QUOTA, POINTS, THANKS)


def spec(position: int, weight: int) -> PrizeSpec:
    """A prize of which only place and weight matter."""
    return PrizeSpec(
        id=UUID(int=position),
        position=position,
        title=str(position),
        kind="nothing",
        amount=0,
        weight=weight,
        is_fallback=False,
        stock_id=None,
    )


def check(*prizes: PrizeDraft, total: int = 1000, stocks: dict[UUID, int] | None = None) -> None:
    """Ask whether these prizes could be published."""
    odds_rules.check_publishable(prizes, declared_total=total, stocks=stocks or {STOCK: 1})


# Publication --------------------------------------------------------------------------------------


def test_sound_odds_can_be_published() -> None:
    check(*SOUND)


def test_a_limited_prize_must_be_there_to_be_promised() -> None:
    with pytest.raises(errors.OddsStockEmpty):
        check(*SOUND, stocks={STOCK: 0})


@pytest.mark.parametrize(
    ("prizes", "total", "refusal"),
    [
        ((), 1000, errors.OddsWithoutPrizes),
        (SOUND, 0, errors.OddsTotalOutOfRange),
        (SOUND, 1_000_000_001, errors.OddsTotalOutOfRange),
        (SOUND, 999, errors.OddsWeightsMismatch),
        (SOUND, 1001, errors.OddsWeightsMismatch),
        ((QUOTA, replace(POINTS, position=0), THANKS), 1000, errors.OddsPositionRepeated),
        ((QUOTA, replace(POINTS, position=8), THANKS), 1000, errors.OddsPositionOutOfRange),
        ((QUOTA, replace(POINTS, position=-1), THANKS), 1000, errors.OddsPositionOutOfRange),
        ((QUOTA, replace(POINTS, kind="car"), THANKS), 1000, errors.OddsKindUnknown),
        ((QUOTA, replace(POINTS, amount=0), THANKS), 1000, errors.OddsAmountInvalid),
        ((QUOTA, replace(POINTS, amount=-1), THANKS), 1000, errors.OddsAmountInvalid),
        ((QUOTA, POINTS, replace(THANKS, amount=1)), 1000, errors.OddsAmountInvalid),
        ((QUOTA, replace(POINTS, amount=10**12 + 1), THANKS), 1000, errors.OddsAmountInvalid),
        ((QUOTA, replace(POINTS, weight=0), THANKS), 810, errors.OddsWeightNotPositive),
        ((QUOTA, replace(POINTS, weight=-190), THANKS), 620, errors.OddsWeightNotPositive),
        ((QUOTA, replace(POINTS, stock_id=ACTIVITY), THANKS), 1000, errors.OddsStockForeign),
        ((QUOTA, POINTS, replace(THANKS, is_fallback=False)), 1000, errors.OddsFallbackMissing),
        ((QUOTA, replace(POINTS, is_fallback=True), THANKS), 1000, errors.OddsFallbackAmbiguous),
        ((QUOTA, POINTS, replace(THANKS, stock_id=STOCK)), 1000, errors.OddsFallbackLimited),
    ],
)
def test_unsound_odds_are_refused_by_name(
    prizes: tuple[PrizeDraft, ...], total: int, refusal: type[errors.OddsNotPublishable]
) -> None:
    with pytest.raises(errors.OddsNotPublishable) as refused:
        check(*prizes, total=total)

    assert type(refused.value) is refusal


def test_every_refusal_has_a_code_of_its_own() -> None:
    classes = errors.OddsNotPublishable.__subclasses__()

    assert all(one.code != other.code for one, other in combinations(classes, 2))


@pytest.mark.parametrize(("text_format", "named"), [(1, ""), (2, '"format":2,')])
def test_the_published_text_of_a_format_never_changes(text_format: int, named: str) -> None:
    texts = {
        odds_rules.canonical_content(prizes, activity_id=ACTIVITY, declared_total=1000, text_format=text_format)
        for prizes in (SOUND, tuple(reversed(SOUND)))
    }

    assert texts == {
        f'{{"activity":"0193d0a0-0000-7000-8000-000000000001","declared_total":1000,{named}"prizes":['
        '{"amount":5000,"fallback":false,"kind":"quota","position":0,'
        '"stock":"0193d0a0-0000-7000-8000-000000000002","title":"5 credits","weight":10},'
        '{"amount":20,"fallback":false,"kind":"points","position":1,"stock":null,"title":"20 points","weight":190},'
        '{"amount":0,"fallback":true,"kind":"nothing","position":7,"stock":null,"title":"谢谢参与","weight":800}]}'
    }
    assert odds_rules.format_of(texts.pop()) == text_format


# Selection ----------------------------------------------------------------------------------------


def test_every_roll_of_a_table_leads_to_its_prize() -> None:
    prizes, bounds = odds_rules.build_table([spec(2, 7), spec(0, 1), spec(1, 2)])

    assert [prizes[draws_rules.pick(bounds, roll)].position for roll in range(10)] == [0, 1, 1, 2, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("roll", [-1, 10, 11])
def test_a_roll_outside_the_table_is_a_bug_and_never_a_prize(roll: int) -> None:
    _, bounds = odds_rules.build_table([spec(0, 1), spec(1, 9)])

    with pytest.raises(IndexError):
        draws_rules.pick(bounds, roll)


@pytest.mark.parametrize(
    ("weight", "total", "shown"),
    [(1, 1000, "0.1"), (1, 1, "100"), (1, 3, "33.333333"), (1, 1_000_000_000, "0"), (19, 100, "19")],
)
def test_percentages_are_written_without_noise(weight: int, total: int, shown: str) -> None:
    assert odds_rules.percent(weight, total) == shown


@pytest.mark.parametrize(
    ("kind", "weight", "rare"), [("quota", 50, True), ("quota", 51, False), ("nothing", 1, False), ("points", 1, True)]
)
def test_a_prize_that_one_draw_in_twenty_wins_is_rare(kind: str, weight: int, *, rare: bool) -> None:
    assert odds_rules.is_rare(kind=kind, weight=weight, total=1000) is rare


# Rolls: vectors computed by another program (openssl dgst -sha256 -mac HMAC) --------------------------

VERSION = UUID("0193d0a0-1234-7000-8000-00000000abcd")


@pytest.mark.parametrize(
    ("seed", "client_seed", "nonce", "total", "expected"),
    [
        ("00" * 32, "", 0, 1000, 652),
        ("00" * 32, "lucky-7", 41, 1000, 685),
        ("0123456789abcdef" * 4, "lucky-7", 41, 10_000, 5307),
        ("ff" * 32, "A_b-9", 123_456, 1_000_000_000, 734280652),
        ("ff" * 32, "A_b-9", 123_456, 1, 0),
        # Of the first digest no candidate is fair to so large a total: the second is asked.
        ("00" * 32, "", 59, 2**63 + 1, 157023064501270814),
    ],
)
def test_a_roll_is_what_another_program_computes(
    seed: str, client_seed: str, nonce: int, total: int, expected: int
) -> None:
    rolled = draws_rules.roll(server_seed=seed, version_id=VERSION, client_seed=client_seed, nonce=nonce, total=total)

    assert rolled == expected


def test_a_candidate_that_would_favour_small_numbers_is_thrown_away() -> None:
    # 2**64 is 6 more than a multiple of 10: the six highest candidates are one too many for 0..5.
    highest_fair, lowest_unfair = 2**64 - 7, 2**64 - 6
    words = [lowest_unfair, 2**64 - 1, highest_fair, 3]
    digest = b"".join(word.to_bytes(8, "big") for word in words)

    assert draws_rules.first_fair(digest, 10) == highest_fair % 10 == 9
    assert draws_rules.first_fair(digest[:16], 10) is None


def test_the_promise_is_the_hash_of_the_seeds_bytes() -> None:
    assert seats_rules.seed_hash("00" * 32) == "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"


@pytest.mark.parametrize("seed", ["", "a", "A-z_0-9", "x" * 64])
def test_a_plain_client_seed_is_taken(seed: str) -> None:
    draws_rules.check_client_seed(seed)


# Windows and limits -------------------------------------------------------------------------------

OPENS = datetime(2026, 11, 1, tzinfo=UTC)
CLOSES = datetime(2026, 12, 1, tzinfo=UTC)
DAY = date(2026, 11, 21)
MONTH = date(2026, 11, 1)
FRESH = Counters(total=0, day=0, day_on=DAY, month=0, month_on=MONTH)


def is_open(state: ActivityState, now: datetime) -> None:
    """Ask the window."""
    campaigns_rules.check_open(state=state, starts_at=OPENS, ends_at=CLOSES, now=now)


def test_a_window_opens_at_its_start_and_closes_before_its_end() -> None:
    is_open(ActivityState.LIVE, OPENS)
    is_open(ActivityState.LIVE, CLOSES - timedelta(microseconds=1))
    with pytest.raises(errors.ActivityNotStarted):
        is_open(ActivityState.LIVE, OPENS - timedelta(microseconds=1))
    with pytest.raises(errors.ActivityEnded):
        is_open(ActivityState.LIVE, CLOSES)


def test_a_draft_does_not_exist_for_members() -> None:
    with pytest.raises(errors.ActivityNotFound):
        is_open(ActivityState.DRAFT, OPENS)


@pytest.mark.parametrize("state", ActivityState)
def test_only_a_draft_moves_to_another_time_zone(state: ActivityState) -> None:
    campaigns_rules.check_time_zone_change(state=state, before="Asia/Shanghai", after="Asia/Shanghai")
    if state == ActivityState.DRAFT:
        campaigns_rules.check_time_zone_change(state=state, before="Asia/Shanghai", after="UTC")
        return
    with pytest.raises(errors.TimeZoneFixed) as refusal:
        campaigns_rules.check_time_zone_change(state=state, before="Asia/Shanghai", after="UTC")
    assert refusal.value.context == {"time_zone": "Asia/Shanghai"}


def test_without_limits_everything_is_counted_and_nothing_refused() -> None:
    after = seats_rules.counted(FRESH, limits=Limits(), today=DAY, number=10)

    assert (after.total, after.day, after.month) == (10, 10, 10)


@pytest.mark.parametrize(
    ("limits", "scope"), [(Limits(day=9), "day"), (Limits(month=9), "month"), (Limits(total=9), "total")]
)
def test_ten_draws_do_not_fit_into_nine(limits: Limits, scope: str) -> None:
    with pytest.raises(errors.LimitReached) as refusal:
        seats_rules.counted(FRESH, limits=limits, today=DAY, number=10)

    assert refusal.value.context == {"scope": scope, "limit": 9, "left": 9}


def test_of_a_limit_that_was_lowered_since_nothing_is_left() -> None:
    with pytest.raises(errors.LimitReached) as refusal:
        seats_rules.counted(replace(FRESH, total=8), limits=Limits(total=5), today=DAY, number=1)

    assert refusal.value.context == {"scope": "total", "limit": 5, "left": 0}


def test_a_new_day_starts_at_zero_and_keeps_the_month() -> None:
    used = Counters(total=5, day=3, day_on=DAY, month=4, month_on=MONTH)

    assert seats_rules.rolled_over(used, today=DAY + timedelta(days=1)) == replace(
        used, day=0, day_on=DAY + timedelta(days=1)
    )


def test_a_new_month_starts_at_zero_and_keeps_the_total() -> None:
    used = Counters(total=5, day=3, day_on=date(2026, 11, 30), month=4, month_on=MONTH)

    after = seats_rules.rolled_over(used, today=date(2026, 12, 1))

    assert after == Counters(total=5, day=0, day_on=date(2026, 12, 1), month=0, month_on=date(2026, 12, 1))


def test_a_clock_that_steps_back_gives_no_draw_a_second_time() -> None:
    used = Counters(total=1, day=1, day_on=DAY, month=1, month_on=MONTH)

    with pytest.raises(errors.LimitReached):
        seats_rules.counted(used, limits=Limits(day=1), today=DAY - timedelta(days=1), number=1)
    with pytest.raises(errors.LimitReached):
        seats_rules.counted(used, limits=Limits(month=1), today=MONTH - timedelta(days=1), number=1)


def test_what_is_left_is_the_smallest_of_chances_and_limits() -> None:
    used = Counters(total=8, day=1, day_on=DAY, month=2, month_on=MONTH)

    assert seats_rules.draws_left(used, limits=Limits(total=10, day=3, month=9), chances=5) == (2, 2)
    assert seats_rules.draws_left(used, limits=Limits(day=3), chances=5) == (2, 5)
    assert seats_rules.draws_left(used, limits=Limits(), chances=5) == (5, 5)
    assert seats_rules.draws_left(used, limits=Limits(total=1), chances=5) == (0, 0)


def test_the_limit_that_holds_longest_is_named() -> None:
    used = Counters(total=8, day=1, day_on=DAY, month=2, month_on=MONTH)

    assert seats_rules.limit_reached(used, limits=Limits()) == ""
    assert seats_rules.limit_reached(used, limits=Limits(total=9, month=3, day=2)) == ""
    assert seats_rules.limit_reached(used, limits=Limits(total=9, month=3, day=1)) == "day"
    assert seats_rules.limit_reached(used, limits=Limits(total=9, month=2, day=1)) == "month"
    assert seats_rules.limit_reached(used, limits=Limits(total=7, month=2, day=1)) == "total"


# Rewards ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fen", "points"), [(0, 10), (99, 10), (100, 12), (990, 28), (1000, 30)])
def test_points_per_yuan_count_whole_yuan(fen: int, points: int) -> None:
    assert earning_rules.rebate_points(points=10, points_per_yuan=2, amount_fen=fen) == points


def test_a_streak_grows_by_daily_sign_ins_and_breaks_by_a_gap() -> None:
    yesterday, before = DAY - timedelta(days=1), DAY - timedelta(days=2)

    assert earning_rules.next_streak(today=DAY, last_day=None, last_streak=0) == 1
    assert earning_rules.next_streak(today=DAY, last_day=yesterday, last_streak=6) == 7
    assert earning_rules.next_streak(today=DAY, last_day=before, last_streak=6) == 1
    assert earning_rules.living_streak(today=DAY, last_day=yesterday, last_streak=6) == 6
    assert earning_rules.living_streak(today=DAY, last_day=before, last_streak=6) == 0
    assert earning_rules.living_streak(today=DAY, last_day=None, last_streak=0) == 0


def test_months_are_read_strictly() -> None:
    assert earning_rules.month_of("2026-12") == (date(2026, 12, 1), date(2027, 1, 1))
    for text in ("2026-13", "2026-00", "0000-01", "2026-1", "26-01", "2026-01-01", "９９９９-01", "9999-12", ""):
        with pytest.raises(errors.MonthInvalid):
            earning_rules.month_of(text)


@pytest.mark.parametrize(
    ("name", "shown"), [("", "**"), ("A", "A**"), ("李雷", "李**"), ("Bob", "B**b"), ("Alice", "A**e")]
)
def test_names_are_masked(name: str, shown: str) -> None:
    assert draws_rules.masked(name) == shown


def test_every_state_has_its_row_in_the_transition_table() -> None:
    assert set(campaigns_rules.NEXT_ACTIVITY) == set(ActivityState.values)
    with pytest.raises(errors.IllegalTransition):
        campaigns_rules.check_transition(campaigns_rules.NEXT_ACTIVITY, ActivityState.ENDED, ActivityState.LIVE)


def test_an_activity_pauses_and_goes_on_and_an_end_is_an_end() -> None:
    steps = {(before, after) for before, allowed in campaigns_rules.NEXT_ACTIVITY.items() for after in allowed}

    assert steps == {
        ("draft", "live"), ("live", "paused"), ("paused", "live"),
        ("draft", "ended"), ("live", "ended"), ("paused", "ended"),
    }  # fmt: skip


def test_reasons_fit_their_column() -> None:
    assert all(len(reason) <= 10 for reason in FallbackReason.values)


@pytest.mark.parametrize(
    ("streaks", "mended"),
    [
        ([(5, 5), (4, 4), (3, 3)], 5),
        ([(5, 1), (4, 4), (3, 3)], 5),
        ([(6, 2), (5, 1), (4, 4)], 6),
        ([(6, 1), (4, 4)], 1),
        ([(9, 400)], 400),
    ],
)
def test_a_streak_that_a_wrong_clock_cut_is_as_long_as_its_days(streaks: list[tuple[int, int]], mended: int) -> None:
    assert earning_rules.mended_streak([(date(2026, 11, day), streak) for day, streak in streaks]) == mended


def test_a_chance_is_worth_something_until_the_very_end() -> None:
    ends_at = datetime(2026, 11, 30, tzinfo=UTC)

    def is_worth(state: ActivityState, before_the_end: timedelta) -> bool:
        return campaigns_rules.is_worth_chances(state=state, ends_at=ends_at, now=ends_at - before_the_end)

    assert is_worth(ActivityState.LIVE, timedelta(microseconds=1))
    assert is_worth(ActivityState.PAUSED, timedelta(days=1))
    assert not is_worth(ActivityState.LIVE, timedelta(0))


def test_a_streak_of_two_days_is_mended_too() -> None:
    assert earning_rules.mended_streak([(date(2026, 11, 2), 1), (date(2026, 11, 1), 5)]) == 6


@pytest.mark.parametrize("limit", [None, 1, 3])
def test_a_member_may_buy_what_is_left_for_them_and_not_one_more(limit: int | None) -> None:
    for bought in range(5):
        left = exchange_rules.left_for_member(limit, bought=bought)
        for quantity in range(1, 6):
            most = exchange_rules.most_bought_before(limit, quantity=quantity)
            assert (most is None or bought <= most) == (left is None or quantity <= left)
