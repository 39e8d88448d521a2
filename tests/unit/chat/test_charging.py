"""What an answer costs: the table, number by number."""

from dataclasses import replace

import pytest

from apps.chat import errors, rules
from apps.chat.contracts import (
    GenerationState,
    ModelKind,
    PerAnswer,
    PerImage,
    PerSize,
    PerTokens,
    Price,
    Reported,
    UpstreamCost,
    Usage,
    UsageBasis,
)
from apps.chat.rules import charging

FLAT = PerAnswer(answer_milli=700)
BY_IMAGE = PerImage(image_milli=2_500)
TO_READ = PerTokens(input_milli=20, cached_milli=20, output_milli=0)
BY_TOKEN = PerTokens(input_milli=200, cached_milli=50, output_milli=800)
USAGE = Usage(
    input_tokens=1000,
    cached_tokens=400,
    output_tokens=300,
    reasoning_tokens=100,
    kept_tokens=120,
    basis=UsageBasis.REPORTED,
    images=3,
)


@pytest.mark.parametrize(
    ("price", "is_delivered", "is_whole", "cost"),
    [
        (FLAT, True, True, 700),
        (FLAT, True, False, 700),
        (FLAT, False, True, 0),
        # 600 at 200, 400 at 50, 300 at 800; of one that was cut 120 at 800.
        (BY_TOKEN, True, True, 120 + 20 + 240),
        (BY_TOKEN, True, False, 120 + 20 + 96),
        (BY_TOKEN, False, False, 0),
        # The whole price for each image that was kept, however it ended.
        (BY_IMAGE, True, True, 7_500),
        (BY_IMAGE, True, False, 7_500),
        (BY_IMAGE, False, True, 0),
        (TO_READ, True, True, 20),
    ],
)
def test_an_answer_costs_what_the_table_says(price: Price, is_delivered: bool, is_whole: bool, cost: int) -> None:
    assert charging.cost(price, usage=USAGE, is_delivered=is_delivered, is_whole=is_whole) == cost


RATED = PerImage(
    image_milli=2_500,
    rates=(
        PerSize(size="512x512", milli=900),
        PerSize(size="1024x1024", milli=3_000),
        PerSize(size="1024x1024", quality="hd", milli=6_000),
        PerSize(size="1024x1536", quality="high", milli=9_000),
    ),
)


@pytest.mark.parametrize(
    ("size", "quality", "milli"),
    [
        # Size and quality, else the size in any quality, else the dearest of the quality, else the price of an image.
        ("1024x1024", "hd", 6_000),
        ("1024x1024", "standard", 3_000),
        ("1024x1024", "auto", 3_000),
        ("1024x1024", "", 3_000),
        ("512x512", "hd", 900),
        ("1024x1536", "high", 9_000),
        ("1024x1536", "low", 2_500),
        ("1024x1536", "", 2_500),
        ("256x256", "hd", 6_000),
        ("auto", "hd", 6_000),
        ("", "hd", 6_000),
        ("", "high", 9_000),
        ("", "low", 2_500),
        ("256x256", "", 2_500),
        ("auto", "auto", 2_500),
        ("", "", 2_500),
    ],
)
def test_images_cost_the_rate_of_what_was_asked_for(size: str, quality: str, milli: int) -> None:
    asked = charging.for_images(RATED, size=size, quality=quality)

    assert charging.most(asked, input_tokens=9, output_tokens=9, images=2) == 2 * milli
    assert charging.cost(asked, usage=USAGE, is_delivered=True, is_whole=True) == 3 * milli


def test_whoever_can_pay_the_cheapest_image_can_ask() -> None:
    assert charging.least(RATED, input_tokens=9, output_tokens=9) == 900
    assert charging.least(BY_IMAGE, input_tokens=9, output_tokens=9) == 2_500


def test_of_texts_no_size_is_asked() -> None:
    assert charging.for_images(FLAT, size="512x512", quality="hd") == FLAT


def test_no_image_costs_nothing() -> None:
    usage = replace(USAGE, images=0)

    assert charging.cost(BY_IMAGE, usage=usage, is_delivered=True, is_whole=True) == 0


def test_an_image_costs_us_its_own_price_beside_the_tokens() -> None:
    terms = UpstreamCost(input_microyuan=2000, cached_microyuan=500, output_microyuan=8000, image_microyuan=60_000)

    assert charging.upstream_cost(terms, usage=USAGE) == 3 * 60_000 + 1200 + 200 + 2400
    assert charging.upstream_cost(replace(terms, image_microyuan=0), usage=USAGE) == 3800


def test_a_cut_answer_costs_less_where_its_provider_counts_less_than_we() -> None:
    usage = replace(USAGE, output_tokens=80)

    assert charging.cost(BY_TOKEN, usage=usage, is_delivered=True, is_whole=False) == 120 + 20 + 64


def test_one_token_costs_the_smallest_part_of_a_credit() -> None:
    usage = replace(USAGE, input_tokens=0, cached_tokens=0, output_tokens=1)

    assert charging.cost(BY_TOKEN, usage=usage, is_delivered=True, is_whole=True) == 1


@pytest.mark.parametrize(("held", "charged"), [(1000, 380), (380, 380), (379, 379), (0, 0)])
def test_no_more_is_charged_than_was_held(held: int, charged: int) -> None:
    asked = {"usage": USAGE, "is_delivered": True, "is_whole": True}

    assert charging.charge(BY_TOKEN, **asked, held_milli=held) == charged  # type: ignore[arg-type]


def test_all_input_is_held_for_as_if_it_were_new() -> None:
    assert charging.most(BY_TOKEN, input_tokens=1000, output_tokens=2000) == 200 + 1600
    assert charging.most(FLAT, input_tokens=1000, output_tokens=2000) == 700
    assert charging.most(BY_IMAGE, input_tokens=1000, output_tokens=2000) == 2_500
    assert charging.most(BY_IMAGE, input_tokens=1000, output_tokens=2000, images=4) == 10_000
    assert charging.most(TO_READ, input_tokens=1001, output_tokens=2000) == 21


@pytest.mark.parametrize(
    ("available", "payable"),
    [
        (10_000, 2000),  # 20 for the input, 1600 for all of it
        (1620, 2000),
        (1619, 1998),
        (100, 100),  # the least of an answer
        (99, None),
        (0, None),
    ],
)
def test_an_answer_is_as_long_as_can_be_paid(available: int, payable: int | None) -> None:
    assert charging.payable_output(BY_TOKEN, input_tokens=100, output_tokens=2000, available_milli=available) == payable


def test_a_model_of_short_answers_has_a_lower_floor() -> None:
    asked = {"input_tokens": 0, "output_tokens": 10}

    assert charging.payable_output(BY_TOKEN, **asked, available_milli=8) == 10
    assert charging.payable_output(BY_TOKEN, **asked, available_milli=7) is None


@pytest.mark.parametrize(
    ("price", "field"),
    [
        (PerAnswer(answer_milli=0), "price_milli"),
        (PerAnswer(answer_milli=-1), "price_milli"),
        (PerAnswer(answer_milli=10**9 + 1), "price_milli"),
        (replace(TO_READ, input_milli=0, cached_milli=0), "output_milli"),
        (PerImage(image_milli=0), "image_milli"),
        (PerImage(image_milli=10**7 + 1), "image_milli"),
        (PerImage(image_milli=1, rates=(PerSize(size="512x512", milli=0),)), "rates"),
        (PerImage(image_milli=1, rates=(PerSize(size="512x512", milli=10**7 + 1),)), "rates"),
        (PerImage(image_milli=1, rates=(PerSize(size="7x7", milli=1),)), "rates"),
        (PerImage(image_milli=1, rates=(PerSize(size="", quality="hd", milli=1),)), "rates"),
        (PerImage(image_milli=1, rates=(PerSize(size="512x512", quality="auto", milli=1),)), "rates"),
        (PerImage(image_milli=1, rates=(PerSize(size="512x512", milli=1), PerSize(size="512x512", milli=2))), "rates"),
        (replace(BY_TOKEN, output_milli=500_001), "output_milli"),
        (replace(BY_TOKEN, input_milli=-1, cached_milli=-1), "input_milli"),
        (replace(BY_TOKEN, cached_milli=201), "cached_milli"),
        (replace(BY_TOKEN, cached_milli=-1), "cached_milli"),
    ],
)
def test_a_price_that_nobody_could_be_asked_is_refused(price: Price, field: str) -> None:
    with pytest.raises(errors.ConfigurationNotValid) as refused:
        rules.check_price(price)

    assert refused.value.context == {"field": field}


@pytest.mark.parametrize("kind", ModelKind)
@pytest.mark.parametrize(
    ("price", "of", "field"),
    [
        (FLAT, ModelKind.TEXT, "price_kind"),
        (BY_TOKEN, ModelKind.TEXT, "output_milli"),
        (BY_IMAGE, ModelKind.IMAGE, "price_kind"),
        (TO_READ, ModelKind.EMBEDDING, "output_milli"),
    ],
)
def test_a_price_counts_what_models_of_its_kind_make(price: Price, of: ModelKind, field: str, kind: ModelKind) -> None:
    assert rules.is_fitting(price, kind=kind) is (kind is of)
    if kind is of:
        rules.check_price_fits(price, kind=kind)
        return
    with pytest.raises(errors.ConfigurationNotValid) as refused:
        rules.check_price_fits(price, kind=kind)

    assert refused.value.context == {"field": "price_kind" if kind is ModelKind.IMAGE else field}


def test_the_largest_hold_fits_its_column() -> None:
    dearest = PerTokens(input_milli=500_000, cached_milli=0, output_milli=500_000)
    rules.check_price(dearest)

    whole_context = charging.most(dearest, input_tokens=rules.MOST_CONTEXT_TOKENS, output_tokens=1)
    assert whole_context < 2**31 - 1
    images = PerImage(image_milli=10**7)
    rules.check_price(images)
    assert charging.most(images, input_tokens=0, output_tokens=1, images=100) < 2**31 - 1


@pytest.mark.parametrize(
    ("state", "finish_reason", "is_whole"),
    [
        (GenerationState.FINISHED, "stop", True),
        (GenerationState.FINISHED, "length", True),
        (GenerationState.FINISHED, "content_filter", False),
        (GenerationState.FINISHED, "sensitive", False),
        (GenerationState.STOPPED, "", False),
        (GenerationState.INTERRUPTED, "", False),
        (GenerationState.FAILED, "stop", False),
    ],
)
def test_only_what_came_to_its_own_end_is_whole(state: GenerationState, finish_reason: str, is_whole: bool) -> None:
    assert rules.is_whole(state=state, finish_reason=finish_reason) is is_whole


SAID = Reported(input_tokens=90, cached_tokens=40, output_tokens=70, reasoning_tokens=20)


@pytest.mark.parametrize(
    ("reported", "counts", "basis"),
    [
        (SAID, (90, 40, 70, 20), UsageBasis.REPORTED),
        (Reported(input_tokens=90, output_tokens=70), (90, 0, 70, 0), UsageBasis.REPORTED),
        (Reported(), (80, 0, 60, 0), UsageBasis.COUNTED),
        (Reported(output_tokens=70), (80, 0, 70, 0), UsageBasis.COUNTED),
        (Reported(is_garbled=True), (80, 0, 60, 0), UsageBasis.DOUBTED),
        (replace(SAID, input_tokens=-1), (80, 40, 70, 20), UsageBasis.DOUBTED),
        (replace(SAID, output_tokens=-5), (90, 40, 60, 20), UsageBasis.DOUBTED),
        (replace(SAID, input_tokens=2_000_000), (80, 40, 70, 20), UsageBasis.DOUBTED),
        (replace(SAID, output_tokens=2_000_000), (90, 40, 60, 20), UsageBasis.DOUBTED),
        (replace(SAID, cached_tokens=91), (90, 0, 70, 20), UsageBasis.DOUBTED),
        (replace(SAID, reasoning_tokens=71), (90, 40, 70, 0), UsageBasis.DOUBTED),
        # More than was asked for, as some give: it is what they gave, and the hold bounds what it costs.
        (replace(SAID, output_tokens=399), (90, 40, 399, 20), UsageBasis.REPORTED),
        (replace(SAID, output_tokens=401), (90, 40, 60, 20), UsageBasis.DOUBTED),
    ],
)
def test_a_count_that_cannot_be_true_gives_way_to_ours(
    reported: Reported, counts: tuple[int, ...], basis: UsageBasis
) -> None:
    usage = rules.counted(reported, asked_tokens=80, kept_tokens=60, max_output_tokens=100)

    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens) == counts
    assert (usage.kept_tokens, usage.basis) == (60, basis)


def test_as_much_output_as_was_kept_is_believed_whatever_was_asked_for() -> None:
    def basis(output_tokens: int) -> UsageBasis:
        said = replace(SAID, output_tokens=output_tokens)
        return rules.counted(said, asked_tokens=80, kept_tokens=60, max_output_tokens=10).basis

    assert (basis(60), basis(61)) == (UsageBasis.REPORTED, UsageBasis.DOUBTED)
