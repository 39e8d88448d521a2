"""Answers in the shapes of OpenAI's chat completions: whole, or chunk by chunk."""

from collections.abc import Iterator, Sequence
from typing import Any

from apps.chat.api.compatible.calls import News
from apps.chat.api.compatible.endings import LENGTH, finish_reason
from apps.chat.api.compatible.refusals import Refusal
from apps.chat.api.compatible.telling import Shape
from apps.chat.contracts import AnswerView, GenerationDetail, ToolCall
from apps.chat.rules.completions import Completion
from apps.kernel.event_streams import unnamed_event

_DONE = b"data: [DONE]\n\n"


class Choices(Shape):
    """The answers as choices: every document has the id of the first, its model and when it was asked."""

    def __init__(self, completion: Completion, generations: Sequence[GenerationDetail], created: int) -> None:
        # Tools by their former name are called one at a time.
        self._has_functions = completion.has_functions
        self._tells_usage = completion.tells_usage
        self._number = len(generations)
        first = generations[0]
        self._head = {"id": f"chatcmpl-{first.id.hex}", "created": created, "model": first.model}

    def whole(self, views: Sequence[AnswerView]) -> dict[str, Any]:
        """One document."""
        choices = [self._choice(number, view) for number, view in enumerate(views)]
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": usage(views)}

    def _choice(self, number: int, view: AnswerView) -> dict[str, Any]:
        content = None if view.calls and not view.text else view.text
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if view.reasoning:
            message["reasoning_content"] = view.reasoning
        if view.calls:
            calls = [_called(call) for call in view.calls]
            message |= {"function_call": calls[0]["function"]} if self._has_functions else {"tool_calls": calls}
        reason = self._ending(view) or LENGTH
        return {"index": number, "message": message, "logprobs": None, "finish_reason": reason}

    def beginning(self) -> Iterator[bytes]:
        """Who speaks."""
        for number in range(self._number):
            yield self._chunk(number, {"role": "assistant", "content": ""})

    def news(self, number: int, news: News) -> Iterator[bytes]:
        """Thoughts by the name that DeepSeek gave them, which most clients read, and text."""
        if news.thought:
            yield self._chunk(number, {"reasoning_content": news.thought})
        if news.text:
            yield self._chunk(number, {"content": news.text})

    def end(self, number: int, view: AnswerView) -> Iterator[bytes]:
        """The tools that it calls, none of which is handed out before it is known to be whole; and why it ended."""
        for place, call in enumerate(view.calls):
            if not self._has_functions:
                yield self._chunk(number, {"tool_calls": [{"index": place, **_called(call)}]})
            elif not place:
                yield self._chunk(number, {"function_call": _called(call)["function"]})
        yield self._chunk(number, {}, ending=self._ending(view))

    def last(self, views: Sequence[AnswerView]) -> Iterator[bytes]:
        """What they took, for those only who asked: many clients stumble over no choices."""
        if self._tells_usage:
            yield unnamed_event({**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage(views)})
        yield _DONE

    def broken(self, refusal: Refusal, views: Sequence[AnswerView]) -> Iterator[bytes]:
        """An error, and no sign of an end."""
        yield unnamed_event(refusal.event())

    def _ending(self, view: AnswerView) -> str:
        """Why it ended, to whoever named the tools that it may call."""
        reason = finish_reason(view.generation)
        if view.calls and reason == "stop":
            return "function_call" if self._has_functions else "tool_calls"
        return reason

    def _chunk(self, number: int, delta: dict[str, Any], *, ending: str | None = None) -> bytes:
        choice = {"index": number, "delta": delta, "logprobs": None, "finish_reason": ending}
        beside = {"usage": None} if self._tells_usage else {}
        return unnamed_event({**self._head, "object": "chat.completion.chunk", "choices": [choice], **beside})


def usage(views: Sequence[AnswerView]) -> dict[str, Any]:
    """The tokens by which they were priced, together."""
    asked = sum(view.generation.prompt_tokens for view in views)
    answered = sum(view.generation.completion_tokens for view in views)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": sum(view.cached_tokens for view in views)},
        "completion_tokens_details": {"reasoning_tokens": sum(view.reasoning_tokens for view in views)},
    }


def _called(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
