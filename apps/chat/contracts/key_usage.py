"""What the answers of one API key took."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class UsedOnDay:
    """What the settled answers of one model took that were asked for on a local day. Amounts are milli-credits."""

    day: date
    model: str
    answers: int
    input_tokens: int
    output_tokens: int
    charged_milli: int
