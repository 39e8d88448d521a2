"""The demo models, and how fast each is."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a model is. `is_deep` models reason first and send keep-alive comments meanwhile."""

    first_token_seconds: float
    seconds_per_token: float
    tokens_per_chunk: int
    is_deep: bool = False


SWIFT = Pace(first_token_seconds=0.05, seconds_per_token=0.004, tokens_per_chunk=4)
MODELS = {
    "demo-swift": SWIFT,
    "demo-steady": Pace(first_token_seconds=0.3, seconds_per_token=0.025, tokens_per_chunk=1),
    "demo-deep": Pace(first_token_seconds=1.5, seconds_per_token=1 / 60, tokens_per_chunk=1, is_deep=True),
}
