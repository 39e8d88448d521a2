"""What an answer shall do beside words: think, search, or draw; and how much the model has to read for it."""

from typing import NamedTuple

from apps.chat import errors, rules, selectors
from apps.chat.contracts import ModelKind, PriceKind
from apps.chat.models import Message
from apps.chat.rules.pictures import LEAST_MADE_BYTES
from apps.chat.services import paying
from apps.chat.services.pictures import check_room_for_pictures


class Wishes(NamedTuple):
    """What the model shall do beside answering, and how what it draws shall be."""

    thinks: bool | None
    searches: bool
    image_size: str
    image_quality: str


def asks_of(
    asker: paying.Admitted,
    answer: Message,
    *,
    question_tokens: int,
    branch_tokens: int | None,
    wishes: Wishes,
) -> paying.Asks:
    """How much the model has to read, and what it shall do beside answering, if it can.

    What nobody counted is counted now, if the price or the key wants to know. Raises ParameterNotOffered,
    RequestTooLong, PicturesFull.
    """
    model = asker.facts.model
    draws = model.kind == ModelKind.IMAGE
    for param, is_wished, can in (
        ("search", wishes.searches, model.has_search),
        ("think", wishes.thinks, model.has_reasoning),
        ("size", wishes.image_size, draws),
        ("quality", wishes.image_quality, draws),
    ):
        if is_wished and not can:
            raise errors.ParameterNotOffered(param=param)
    if draws:
        _check_can_be_drawn(asker, question_tokens)
    has_tokens = asker.key is not None and asker.key.tokens_per_minute is not None
    if branch_tokens is None and (has_tokens or model.price.kind == PriceKind.PER_TOKENS):
        branch_tokens = rules.asked_tokens(selectors.turns_above([answer])[answer.pk])
    return paying.Asks(
        question_tokens=question_tokens,
        branch_tokens=branch_tokens,
        # It does not think, and need not be told so.
        thinks=wishes.thinks if model.has_reasoning else None,
        searches=wishes.searches,
        most_output_tokens=1 if draws else None,
        images=1 if draws else 0,
        image_size=wishes.image_size,
        image_quality=wishes.image_quality,
    )


def _check_can_be_drawn(asker: paying.Admitted, question_tokens: int) -> None:
    """Raise RequestTooLong for a question that a model of images does not read, PicturesFull where none has room."""
    if question_tokens > (limit := asker.facts.model.context_tokens):
        raise errors.RequestTooLong(limit=limit)
    check_room_for_pictures(user_id=asker.user_id, more_bytes=LEAST_MADE_BYTES)
