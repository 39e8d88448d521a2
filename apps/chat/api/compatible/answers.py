"""An answer in the shapes of OpenAI's chat completions: whole, or chunk by chunk."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from apps.chat.api.compatible.calls import News
from apps.chat.api.compatible.refusals import DO_NOT_RETRY, Refusal
from apps.chat.contracts import AnswerView, GenerationDetail, GenerationState, ToolCall
from apps.chat.rules import ANSWER_FILTERED, EMPTY_ANSWER, ENGINE_LOST, FILTERED, INTERNAL

# The code of an answer that its owner, or whoever revoked its key, has stopped.
_STOPPED = "stopped"
# What is behind an answer of which nothing came, by its error code; every other one is the channel's: 502.
_STATUSES = {
    "context_too_long": 400,
    INTERNAL: 500,
    _STOPPED: 409,
    **dict.fromkeys(("upstream_busy", "channel_unavailable", "nobody_answered", ENGINE_LOST), 503),
}
# Held back as a whole: that is an answer, and says so by its finish_reason.
_HELD_BACK = {ANSWER_FILTERED, "content_refused"}
_LENGTH = "length"


class Told:
    """One answer as a client is told of it: every document has its id, its model and when it was asked."""

    def __init__(self, generation: GenerationDetail, *, created: int, has_functions: bool) -> None:
        # Tools by their former name are called one at a time.
        self._has_functions = has_functions
        self._head = {"id": f"chatcmpl-{generation.id.hex}", "created": created, "model": generation.model}

    def whole(self, view: AnswerView) -> dict[str, Any]:
        """The answer at once. One that broke off in the middle ends as if for its length: its text was paid for."""
        content = None if view.calls and not view.text else view.text
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if view.reasoning:
            message["reasoning_content"] = view.reasoning
        if view.calls:
            calls = [_called(call) for call in view.calls]
            message |= {"function_call": calls[0]["function"]} if self._has_functions else {"tool_calls": calls}
        reason = self.ending(view) or _LENGTH
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": usage(view)}

    def ending(self, view: AnswerView) -> str:
        """Why it ended, to whoever named the tools that it may call."""
        reason = finish_reason(view.generation)
        if view.calls and reason == "stop":
            return "function_call" if self._has_functions else "tool_calls"
        return reason

    def calls(self, view: AnswerView) -> Iterator[dict[str, Any]]:
        """The tools that it calls, each as one delta: none is handed out before it is known to be whole."""
        for number, call in enumerate(view.calls):
            if not self._has_functions:
                yield {"tool_calls": [{"index": number, **_called(call)}]}
            elif not number:
                yield {"function_call": _called(call)["function"]}

    def chunk(self, delta: dict[str, Any], *, ending: str | None = None) -> dict[str, Any]:
        """A piece of it."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}

    def usage_chunk(self, view: AnswerView) -> dict[str, Any]:
        """What it took, as the last chunk of all; for those only who asked, many clients stumble over no choices."""
        return {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage(view)}


def _called(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def deltas(news: News) -> Iterator[dict[str, str]]:
    """What a piece adds: thoughts by the name that DeepSeek gave them, which most clients read, and text."""
    if news.thought:
        yield {"reasoning_content": news.thought}
    if news.text:
        yield {"content": news.text}


def usage(view: AnswerView) -> dict[str, Any]:
    """The tokens by which it was priced."""
    asked, answered = view.generation.prompt_tokens, view.generation.completion_tokens
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": view.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": view.reasoning_tokens},
    }


def finish_reason(generation: GenerationDetail) -> str:
    """Why a settled answer ended where it did, in OpenAI's words; "" where it did not come to an end of its own."""
    if generation.error_code in _HELD_BACK or generation.finish_reason in FILTERED:
        return "content_filter"
    # Thoughts without a word are paid for, and no failure: asked again by itself, they would be paid for again.
    is_thought = generation.is_delivered and generation.error_code == EMPTY_ANSWER
    if generation.state is not GenerationState.FINISHED and not is_thought:
        return ""
    return _LENGTH if generation.finish_reason == _LENGTH else "stop"


def failure(generation: GenerationDetail, *, has_output: bool) -> Refusal | None:
    """Why a settled answer did not come to its end; None if it did. `has_output` says whether any of it was kept."""
    if finish_reason(generation):
        return None
    code = generation.error_code or _STOPPED
    status = _STATUSES.get(code, 502)
    # Asked for again by itself, what was stopped would not have been.
    headers = DO_NOT_RETRY if code == _STOPPED else {}
    if has_output:
        message = _("The answer broke off. What was written is kept.")
    elif code == "context_too_long":
        message = _(
            "This conversation has become too long for the model."
            " Nothing was charged; start a new chat or choose another model."
        )
    elif status == 503:
        message = _("The model is very busy. Nothing was charged; please try again in a moment.")
    else:
        message = _("No answer came. Nothing was charged.")
    if status == 400:
        return Refusal(status=400, message=message, code="context_length_exceeded", param="messages", headers={})
    return Refusal(status=status, message=message, code=code, headers=headers)
