"""Reads of generations."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.chat import errors
from apps.chat.contracts import AnswerView, GenerationDetail, GenerationState, PaidBy
from apps.chat.models import FOR_PROGRAMS, Generation, price_of
from apps.chat.rules.tool_use import calls_of
from apps.kernel.db import CompiledRead, Given
from apps.kernel.ids import UserId


def generation_of(*, user_id: UserId, generation_id: UUID) -> Generation:
    """One generation with its message and model; somebody else's does not exist.

    Raises GenerationNotFound.
    """
    row = _with_message().filter(user_id=user_id, pk=generation_id).first()
    if row is None:
        raise errors.GenerationNotFound(generation_id=str(generation_id))
    return row


def answer_of(*, user_id: UserId, generation_id: UUID) -> AnswerView:
    """How one answer stands and the text saved so far, in one query; without a balance.

    Raises GenerationNotFound.
    """
    found = _ANSWER.tuples(user_id=user_id, generation_id=generation_id)
    if not found:
        raise errors.GenerationNotFound(generation_id=str(generation_id))
    values = dict(zip(_COLUMNS, found[0], strict=True))
    state, paid_by = GenerationState(values.pop("state")), PaidBy(values.pop("paid_by"))
    seen: dict[str, Any] = {name: values.pop(name) for name in ("text", "reasoning")}
    # There is no usage before the end.
    counted: dict[str, Any] = {name: values.pop(name) or 0 for name in ("cached_tokens", "reasoning_tokens")}
    calls, logprobs = calls_of(values.pop("tool_calls")), tuple(values.pop("logprobs") or ())
    columns = {name: values.pop(f"price_{name}") for name in _PRICE}
    rate_milli = values.pop("rate_milli")
    price = price_of(**columns if rate_milli is None else {**columns, "image_milli": rate_milli})
    detail = GenerationDetail(**values, has_thoughts=bool(seen["reasoning"]), price=price, state=state, paid_by=paid_by)
    return AnswerView(generation=detail, calls=calls, logprobs=logprobs, **seen, **counted)


def generation_detail(row: Generation) -> GenerationDetail:
    """A generation as others see it; its message, model and price must be loaded."""
    return GenerationDetail(
        id=row.id,
        message_id=row.message_id,
        conversation_id=row.message.conversation_id if row.message is not None else None,
        state=GenerationState(row.state),
        model=row.model.code,
        model_name=row.model.name,
        paid_by=PaidBy(row.paid_by),
        price=row.terms,
        held_milli=row.held_milli,
        charged_milli=row.charged_milli,
        max_output_tokens=row.max_output_tokens,
        is_shortened=row.is_shortened,
        has_thoughts=bool(row.reasoning),
        is_delivered=row.is_delivered,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        finish_reason=row.finish_reason,
        error_code=row.error_code,
        error_param=row.error_param,
        thinks=row.thinks,
        searches=row.searches,
    )


def _with_message() -> QuerySet[Generation]:
    return Generation.objects.select_related("message", "model", "price").defer(*FOR_PROGRAMS)


# The columns that say what a price asks.
_PRICE = ("kind", "answer_milli", "input_milli", "cached_milli", "output_milli", "image_milli")
# What an AnswerView says, by the column that says it.
_COLUMNS = {
    "id": "pk",
    "message_id": "message_id",
    "conversation_id": "message__conversation_id",
    "state": "state",
    "model": "model__code",
    "model_name": "model__name",
    "paid_by": "paid_by",
    **{f"price_{name}": f"price__{name}" for name in _PRICE},
    "rate_milli": "image_rate__milli",
    "held_milli": "held_milli",
    "charged_milli": "charged_milli",
    "max_output_tokens": "max_output_tokens",
    "is_shortened": "is_shortened",
    "is_delivered": "is_delivered",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "finish_reason": "finish_reason",
    "error_code": "error_code",
    "error_param": "error_param",
    "thinks": "thinks",
    "searches": "searches",
    "text": "text",
    "reasoning": "reasoning",
    "tool_calls": "tool_calls",
    "logprobs": "logprobs",
    "cached_tokens": "usage__cached_tokens",
    "reasoning_tokens": "usage__reasoning_tokens",
}
# Each reader asks at the beginning and at the end.
_ANSWER: CompiledRead[Any] = CompiledRead(
    lambda: Generation.objects.filter(user_id=Given("user_id"), pk=Given("generation_id")).values_list(
        *_COLUMNS.values()
    )
)
