"""What is charged, end by end, as pages tell it: asked of the rules that settle, so that no page says anything else."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from apps.chat.contracts import GenerationState, PerAnswer, PerTokens, Price, Usage, UsageBasis
from apps.chat.rules import charging, outcomes


class Share(Enum):
    """How much of its price an answer costs."""

    NOTHING = "nothing"
    # Of the output, no more than was kept.
    KEPT = "kept"
    WHOLE = "whole"


@dataclass(frozen=True, kw_only=True)
class End:
    """One way in which answers end, by the name that pages have words for."""

    code: str
    state: GenerationState
    finish_reason: str = ""
    error_code: str = ""
    has_output: bool = True


@dataclass(frozen=True, kw_only=True)
class Line:
    """What an answer costs that ends so: per answer, and by the token."""

    code: str
    per_answer: Share
    per_tokens: Share


ENDS = (
    End(code="finished", state=GenerationState.FINISHED, finish_reason="stop"),
    End(code="longest", state=GenerationState.FINISHED, finish_reason="length"),
    End(code="stopped", state=GenerationState.STOPPED),
    End(
        code="filtered",
        state=GenerationState.FINISHED,
        finish_reason="content_filter",
        error_code=outcomes.ANSWER_FILTERED,
    ),
    End(code="cut", state=GenerationState.INTERRUPTED, error_code="upstream_cut"),
    End(code="nothing", state=GenerationState.FAILED, error_code=outcomes.EMPTY_ANSWER, has_output=False),
    End(code="ours", state=GenerationState.INTERRUPTED, error_code=outcomes.ENGINE_LOST),
)
# Prices and an answer that tell the shares apart: two tokens of output, of which one was kept.
_FLAT = PerAnswer(answer_milli=1)
_BY_TOKEN = PerTokens(input_milli=0, cached_milli=0, output_milli=1000)
_TWO = Usage(
    input_tokens=0,
    cached_tokens=0,
    output_tokens=2,
    reasoning_tokens=0,
    kept_tokens=1,
    basis=UsageBasis.REPORTED,
)


def tariff() -> Sequence[Line]:
    """The table of what is charged."""
    return [
        Line(
            code=end.code,
            per_answer=_share(_FLAT, end, {0: Share.NOTHING, 1: Share.WHOLE}),
            per_tokens=_share(_BY_TOKEN, end, {0: Share.NOTHING, 1: Share.KEPT, 2: Share.WHOLE}),
        )
        for end in ENDS
    ]


def _share(price: Price, end: End, shares: dict[int, Share]) -> Share:
    is_delivered = outcomes.is_delivered(text="a" if end.has_output else "", error_code=end.error_code)
    is_whole = outcomes.is_whole(state=end.state, finish_reason=end.finish_reason)
    return shares[charging.cost(price, usage=_TWO, is_delivered=is_delivered, is_whole=is_whole)]
