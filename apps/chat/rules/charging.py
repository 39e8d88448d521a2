"""What an answer costs: the only place that reads the terms of a price. Amounts are milli-credits.

A price by the token is for a thousand of them; what an answer costs is rounded up once, as a whole.
"""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Protocol, TypeVar

from apps.chat import errors
from apps.chat.contracts import (
    Extras,
    ImageQuality,
    ImageSize,
    PerAnswer,
    PerImage,
    PerSize,
    PerTokens,
    Price,
    UpstreamCost,
    Usage,
)
from apps.chat.rules.limits import LEAST_OUTPUT_TOKENS

_PER = 1000
# The dearest: the largest hold fits its column, whatever is asked (with MOST_CONTEXT_TOKENS).
_MOST_MILLI_PER_ANSWER = 10**9
_MOST_MILLI_PER_IMAGE = 10**7
_MOST_MILLI_PER_THOUSAND = 500_000
_MOST_MILLI_PER_EXTRA = 10**7
_MOST_MICROYUAN = 10**9
MOST_CONTEXT_TOKENS = 2_000_000


class Sized(Protocol):
    """A rate of a price: a contract, or a row of the database."""

    @property
    def size(self) -> str:
        """The size that it is for."""

    @property
    def quality(self) -> str:
        """The quality that it is for, or any."""

    @property
    def milli(self) -> int:
        """What an image costs by it."""


Rate = TypeVar("Rate", bound=Sized)


def check_cost(terms: UpstreamCost) -> None:
    """Raise ConfigurationNotValid for what no provider asks."""
    for name, value in asdict(terms).items():
        if not 0 <= value <= _MOST_MICROYUAN:
            raise errors.ConfigurationNotValid(field=name)


def check_price(price: Price) -> None:
    """Raise ConfigurationNotValid for a price that nobody could be asked."""
    match price:
        case PerAnswer():
            if not 0 < price.answer_milli <= _MOST_MILLI_PER_ANSWER:
                raise errors.ConfigurationNotValid(field="price_milli")
        case PerImage():
            if not 0 < price.image_milli <= _MOST_MILLI_PER_IMAGE:
                raise errors.ConfigurationNotValid(field="image_milli")
            _check_rates(price.rates)
        case PerTokens():
            # Where nothing is written, what is read costs something.
            least_output = 0 if price.input_milli > 0 else 1
            if not least_output <= price.output_milli <= _MOST_MILLI_PER_THOUSAND:
                raise errors.ConfigurationNotValid(field="output_milli")
            if not 0 <= price.input_milli <= _MOST_MILLI_PER_THOUSAND:
                raise errors.ConfigurationNotValid(field="input_milli")
            # What is set aside takes all input for new.
            if not 0 <= price.cached_milli <= price.input_milli:
                raise errors.ConfigurationNotValid(field="cached_milli")


def _check_rates(rates: tuple[PerSize, ...]) -> None:
    for rate in rates:
        is_known = rate.size in ImageSize.values and rate.quality in {"", *ImageQuality.values}
        if not (is_known and 0 < rate.milli <= _MOST_MILLI_PER_IMAGE):
            raise errors.ConfigurationNotValid(field="rates")
    if len({(rate.size, rate.quality) for rate in rates}) < len(rates):
        raise errors.ConfigurationNotValid(field="rates")


def in_order(rates: Iterable[PerSize]) -> tuple[PerSize, ...]:
    """Rates as prices hold them and pages list them: by size, and of each size that for any quality first."""
    sizes, qualities = list(ImageSize.values), ["", *ImageQuality.values]
    return tuple(sorted(rates, key=lambda rate: (sizes.index(rate.size), qualities.index(rate.quality))))


def rate_for(rates: Iterable[Rate], *, size: str, quality: str) -> Rate | None:
    """The one of a price's rates that counts for images that are asked for so: that of their size and quality, else
    that of their size in any quality, else the dearest of their quality, else none: they cost what everything without
    a rate does. Who leaves the size to the provider, which draws its largest, gets no quality for less.
    """
    found = {(rate.size, rate.quality): rate for rate in rates}
    of_quality = [rate for rate in found.values() if rate.quality and rate.quality == quality]
    dearest = max(of_quality, key=lambda rate: (rate.milli, rate.size), default=None)
    return found.get((size, quality)) or found.get((size, "")) or dearest


def for_images(price: Price, *, size: str, quality: str) -> Price:
    """The terms at which images are made that are asked for so; those of anything else are the same."""
    if not isinstance(price, PerImage):
        return price
    rate = rate_for(price.rates, size=size, quality=quality)
    return PerImage(image_milli=price.image_milli if rate is None else rate.milli)


def check_extras(extras: Extras, *, can_think: bool, can_search: bool) -> None:
    """Raise ConfigurationNotValid for extras that nobody could be asked, or for what the model cannot do."""
    for name, value, can in (
        ("think_milli", extras.think_milli, can_think),
        ("search_milli", extras.search_milli, can_search),
    ):
        if not 0 <= value <= (_MOST_MILLI_PER_EXTRA if can else 0):
            raise errors.ConfigurationNotValid(field=name)


def on_top(extras: Extras, *, thinks: bool | None, searches: bool) -> int:
    """What an answer costs on top of its price, once it is delivered, for what was asked of it beside words."""
    return (extras.think_milli if thinks else 0) + (extras.search_milli if searches else 0)


def most(price: Price, *, input_tokens: int, output_tokens: int, images: int = 1, extra_milli: int = 0) -> int:
    """The most that an answer of so many tokens, or so many images, can cost: what is set aside before it is begun."""
    match price:
        case PerAnswer():
            return price.answer_milli + extra_milli
        case PerImage():
            return images * price.image_milli + extra_milli
        case PerTokens():
            return _rounded_up(input_tokens * price.input_milli + output_tokens * price.output_milli) + extra_milli


def least(price: Price, *, input_tokens: int, output_tokens: int, images: int = 1, extra_milli: int = 0) -> int:
    """What has to be there for an answer of at most so many tokens to be begun at all, though it may be cut short; for
    images all that they can cost, at the lowest rate.
    """
    if isinstance(price, PerImage):
        price = replace(price, image_milli=min([price.image_milli, *(rate.milli for rate in price.rates)]))
    output_tokens = min(output_tokens, LEAST_OUTPUT_TOKENS)
    return most(price, input_tokens=input_tokens, output_tokens=output_tokens, images=images, extra_milli=extra_milli)


def payable_output(
    price: Price,
    *,
    input_tokens: int,
    output_tokens: int,
    available_milli: int,
    images: int = 1,
    extra_milli: int = 0,
) -> int | None:
    """How long an answer may be, at most so many tokens, that this pays for; None when it pays for none of use."""
    asked = {"input_tokens": input_tokens, "output_tokens": output_tokens, "images": images, "extra_milli": extra_milli}
    if available_milli < least(price, **asked):
        return None
    match price:
        case PerAnswer() | PerImage():
            return output_tokens
        case PerTokens():
            if not price.output_milli:
                return output_tokens
            paid = ((available_milli - extra_milli) * _PER - input_tokens * price.input_milli) // price.output_milli
            return min(output_tokens, paid)


def cost(price: Price, *, usage: Usage, is_delivered: bool, is_whole: bool, extra_milli: int = 0) -> int:
    """What an answer costs by its price, whatever was set aside for it; nothing unless it was delivered.

    By the token one that is not whole costs no more output than we kept of it; per answer it costs the same. Per image
    the whole price of each that was kept is charged, and nothing where none was. Extras are charged whole.
    """
    if not is_delivered:
        return 0
    match price:
        case PerAnswer():
            return price.answer_milli + extra_milli
        case PerImage():
            return usage.images * price.image_milli
        case PerTokens():
            output = usage.output_tokens if is_whole else min(usage.output_tokens, usage.kept_tokens)
            fresh = usage.input_tokens - usage.cached_tokens
            return (
                _rounded_up(
                    fresh * price.input_milli + usage.cached_tokens * price.cached_milli + output * price.output_milli
                )
                + extra_milli
            )


def charge(
    price: Price, *, usage: Usage, is_delivered: bool, is_whole: bool, held_milli: int, extra_milli: int = 0
) -> int:
    """What its owner pays of the cost: never more than was set aside, nothing where nothing was."""
    of_it = cost(price, usage=usage, is_delivered=is_delivered, is_whole=is_whole, extra_milli=extra_milli)
    return min(of_it, held_milli)


def upstream_cost(terms: UpstreamCost, *, usage: Usage) -> int:
    """What an answer of this usage costs us, in millionths of a yuan, rounded up: whoever broke it off, all of it."""
    return usage.images * terms.image_microyuan + _rounded_up(
        (usage.input_tokens - usage.cached_tokens) * terms.input_microyuan
        + usage.cached_tokens * terms.cached_microyuan
        + usage.output_tokens * terms.output_microyuan
    )


def _rounded_up(by_tokens: int) -> int:
    return -(-by_tokens // _PER)
