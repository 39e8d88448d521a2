"""An answer in the shape of OpenAI's responses: items in their order, whole, or event by event."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from apps.chat.api.compatible.calls import News
from apps.chat.api.compatible.endings import LENGTH, finish_reason
from apps.chat.api.compatible.refusals import Names, Refusal
from apps.chat.api.compatible.telling import Shape
from apps.chat.contracts import AnswerView, GenerationDetail, ToolCall
from apps.chat.rules.responses import ResponseAsked
from apps.kernel import event_streams

# Its own names of what chat completions call otherwise.
NAMES: Names = {
    "messages": "input",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
}
_INCOMPLETE = {LENGTH: "max_output_tokens", "content_filter": "content_filter"}


class _Item:
    """A message, or the thoughts before it, as it grows: the events that begin it, go on and end it."""

    def __init__(self, item_id: str, place: int, *, is_thought: bool) -> None:
        self.is_thought = is_thought
        self._text = ""
        inner, self._part, self._delta = (
            ("summary_index", "reasoning_summary_part", "reasoning_summary_text")
            if is_thought
            else ("content_index", "content_part", "output_text")
        )
        self._id, self._place = item_id, place
        self._at = {"item_id": item_id, "output_index": place, inner: 0}
        self._beside: dict[str, Any] = {} if is_thought else {"logprobs": []}

    def know(self, logprobs: Sequence[Any]) -> None:
        """How likely its tokens were: known at its end."""
        if not self.is_thought:
            self._beside = {"logprobs": list(logprobs)}

    def begin(self) -> Iterator[dict[str, Any]]:
        """That there is one, and a part in it."""
        empty = {**self.said("in_progress"), "summary" if self.is_thought else "content": []}
        yield {"type": "response.output_item.added", "output_index": self._place, "item": empty}
        yield {"type": f"response.{self._part}.added", **self._at, "part": self._said_part()}

    def more(self, text: str) -> dict[str, Any]:
        """More of it."""
        self._text += text
        return {"type": f"response.{self._delta}.delta", **self._at, "delta": text, **self._beside}

    def end(self, status: str) -> Iterator[dict[str, Any]]:
        """All of it once more."""
        yield {"type": f"response.{self._delta}.done", **self._at, "text": self._text, **self._beside}
        yield {"type": f"response.{self._part}.done", **self._at, "part": self._said_part()}
        yield {"type": "response.output_item.done", "output_index": self._place, "item": self.said(status)}

    def said(self, status: str) -> dict[str, Any]:
        """As it stands in the output."""
        if self.is_thought:
            return {"id": self._id, "type": "reasoning", "summary": [self._said_part()]}
        return {
            "id": self._id, "type": "message", "status": status, "role": "assistant", "content": [self._said_part()],
        }  # fmt: skip

    def _said_part(self) -> dict[str, Any]:
        if self.is_thought:
            return {"type": "summary_text", "text": self._text}
        return {"type": "output_text", "text": self._text, "annotations": [], **self._beside}


class Response(Shape):
    """One answer. Its id and those of its items are the generation's; nothing is stored that they could fetch."""

    names: ClassVar[Names] = NAMES

    def __init__(self, asked: ResponseAsked, generations: Sequence[GenerationDetail], created: int) -> None:
        (generation,) = generations
        self._hex = generation.id.hex
        self._head = {
            "id": f"resp_{self._hex}",
            "object": "response",
            "created_at": created,
            "model": generation.model,
            "background": False,
            "previous_response_id": None,
            "store": False,
            **asked.echoed,
        }
        self._events = 0
        # What was said of it, and the item that is open.
        self._output: list[dict[str, Any]] = []
        self._open: _Item | None = None

    def whole(self, views: Sequence[AnswerView]) -> dict[str, Any]:
        """One document: what the events of it come to."""
        (view,) = views
        for _ in self._grown(view.reasoning, view.text):
            pass
        return self._ended(view, finish_reason(view.generation) or LENGTH)[1]

    def beginning(self) -> Iterator[bytes]:
        """That it was taken up."""
        for name in ("created", "in_progress"):
            yield self._event({"type": f"response.{name}", "response": self._response("in_progress")})

    def news(self, number: int, news: News) -> Iterator[bytes]:
        """More of its thoughts, or of the text."""
        yield from map(self._event, self._grown(news.thought, news.text))

    def end(self, number: int, view: AnswerView) -> Iterator[bytes]:
        """What is open is closed, and the tools follow that it calls, none of which is handed out in pieces."""
        events, response = self._ended(view, finish_reason(view.generation))
        yield from map(self._event, events)
        yield self._event({"type": f"response.{response['status']}", "response": response})

    def last(self, views: Sequence[AnswerView]) -> Iterator[bytes]:
        """The answer's end said all."""
        return iter(())

    def broken(self, refusal: Refusal, views: Sequence[AnswerView]) -> Iterator[bytes]:
        """That it failed, with what there is of it: a stream that only ended would look as if it were whole."""
        for event in self._closed("incomplete"):
            yield self._event(event)
        failed = self._response("failed", view=views[0], error={"code": refusal.code, "message": refusal.message})
        yield self._event({"type": "response.failed", "response": failed})

    def _grown(self, thought: str, text: str) -> Iterator[dict[str, Any]]:
        for piece, is_thought in ((thought, True), (text, False)):
            if not piece:
                continue
            if self._open is not None and self._open.is_thought != is_thought:
                yield from self._closed("completed")
            if self._open is None:
                place = len(self._output)
                name = "rs" if is_thought else "msg"
                self._open = _Item(f"{name}_{self._hex}_{place}", place, is_thought=is_thought)
                yield from self._open.begin()
            yield self._open.more(piece)

    def _closed(self, status: str) -> Iterator[dict[str, Any]]:
        if self._open is not None:
            yield from self._open.end(status)
            self._output.append(self._open.said(status))
            self._open = None

    def _ended(self, view: AnswerView, reason: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The last events but one, and the response that ended for this reason."""
        incomplete = _INCOMPLETE.get(reason)
        if self._open is not None:
            self._open.know(view.logprobs)
        events = list(self._closed("completed" if incomplete is None else "incomplete"))
        for call in view.calls:
            events += self._called(call)
        if incomplete is None:
            return events, self._response("completed", view=view)
        return events, self._response("incomplete", view=view, incomplete_details={"reason": incomplete})

    def _called(self, call: ToolCall) -> list[dict[str, Any]]:
        place = len(self._output)
        item = {
            "id": f"fc_{self._hex}_{place}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }
        self._output.append(item)
        at = {"item_id": item["id"], "output_index": place}
        begun = {**item, "status": "in_progress", "arguments": ""}
        name = "response.function_call_arguments"
        return [
            {"type": "response.output_item.added", "output_index": place, "item": begun},
            {"type": f"{name}.delta", **at, "delta": call.arguments},
            {"type": f"{name}.done", **at, "name": call.name, "arguments": call.arguments},
            {"type": "response.output_item.done", "output_index": place, "item": item},
        ]

    def _response(self, status: str, *, view: AnswerView | None = None, **said: Any) -> dict[str, Any]:
        return {
            **self._head,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "output": list(self._output),
            "usage": None if view is None else _usage(view),
            **said,
        }

    def _event(self, event: dict[str, Any]) -> bytes:
        number, self._events = self._events, self._events + 1
        return event_streams.event(event["type"], {**event, "sequence_number": number})


def _usage(view: AnswerView) -> dict[str, Any]:
    asked, answered = view.generation.prompt_tokens, view.generation.completion_tokens
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": view.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": view.reasoning_tokens},
        "total_tokens": asked + answered,
    }
