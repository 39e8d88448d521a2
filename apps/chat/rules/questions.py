"""Who may ask what, for how long, and what a conversation may be called."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.chat import errors
from apps.kernel.graphemes import cut
from apps.kernel.signs import show_something

MAX_TITLE = 80
_TITLE_FROM_TEXT = 30


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


def lengthened(*, ends_at: datetime | None, days: int | None, now: datetime) -> datetime | None:
    """When a right that ends at `ends_at` will end, given for some days more; None is never, and stays it.

    The days follow those that are left, or begin now. Who has no right has one that ends now.
    """
    if ends_at is None or days is None:
        return None
    return max(ends_at, now) + timedelta(days=days)


def title_from(text: str) -> str:
    """A conversation's first title: the beginning of its first message, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_FROM_TEXT else f"{cut(line, _TITLE_FROM_TEXT)}…"


def check_title(title: str) -> str:
    """The title without surrounding space. Raises TitleNotValid."""
    title = title.strip()
    if not 1 <= len(title) <= MAX_TITLE or not title.isprintable():
        raise errors.TitleNotValid
    return title
