"""What a model is: which prices fit its kind, and what of what it can reaches those who ask."""

from collections.abc import Iterable
from dataclasses import asdict

from apps.chat import errors
from apps.chat.contracts import Capability, Extras, ModelKind, PerAnswer, PerImage, PerTokens, Price
from apps.kernel import offers

_FITTING: dict[ModelKind, tuple[type, ...]] = {
    ModelKind.TEXT: (PerAnswer, PerTokens),
    ModelKind.IMAGE: (PerImage,),
    ModelKind.EMBEDDING: (PerTokens,),
}
# All that there is so far; one that is recorded before it is handed on stays out of this.
_HANDED_ON = frozenset({Capability.VISION, Capability.REASONING, Capability.TOOLS, Capability.SEARCH})


def is_fitting(price: Price, *, kind: ModelKind) -> bool:
    """Whether models of this kind may be sold at such a price: what it counts is what they make.

    By the token, a text costs something to write, and an embedding, of which nothing is written, only to read.
    """
    if not isinstance(price, _FITTING[kind]):
        return False
    return not isinstance(price, PerTokens) or (price.output_milli > 0) is (kind is ModelKind.TEXT)


def kind_of(price: Price) -> ModelKind:
    """What is made at such a price: the other way round. A generation's never changes, its model's kind may."""
    return next(kind for kind in ModelKind if is_fitting(price, kind=kind))


def check_price_fits(price: Price, *, kind: ModelKind) -> None:
    """Raise ConfigurationNotValid for a price that counts something else than models of this kind make."""
    if not is_fitting(price, kind=kind):
        is_about_output = isinstance(price, PerTokens) and kind is not ModelKind.IMAGE
        raise errors.ConfigurationNotValid(field="output_milli" if is_about_output else "price_kind")


def offer_of(*, model: str, price: Price, extras: Extras, is_in_free_allowance: bool) -> str:
    """The version of what a model asks: all of its price, and whether free answers of the day pay for it first."""
    terms = {"kind": type(price).__name__, **asdict(price), **asdict(extras)}
    return offers.version_of(model=model, free=int(is_in_free_allowance), **terms)


def offered(capabilities: Iterable[Capability], *, can_search: bool = True) -> tuple[Capability, ...]:
    """Those of a model's capabilities that can be used here; to search only where a channel of its can be asked to."""
    handed_on = _HANDED_ON if can_search else _HANDED_ON - {Capability.SEARCH}
    return tuple(each for each in capabilities if each in handed_on)
