"""What answers cost, and what is counted for it: milli-credits, by the token for a thousand of them."""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class PriceKind(TextChoices):
    """What a price counts. Another kind comes here, beside PerTokens, and in rules.charging and rules.catalogue."""

    PER_ANSWER = "per_answer", _("Per answer")
    PER_TOKENS = "per_tokens", _("By the token")
    PER_IMAGE = "per_image", _("Per image")


@dataclass(frozen=True, kw_only=True)
class PerAnswer:
    """A flat price of an answer, however long."""

    answer_milli: int


@dataclass(frozen=True, kw_only=True)
class PerTokens:
    """What a thousand tokens cost: of what is read, of that part of it that the provider still knew, of the output."""

    input_milli: int
    cached_milli: int
    output_milli: int


class ImageSize(TextChoices):
    """The sizes that prices of images know, in pixels: those of OpenAI's models, then those of CogView."""

    SMALL = "256x256", "256x256"
    MEDIUM = "512x512", "512x512"
    SQUARE = "1024x1024", "1024x1024"
    PORTRAIT = "1024x1536", "1024x1536"
    LANDSCAPE = "1536x1024", "1536x1024"
    TALL = "1024x1792", "1024x1792"
    WIDE = "1792x1024", "1792x1024"
    COGVIEW_PORTRAIT = "864x1152", "864x1152"
    COGVIEW_LANDSCAPE = "1152x864", "1152x864"
    COGVIEW_TALL = "768x1344", "768x1344"
    COGVIEW_WIDE = "1344x768", "1344x768"
    COGVIEW_TALLEST = "720x1440", "720x1440"
    COGVIEW_WIDEST = "1440x720", "1440x720"


class ImageQuality(TextChoices):
    """The qualities that prices of images know."""

    STANDARD = "standard", _("standard quality")
    HD = "hd", _("HD")
    LOW = "low", _("low quality")
    MEDIUM = "medium", _("medium quality")
    HIGH = "high", _("high quality")


@dataclass(frozen=True, kw_only=True)
class PerSize:
    """What an image of this size costs, in this quality; where the quality is empty, in any that has no own rate."""

    size: str
    quality: str = ""
    milli: int

    @property
    def quality_title(self) -> str:
        """The quality in words; empty for any."""
        return str(ImageQuality(self.quality).label) if self.quality else ""


@dataclass(frozen=True, kw_only=True)
class PerImage:
    """What each image costs that is made and kept: by the rate of what was asked for (rules.charging.rate_for), or, as
    everything without a rate, `image_milli`.
    """

    image_milli: int
    # In the order of rules.charging.in_order().
    rates: tuple[PerSize, ...] = ()


Price = PerAnswer | PerTokens | PerImage


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What an answer costs on top of its price for which it is asked to think, or to search; 0 where that is included.

    By the token, thoughts are paid as output besides.
    """

    think_milli: int = 0
    search_milli: int = 0


class Priced:
    """Something that has a price, for those who show it by its kind."""

    price: Price

    @property
    def price_milli(self) -> int | None:
        """What an answer costs, however long; None by the token and per image."""
        return self.price.answer_milli if isinstance(self.price, PerAnswer) else None

    @property
    def per_tokens(self) -> PerTokens | None:
        """What a thousand tokens cost; None otherwise."""
        return self.price if isinstance(self.price, PerTokens) else None

    @property
    def image_milli(self) -> int | None:
        """What an image costs that has no rate of its own; None otherwise."""
        return self.price.image_milli if isinstance(self.price, PerImage) else None

    @property
    def image_rates(self) -> tuple[PerSize, ...]:
        """What images of some sizes and qualities cost instead."""
        return self.price.rates if isinstance(self.price, PerImage) else ()


@dataclass(frozen=True, kw_only=True)
class PricedModel(Priced):
    """A model that is on offer and what it asks, for everybody."""

    id: str
    name: str
    price: Price
    extras: Extras = Extras()


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The tokens that a provider counted, as it says; None where it says nothing or no whole number.

    `is_garbled` when it did say something there that is none. Output includes reasoning, input what was cached.
    """

    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    is_garbled: bool = False


class UsageBasis(TextChoices):
    """Whose counts a usage is: the provider's, ours where it said nothing, or ours because its own cannot be true."""

    REPORTED = "reported", _("The provider's counts")
    COUNTED = "counted", _("Our counts")
    DOUBTED = "doubted", _("Our counts, its own cannot be true")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an answer took and gave, which decides what it costs.

    `kept_tokens` is our count of the output that was kept, `images` and `vectors` how many of them were.
    """

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    kept_tokens: int
    basis: UsageBasis
    images: int = 0
    vectors: int = 0


@dataclass(frozen=True, kw_only=True)
class UpstreamCost:
    """What a thousand tokens, and an image, cost us at a channel, in millionths of a yuan."""

    input_microyuan: int
    cached_microyuan: int
    output_microyuan: int
    image_microyuan: int = 0
