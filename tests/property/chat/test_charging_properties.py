"""What holds of every price, every usage and whatever a provider says it was."""

from dataclasses import replace
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from apps.chat import rules
from apps.chat.contracts import (
    ImageQuality,
    ImageSize,
    PerAnswer,
    PerImage,
    PerSize,
    PerTokens,
    Price,
    Reported,
    Usage,
    UsageBasis,
)
from apps.chat.rules import charging
from apps.chat.rules.limits import LEAST_OUTPUT_TOKENS

tokens = st.integers(0, 2_000_000)
milli = st.integers(0, 500_000)
per_tokens = st.builds(
    lambda read, saved, written: PerTokens(input_milli=read, cached_milli=max(0, read - saved), output_milli=written),
    milli,
    milli,
    st.integers(1, 500_000),
)
per_image = st.builds(PerImage, image_milli=st.integers(1, 10**7))
sizes, qualities = st.sampled_from(ImageSize.values), st.sampled_from(["", *ImageQuality.values])
rates = st.lists(
    st.builds(PerSize, size=sizes, quality=qualities, milli=st.integers(1, 10**7)),
    max_size=12,
    unique_by=lambda rate: (rate.size, rate.quality),
)
rated = st.builds(lambda milli, rates: PerImage(image_milli=milli, rates=tuple(rates)), st.integers(1, 10**7), rates)
asked_sizes, asked_qualities = sizes | st.sampled_from(["", "auto"]), qualities | st.just("auto")
prices = st.one_of(st.builds(PerAnswer, answer_milli=st.integers(1, 10**9)), per_tokens, per_image)
said = st.none() | st.integers(-5, 5) | st.integers() | tokens
reports = st.builds(
    Reported, input_tokens=said, cached_tokens=said, output_tokens=said, reasoning_tokens=said, is_garbled=st.booleans()
)
counted = st.builds(
    rules.counted, reports, asked_tokens=tokens, kept_tokens=tokens, max_output_tokens=st.integers(1, 100_000)
)
usages = st.builds(lambda usage, images: replace(usage, images=images), counted, st.integers(0, 20))


@given(price=prices, usage=usages, is_delivered=st.booleans(), is_whole=st.booleans(), held=tokens)
def test_a_charge_is_never_below_nothing_nor_above_what_was_held(
    price: Price, usage: Usage, is_delivered: bool, is_whole: bool, held: int
) -> None:
    how = {"usage": usage, "is_delivered": is_delivered, "is_whole": is_whole}
    charge = charging.charge(price, **how, held_milli=held)  # type: ignore[arg-type]

    assert 0 <= charge <= held
    assert is_delivered or charge == 0
    assert charge <= charging.cost(price, **how)  # type: ignore[arg-type]


@given(price=per_tokens, usage=usages)
def test_an_answer_that_was_cut_costs_no_more_than_a_whole_one_nor_than_what_was_kept(
    price: PerTokens, usage: Usage
) -> None:
    cut = charging.cost(price, usage=usage, is_delivered=True, is_whole=False)
    kept = charging.most(price, input_tokens=usage.input_tokens, output_tokens=usage.kept_tokens)

    assert cut <= charging.cost(price, usage=usage, is_delivered=True, is_whole=True)
    assert cut <= kept


@given(price=per_image, usage=usages, asked=st.integers(1, 20), is_whole=st.booleans())
def test_images_cost_their_price_for_each_that_was_kept(
    price: PerImage, usage: Usage, asked: int, is_whole: bool
) -> None:
    cost = charging.cost(price, usage=usage, is_delivered=True, is_whole=is_whole)

    assert cost == sum(price.image_milli for _ in range(usage.images))
    assert (cost == 0) is (usage.images == 0)
    held = charging.most(price, input_tokens=usage.input_tokens, output_tokens=1, images=asked)
    how = {"usage": usage, "is_delivered": True, "is_whole": is_whole, "held_milli": held}
    assert charging.charge(price, **how) == min(cost, held)  # type: ignore[arg-type]
    assert (cost > held) is (usage.images > asked)


@given(price=rated, usage=usages, size=asked_sizes, quality=asked_qualities)
def test_images_cost_what_the_nearest_rate_says_and_never_less_than_the_least(
    price: PerImage, usage: Usage, size: str, quality: str
) -> None:
    rules.check_price(price)
    terms = charging.for_images(price, size=size, quality=quality)
    one = charging.most(terms, input_tokens=0, output_tokens=1)

    said = {(rate.size, rate.quality): rate.milli for rate in price.rates}
    nearest = [said[key] for key in ((size, quality), (size, "")) if key in said]
    of_quality = [milli for (_, named), milli in said.items() if named and named == quality]
    assert one == [*nearest, max(of_quality, default=price.image_milli)][0]
    assert one >= charging.least(price, input_tokens=0, output_tokens=1)
    assert charging.cost(terms, usage=usage, is_delivered=True, is_whole=True) == usage.images * one
    held = charging.most(terms, input_tokens=0, output_tokens=1, images=usage.images)
    assert charging.cost(terms, usage=usage, is_delivered=True, is_whole=False) == held


@given(price=rated, shuffled=st.randoms(use_true_random=False))
def test_the_order_in_which_rates_were_entered_is_lost(price: PerImage, shuffled: Random) -> None:
    others = list(price.rates)
    shuffled.shuffle(others)

    assert charging.in_order(others) == charging.in_order(price.rates)


@given(price=prices, read=st.integers(0, 10_000), written=st.integers(1, 10_000), available=st.integers(0, 10**9))
def test_a_shortened_answer_is_the_longest_that_can_be_paid(
    price: Price, read: int, written: int, available: int
) -> None:
    payable = charging.payable_output(price, input_tokens=read, output_tokens=written, available_milli=available)

    if payable is None:
        floor = min(LEAST_OUTPUT_TOKENS, written)
        assert charging.most(price, input_tokens=read, output_tokens=floor) > available
        return
    assert min(LEAST_OUTPUT_TOKENS, written) <= payable <= written
    assert charging.most(price, input_tokens=read, output_tokens=payable) <= available
    if isinstance(price, PerTokens) and payable < written:
        assert charging.most(price, input_tokens=read, output_tokens=payable + 1) > available


@given(price=per_tokens, read=tokens, written=tokens)
def test_an_answer_is_rounded_up_once(price: PerTokens, read: int, written: int) -> None:
    exact = read * price.input_milli + written * price.output_milli

    assert 0 <= charging.most(price, input_tokens=read, output_tokens=written) * 1000 - exact < 1000


@given(reported=reports, asked=tokens, kept=tokens, most=st.integers(1, 100_000))
def test_a_usage_is_never_negative_nor_absurd(reported: Reported, asked: int, kept: int, most: int) -> None:
    usage = rules.counted(reported, asked_tokens=asked, kept_tokens=kept, max_output_tokens=most)

    assert 0 <= usage.cached_tokens <= usage.input_tokens <= 12 * asked + 2_000
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens <= max(4 * most, kept)
    assert usage.kept_tokens == kept


@given(reported=reports, asked=tokens, kept=tokens, most=st.integers(1, 100_000))
def test_what_is_not_believed_is_flagged(reported: Reported, asked: int, kept: int, most: int) -> None:
    usage = rules.counted(reported, asked_tokens=asked, kept_tokens=kept, max_output_tokens=most)
    given_ = (reported.input_tokens, reported.cached_tokens, reported.output_tokens, reported.reasoning_tokens)
    taken = (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens)

    assume(not reported.is_garbled)
    is_as_said = all(count is None or count == used for count, used in zip(given_, taken, strict=True))
    assert is_as_said or usage.basis is UsageBasis.DOUBTED
    if usage.basis is UsageBasis.REPORTED:
        assert (usage.input_tokens, usage.output_tokens) == (reported.input_tokens, reported.output_tokens)
