"""Tokens counted exactly, where the estimate would decide against somebody. Blocks, so never in a transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from apps.chat import rules, selectors
from apps.chat.contracts import Job, Tokenizer, ToolCall, Turn
from apps.chat.gateways.token_counter import TokenCounter

_counter = TokenCounter()


def fit_job(*, job: Job) -> Job:
    """The job with as many of its newest turns as fit its budget; where nobody counts them, by our estimate."""
    if job.budget_tokens is None:
        return job
    exact = _counter.count([turn.text for turn in job.turns], job.tokenizer) if job.tokenizer else None
    turns = rules.fit_history(job.turns, budget_tokens=job.budget_tokens, exact_tokens=exact)
    return replace(job, turns=turns, budget_tokens=None)


def count_answer(*, job: Job, texts: Sequence[str], calls: Sequence[ToolCall]) -> tuple[int, int] | None:
    """The tokens of what was asked and of what was kept of the answer; None where nobody counts them."""
    if job.tokenizer is None:
        return None
    answered = [*texts, *(text for call in calls for text in (call.name, call.arguments))]
    asked = _asked(job.turns, job.options, job.tokenizer)
    kept = _counter.count(answered, job.tokenizer)
    return None if asked is None or kept is None else (asked, sum(kept))


def count_request(turns: Sequence[Turn], options: Mapping[str, Any], *, model: str) -> int | None:
    """The tokens of a request to the model of this code; None where nobody counts them."""
    tokenizer = selectors.tokenizer_of(model)
    return None if tokenizer is None else _asked(turns, options, tokenizer)


def _asked(turns: Sequence[Turn], options: Mapping[str, Any], tokenizer: Tokenizer) -> int | None:
    texts, around = rules.texts_to_count(turns)
    counts = _counter.count(texts + rules.options_to_count(options), tokenizer)
    return None if counts is None else sum(counts) + around
