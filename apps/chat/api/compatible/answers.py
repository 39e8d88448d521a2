"""Answers as choices, in the shapes of OpenAI's completions: of chats, and the older ones of prompts."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from apps.chat.api.compatible.calls import News
from apps.chat.api.compatible.endings import LENGTH, finish_reason
from apps.chat.api.compatible.refusals import Names, Refusal
from apps.chat.api.compatible.telling import Shape
from apps.chat.contracts import AnswerView, GenerationDetail, ToolCall
from apps.chat.rules.completions import Completion
from apps.chat.rules.logprobs import in_columns
from apps.chat.rules.prompts import Continuation
from apps.kernel.event_streams import unnamed_event

_DONE = b"data: [DONE]\n\n"


class Choices(Shape):
    """Every document has the id of the first answer, its model and when it was asked."""

    # What its documents are called, and its pieces.
    named: ClassVar[tuple[str, str]]
    prefix: ClassVar[str]

    def __init__(self, completion: Completion, generations: Sequence[GenerationDetail], created: int) -> None:
        self._tells_usage = completion.tells_usage
        self._number = len(generations)
        first = generations[0]
        self._head = {"id": f"{self.prefix}-{first.id.hex}", "created": created, "model": first.model}

    def whole(self, views: Sequence[AnswerView]) -> dict[str, Any]:
        """One document."""
        choices = [self.choice(number, view) for number, view in enumerate(views)]
        return {**self._head, "object": self.named[0], "choices": choices, "usage": usage(views)}

    @abstractmethod
    def choice(self, number: int, view: AnswerView) -> dict[str, Any]:
        """A whole answer."""

    def last(self, views: Sequence[AnswerView]) -> Iterator[bytes]:
        """What they took, for those only who asked: many clients stumble over no choices."""
        if self._tells_usage:
            yield unnamed_event({**self._head, "object": self.named[1], "choices": [], "usage": usage(views)})
        yield _DONE

    def broken(self, refusal: Refusal, views: Sequence[AnswerView]) -> Iterator[bytes]:
        """An error, and no sign of an end."""
        yield unnamed_event(refusal.event())

    def piece(self, choice: dict[str, Any]) -> bytes:
        """A piece of an answer."""
        beside = {"usage": None} if self._tells_usage else {}
        return unnamed_event({**self._head, "object": self.named[1], "choices": [choice], **beside})


class ChatChoices(Choices):
    """Messages of an assistant."""

    named = ("chat.completion", "chat.completion.chunk")
    prefix = "chatcmpl"

    def __init__(self, completion: Completion, generations: Sequence[GenerationDetail], created: int) -> None:
        super().__init__(completion, generations, created)
        # Tools by their former name are called one at a time.
        self._has_functions = completion.has_functions

    def choice(self, number: int, view: AnswerView) -> dict[str, Any]:
        """A message, with the thoughts before it by the name that DeepSeek gave them, which most clients read."""
        content = None if view.calls and not view.text else view.text
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if view.reasoning:
            message["reasoning_content"] = view.reasoning
        if view.calls:
            calls = [_called(call) for call in view.calls]
            message |= {"function_call": calls[0]["function"]} if self._has_functions else {"tool_calls": calls}
        reason = self._ending(view) or LENGTH
        return {"index": number, "message": message, "logprobs": _logprobs(view), "finish_reason": reason}

    def beginning(self) -> Iterator[bytes]:
        """Who speaks."""
        for number in range(self._number):
            yield self._chunk(number, {"role": "assistant", "content": ""})

    def news(self, number: int, news: News) -> Iterator[bytes]:
        """Thoughts and text, each as they are in a message."""
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
        # How likely its tokens were is known to be let through only now.
        yield self._chunk(number, {}, ending=self._ending(view), logprobs=_logprobs(view))

    def _ending(self, view: AnswerView) -> str:
        """Why it ended, to whoever named the tools that it may call."""
        reason = finish_reason(view.generation)
        if view.calls and reason == "stop":
            return "function_call" if self._has_functions else "tool_calls"
        return reason

    def _chunk(self, number: int, delta: dict[str, Any], *, ending: str | None = None, logprobs: Any = None) -> bytes:
        return self.piece({"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": ending})


class PromptChoices(Choices):
    """Texts that go on from prompts: as many choices for each, in their order. Thoughts have no place in them."""

    names: ClassVar[Names] = {"messages": "prompt"}
    named = ("text_completion", "text_completion")
    prefix = "cmpl"

    def __init__(self, completion: Continuation, generations: Sequence[GenerationDetail], created: int) -> None:
        super().__init__(completion, generations, created)
        echoed = completion.prompts if completion.echo else ("",) * len(completion.prompts)
        self._before = [prompt for prompt in echoed for _ in range(completion.answers)]

    def choice(self, number: int, view: AnswerView) -> dict[str, Any]:
        """A text, behind its prompt if that is to be said again."""
        ending = finish_reason(view.generation) or LENGTH
        return _text(number, self._before[number] + view.text, ending=ending, logprobs=_columns(view))

    def beginning(self) -> Iterator[bytes]:
        """The prompts, if they are to be said again."""
        for number, prompt in enumerate(self._before):
            if prompt:
                yield self.piece(_text(number, prompt))

    def news(self, number: int, news: News) -> Iterator[bytes]:
        """More of a text."""
        if news.text:
            yield self.piece(_text(number, news.text))

    def end(self, number: int, view: AnswerView) -> Iterator[bytes]:
        """Why it ended."""
        yield self.piece(_text(number, "", ending=finish_reason(view.generation), logprobs=_columns(view)))


def _text(number: int, text: str, *, ending: str | None = None, logprobs: Any = None) -> dict[str, Any]:
    return {"text": text, "index": number, "logprobs": logprobs, "finish_reason": ending}


def _logprobs(view: AnswerView) -> dict[str, Any] | None:
    return {"content": list(view.logprobs), "refusal": None} if view.logprobs else None


def _columns(view: AnswerView) -> dict[str, Any] | None:
    return in_columns(view.logprobs) if view.logprobs else None


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
