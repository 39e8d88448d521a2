"""Which token counts are believed. A provider's decide what an answer costs, if they can be true; else ours do."""

from apps.chat.contracts import Reported, Usage, UsageBasis
from apps.chat.rules.limits import LEAST_OUTPUT_TOKENS

# No tokeniser makes more tokens of a text than it has bytes, which are at most so many for each that we count
# (rules.estimate_tokens: two bytes in each of three signs of Latin script); and what a provider may add to a question.
_MOST_PER_COUNTED = 6
_ADDED_BY_PROVIDERS = 2_000
# Some give more than the output that was asked for, thoughts above all; more than so many times is no count.
_MOST_PER_ALLOWED = 4


def counted(
    reported: Reported, *, asked_tokens: int, kept_tokens: int, max_output_tokens: int, exact_input: int | None = None
) -> Usage:
    """The usage of an answer: what its provider says, number by number if it can be true, else what we counted.

    `asked_tokens` and `kept_tokens` are our counts of the input and of the output that was kept, `max_output_tokens`
    is how much output was asked for. What can be true is bounded by the estimate of the input, `asked_tokens`; where
    somebody counted it, `exact_input` is what counts in place of a provider's.
    """
    most_input = asked_tokens * _MOST_PER_COUNTED + _ADDED_BY_PROVIDERS
    most_output = max(max_output_tokens * _MOST_PER_ALLOWED, kept_tokens)
    # Some say 0 for what they did not count. What is there was something.
    given = (
        _believed(reported.input_tokens, most_input, least=min(asked_tokens, 1)),
        _believed(reported.output_tokens, most_output, least=min(kept_tokens, 1)),
    )
    ours = asked_tokens if exact_input is None else exact_input
    input_tokens = ours if given[0] is None else given[0]
    output_tokens = kept_tokens if given[1] is None else given[1]
    cached = _believed(reported.cached_tokens, input_tokens)
    reasoning = _believed(reported.reasoning_tokens, output_tokens)
    believed = (*given, cached, reasoning)
    said = (reported.input_tokens, reported.output_tokens, reported.cached_tokens, reported.reasoning_tokens)
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=cached or 0,
        output_tokens=output_tokens,
        reasoning_tokens=reasoning or 0,
        kept_tokens=kept_tokens,
        basis=_basis(is_doubted=reported.is_garbled or said != believed, is_counted=None in given),
    )


def most_output(max_output_tokens: int) -> int:
    """How much output is taken, by our count, where so many tokens of it were asked for and are paid: what a provider
    gives beyond that nobody pays for. Our count is rather too much, and a short word may be one token.
    """
    return max_output_tokens * _MOST_PER_ALLOWED + LEAST_OUTPUT_TOKENS


def _believed(count: int | None, most: int, *, least: int = 0) -> int | None:
    return count if count is not None and least <= count <= most else None


def _basis(*, is_doubted: bool, is_counted: bool) -> UsageBasis:
    if is_doubted:
        return UsageBasis.DOUBTED
    return UsageBasis.COUNTED if is_counted else UsageBasis.REPORTED
