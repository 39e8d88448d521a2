"""Decisions of chat without I/O: who may ask, what fits the context, what an answer costs, which state follows."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from apps.chat import errors
from apps.chat.contracts import GenerationState, PaidBy, Role, Turn

MAX_TITLE = 80
_TITLE_FROM_TEXT = 30

# What a message costs beside its words: role markers and separators, as the common tokenisers count them.
_TOKENS_PER_MESSAGE = 4
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")

_SETTLED = frozenset(
    {
        GenerationState.FINISHED,
        GenerationState.STOPPED,
        GenerationState.FAILED,
        GenerationState.INTERRUPTED,
    }
)

NEXT: Mapping[GenerationState, frozenset[GenerationState]] = {
    GenerationState.QUEUED: frozenset({GenerationState.RUNNING, GenerationState.STOPPED, GenerationState.FAILED}),
    GenerationState.RUNNING: _SETTLED,
}


def check_transition(current: GenerationState, target: GenerationState) -> None:
    """Raise IllegalTransition unless a generation may go from current to target."""
    if target not in NEXT.get(current, frozenset()):
        raise errors.IllegalTransition(current=current.value, target=target.value)


def sources_of(target: GenerationState) -> tuple[GenerationState, ...]:
    """The states from which a generation may reach the target."""
    return tuple(state for state, targets in NEXT.items() if target in targets)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is known about a message before anything is paid for it."""

    text: str
    max_chars: int
    model: str
    is_model_enabled: bool
    needs_entitlement: bool
    is_entitled: bool


def check_has_text(question: Question) -> None:
    """Raise MessageEmpty when there is nothing to answer."""
    if not question.text.strip():
        raise errors.MessageEmpty


def check_length(question: Question) -> None:
    """Raise MessageTooLong above the operators' limit."""
    if len(question.text) > question.max_chars:
        raise errors.MessageTooLong(limit=question.max_chars)


def check_model_enabled(question: Question) -> None:
    """Raise ModelNotFound when the model or its channel is switched off."""
    if not question.is_model_enabled:
        raise errors.ModelNotFound(model=question.model)


def check_entitled(question: Question) -> None:
    """Raise ModelNotEntitled when the model needs a right that the user lacks."""
    if question.needs_entitlement and not question.is_entitled:
        raise errors.ModelNotEntitled(model=question.model)


# In this order, each given the same question, before any payment: a refusal costs nothing.
CHAIN: tuple[Callable[[Question], None], ...] = (
    check_has_text,
    check_length,
    check_model_enabled,
    check_entitled,
)


def check_question(question: Question) -> None:
    """Pass a question through the chain; the first rule that refuses it raises."""
    for rule in CHAIN:
        rule(question)


def charge_for(*, price_milli: int, paid_by: PaidBy, is_delivered: bool) -> int:
    """What an answer costs in milli-credits: its flat price if any text was delivered and quota pays, else nothing."""
    return price_milli if is_delivered and paid_by is PaidBy.QUOTA else 0


def abandoned_state(*, is_stop_requested: bool) -> GenerationState:
    """How a generation ends whose engine is gone: as its owner wished, else interrupted."""
    return GenerationState.STOPPED if is_stop_requested else GenerationState.INTERRUPTED


def estimate_tokens(text: str) -> int:
    """Tokens of a text, roughly and rather too many: one per wide (CJK) character, one per three others."""
    wide = len(_WIDE.findall(text))
    return wide + -(-(len(text) - wide) // 3)


def usage_or_estimate(reported: int | None, *, text: str, ceiling: int) -> int:
    """Upstream's token count if it is one that can be true (0 to ceiling), else our estimate."""
    if reported is not None and 0 <= reported <= ceiling:
        return reported
    return estimate_tokens(text)


def fit_history(turns: Sequence[Turn], *, budget_tokens: int) -> tuple[Turn, ...]:
    """The newest turns that fit the budget, oldest first, beginning with a user's turn; empty answers are left out.

    The last turn, the question itself, is always kept: upstream says it if it is too long.
    """
    kept: list[Turn] = []
    left = budget_tokens
    for turn in reversed([turn for turn in turns if turn.text]):
        left -= estimate_tokens(turn.text) + _TOKENS_PER_MESSAGE
        if kept and left < 0:
            break
        kept.append(turn)
    while len(kept) > 1 and kept[-1].role is not Role.USER:
        kept.pop()
    return tuple(reversed(kept))


def title_from(text: str) -> str:
    """A conversation's first title: the beginning of its first message, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_FROM_TEXT else f"{line[:_TITLE_FROM_TEXT]}…"


def check_title(title: str) -> str:
    """The title without surrounding space. Raises TitleNotValid."""
    title = title.strip()
    if not 1 <= len(title) <= MAX_TITLE or not title.isprintable():
        raise errors.TitleNotValid
    return title
