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


@dataclass(frozen=True, kw_only=True)
class PerImage:
    """What each image costs that is made and kept."""

    image_milli: int


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
        """What an image costs; None otherwise."""
        return self.price.image_milli if isinstance(self.price, PerImage) else None


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
