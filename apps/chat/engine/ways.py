"""How one model wants to be asked, as its refusals teach it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Self
from uuid import UUID

from apps.chat.contracts import ImagePart, Job, Target, TextPart, ToolCall, ToolResult, Turn
from apps.chat.engine.dialects import Dialect
from apps.chat.engine.upstream_errors import Complaint

_NONE: Mapping[UUID, str] = MappingProxyType({})
_NOTHING: Mapping[str, Any] = MappingProxyType({})
# A model that refuses one of these is asked without it; without any other it would be asked for something else.
_DISPENSABLE = {
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "logit_bias", "reasoning_effort",
    "verbosity", "thinking", "enable_thinking", "parallel_tool_calls", "logprobs", "top_logprobs", "style",
}  # fmt: skip
# But for what is paid beside the words: an answer that was not asked to think shall not cost what thinking costs.
_THINKING = frozenset({"reasoning_effort", "thinking", "enable_thinking"})
# How a parameter is refused that a model does not have.
_UNKNOWN = {"unsupported_parameter", "unknown_parameter"}
# As many refused values are remembered: of numbers there are more than anybody could keep.
_MOST_VALUES = 32
_MOST_VALUE_CHARS = 64


@dataclass(frozen=True)
class Way:
    """What to call the longest answer, whether to ask for usage, and which options to leave out: always, or where they
    have this value, written as JSON. A value that is refused says nothing of the others.
    """

    limit_name: str = "max_tokens"
    wants_usage: bool = True
    without: frozenset[str] = frozenset()
    without_values: frozenset[tuple[str, str]] = frozenset()
    # Of images: whether to ask for their bytes, which some give anyway, and whether it takes a number of them.
    wants_bytes: bool = True
    takes_number: bool = True

    def after(
        self, complaint: Complaint, options: Mapping[str, Any] = _NOTHING, *, is_paid_to_think: bool = False
    ) -> Self:
        """How to ask again for these options after this refusal; the same where it is about something else."""
        limit_name = "max_completion_tokens" if complaint.wants_max_completion_tokens else self.limit_name
        wants_usage = self.wants_usage and not complaint.refuses_stream_options
        named = {complaint.param} & (_DISPENSABLE - _THINKING if is_paid_to_think else _DISPENSABLE)
        without = self.without | (named if complaint.code in _UNKNOWN else set())
        values = self.without_values
        if complaint.code == "unsupported_value" and (refused := {(name, _value(options.get(name))) for name in named}):
            values = (values if len(values) < _MOST_VALUES else frozenset()) | refused
        return replace(self, limit_name=limit_name, wants_usage=wants_usage, without=without, without_values=values)

    def after_drawing(self, complaint: Complaint, options: Mapping[str, Any]) -> Self:
        """after(), where images were asked for: some know no response_format, some draw one at a time."""
        return replace(
            self.after(complaint, options),
            wants_bytes=self.wants_bytes and not complaint.refuses_response_format,
            takes_number=self.takes_number and complaint.param != "n",
        )

    def question(
        self, job: Job, target: Target, dialect: Dialect, pictures: Mapping[UUID, str] = _NONE
    ) -> dict[str, Any]:
        """The body of the request; `pictures` are those of the job, as data: URIs."""
        body: dict[str, Any] = {
            "model": target.upstream_model,
            "messages": [_message(turn, pictures) for turn in job.turns],
            "stream": True,
            self.limit_name: job.max_output_tokens,
        }
        if self.wants_usage:
            body["stream_options"] = {"include_usage": True}
        options = dialect.options(job.options)
        kept = {name: options[name] for name in _THINKING & options.keys()} if job.is_paid_to_think else {}
        if self.without_values:
            options = {name: each for name, each in options.items() if (name, _value(each)) not in self.without_values}
        return body | {name: value for name, value in options.items() if name not in self.without} | kept


def _value(value: Any) -> str:
    """A value as it is remembered, cut where it is long: the few that begin alike are left out alike."""
    return json.dumps(value)[:_MOST_VALUE_CHARS]


def _message(turn: Turn, pictures: Mapping[UUID, str]) -> dict[str, Any]:
    """A turn in OpenAI's words. Only one that shows something is a list: not every provider takes lists."""
    message: dict[str, Any] = {"role": turn.role.value, "content": turn.text}
    if turn.pictures:
        message["content"] = [_part(part, pictures) for part in turn.parts if not isinstance(part, ToolCall)]
        return message
    if isinstance(turn.parts[0], ToolResult):
        message["tool_call_id"] = turn.parts[0].call_id
    elif turn.calls:
        message["content"] = turn.text or None
        message["tool_calls"] = [_call(call) for call in turn.calls]
    return message


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _part(part: TextPart | ImagePart, pictures: Mapping[UUID, str]) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    image = {"url": pictures[part.picture_id]}
    # What it is anyway is left out: some providers do not know the word.
    return {"type": "image_url", "image_url": image if part.detail == "auto" else image | {"detail": part.detail}}
