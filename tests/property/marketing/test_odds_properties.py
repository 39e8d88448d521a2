"""Any valid weights: every roll has exactly one prize, and each prize has exactly its weight of rolls."""

from collections import Counter
from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from apps.marketing import errors
from apps.marketing.contracts import Counters, Limits, PrizeSpec
from apps.marketing.draws import rules as draws_rules
from apps.marketing.odds.rules import MAX_TOTAL, build_table
from apps.marketing.seats.rules import counted

seeds = st.binary(min_size=32, max_size=32).map(bytes.hex)
weights = st.lists(st.integers(min_value=1, max_value=400), min_size=1, max_size=8)
days = st.dates()


def table(numbers: list[int]) -> tuple[tuple[PrizeSpec, ...], tuple[int, ...]]:
    """A published table with these weights."""
    return build_table(
        PrizeSpec(
            id=UUID(int=place),
            position=place,
            title=str(place),
            kind="nothing",
            amount=0,
            weight=weight,
            is_fallback=False,
            stock_id=None,
        )
        for place, weight in enumerate(numbers)
    )


@given(weights)
def test_hits_equal_weights_over_all_rolls(numbers: list[int]) -> None:
    prizes, bounds = table(numbers)

    hits = Counter(prizes[draws_rules.pick(bounds, roll)].position for roll in range(sum(numbers)))

    assert hits == dict(enumerate(numbers))


@given(st.lists(st.integers(min_value=1, max_value=100_000_000), min_size=1, max_size=8))
def test_the_edges_of_large_tables_are_exact(numbers: list[int]) -> None:
    prizes, bounds = table(numbers)

    for place, prize in enumerate(prizes):
        first, last = bounds[place] - prize.weight, bounds[place] - 1
        assert draws_rules.pick(bounds, first) == draws_rules.pick(bounds, last) == place
    assert bounds[-1] == sum(numbers)


@given(
    seed=seeds,
    client_seed=st.from_regex(r"[A-Za-z0-9_-]{0,64}", fullmatch=True),
    nonce=st.integers(min_value=0, max_value=2**31),
    total=st.integers(min_value=1, max_value=MAX_TOTAL),
)
def test_a_roll_is_in_range_and_repeats_exactly(seed: str, client_seed: str, nonce: int, total: int) -> None:
    version = UUID(int=7)

    rolls = {
        draws_rules.roll(server_seed=seed, version_id=version, client_seed=client_seed, nonce=nonce, total=total)
        for _ in range(2)
    }

    assert len(rolls) == 1
    assert 0 <= rolls.pop() < total


@given(
    used=st.integers(min_value=0, max_value=50),
    limit=st.integers(min_value=0, max_value=50),
    number=st.sampled_from(draws_rules.COUNTS_OFFERED),
    day=days,
    today=days,
)
def test_no_limit_is_ever_passed(used: int, limit: int, number: int, day: date, today: date) -> None:
    before = Counters(total=used, day=used, day_on=day, month=used, month_on=day.replace(day=1))
    try:
        after = counted(before, limits=Limits(day=limit), today=today, number=number)
    except errors.LimitReached:
        return

    assert after.day <= limit
    assert after.total == used + number
    assert after.day_on >= before.day_on
