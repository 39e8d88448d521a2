"""Who may ask what: the chain of rules that a question passes."""

from collections.abc import Callable
from dataclasses import dataclass

from apps.chat import errors
from apps.kernel.characters import show_something


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
    if not show_something(question.text):
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
