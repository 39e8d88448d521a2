"""One completion: the request as checked, the answer as planned, and both shapes it may be sent in."""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from apps.sandbox.engine import answers, formats, pictures, tokens, tool_calls
from apps.sandbox.engine.paces import Pace
from apps.sandbox.engine.tool_calls import Call, Tool


class NotValid(Exception):
    """A request that the server refuses with 400; the text says why, `param` where."""

    def __init__(self, why: str, *, param: str | None = None) -> None:
        super().__init__(why)
        self.param = param


@dataclass(frozen=True, kw_only=True)
class CompletionRequest:
    """A checked request."""

    model: str
    texts: list[str]
    questions: list[str]
    is_stream: bool
    wants_usage: bool
    max_tokens: int | None
    has_older_limit: bool
    tools: list[Tool]
    tool_choice: object
    # What tools said behind the last question.
    results: list[str]
    # What it sees in the last of the questions.
    pictures: list[str]
    stops: list[str]
    # Something that the answer has to fit; None where it is plain text.
    schema: dict[str, Any] | None
    # How many other tokens are told of each; None where nobody asks.
    alternatives: int | None
    # Whether it shall think; None leaves that to the model. And whether it shall search.
    thinks: bool | None = None
    searches: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An answer cut into tokens, within max_tokens; reasoning counts first."""

    id: str
    created: int
    model: str
    reasoning: list[str]
    content: list[str]
    finish_reason: str
    prompt_tokens: int
    wants_usage: bool
    calls: list[Call]
    alternatives: int | None = None
    # Together with the finish_reason, asked for or not.
    counts_at_end: bool = False

    def usage(self) -> dict[str, Any]:
        """What is billed; completion_tokens includes the reasoning."""
        completion = len(self.reasoning) + len(self.content) + sum(len(call.arguments) for call in self.calls)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "completion_tokens_details": {"reasoning_tokens": len(self.reasoning)},
        }


def read(body: Any) -> CompletionRequest:
    """Check a request's shape; raises NotValid."""
    if not isinstance(body, dict):
        raise NotValid("the body must be a JSON object")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise NotValid("messages must be a list with at least one message")
    spoken = [(_role(message), _text(message)) for message in messages]
    _check_results(messages)
    try:
        offered = tool_calls.read(body)
        shown = [pictures.seen(message.get("content")) for message in messages if _role(message) == "user"]
    except ValueError as error:
        raise NotValid(str(error)) from None
    try:
        schema = formats.read(body.get("response_format"))
    except ValueError as error:
        raise NotValid(str(error), param="response_format") from None
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise NotValid("max_tokens must be a positive integer")
    options = body.get("stream_options")
    return CompletionRequest(
        model=str(body.get("model", "")),
        texts=[text for _, text in spoken],
        questions=[text for role, text in spoken if role == "user"],
        is_stream=body.get("stream") is True,
        wants_usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=limit,
        has_older_limit="max_tokens" in body,
        tools=offered,
        tool_choice=body.get("tool_choice", "auto"),
        thinks=None if body.get("reasoning_effort") is None else body["reasoning_effort"] != "none",
        searches=isinstance(body.get("web_search_options"), dict),
        pictures=shown[-1] if shown else [],
        results=[text for role, text in _behind_the_last_question(spoken) if role == "tool"],
        stops=_stops(body.get("stop")),
        schema=schema,
        alternatives=_alternatives(body),
    )


def plan(request: CompletionRequest, *, pace: Pace) -> Plan:
    """Work out the whole answer to a request."""
    question = request.questions[-1] if request.questions else ""
    calls = tool_calls.called(request.tools, request.tool_choice, question=question, is_answered=bool(request.results))
    answer = answers.compose(
        request.questions,
        is_deep=pace.is_deep if request.thinks is None else request.thinks,
        results=request.results,
        pictures=request.pictures,
        has_searched=request.searches,
    )
    text = (
        answer.content if request.schema is None else formats.written(request.schema, answer.content, question=question)
    )
    reasoning, content = tokens.split(answer.reasoning), [] if calls else tokens.split(_until(text, request.stops))
    length = len(reasoning) + len(content) + sum(len(call.arguments) for call in calls)
    limit = length if request.max_tokens is None else request.max_tokens
    return Plan(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(time.time()),
        model=request.model,
        reasoning=reasoning[:limit],
        content=content[: max(limit - len(reasoning), 0)],
        finish_reason="length" if limit < length else "tool_calls" if calls else "stop",
        prompt_tokens=tokens.count(request.texts),
        wants_usage=request.wants_usage,
        calls=list(_within(calls, limit - len(reasoning) - len(content))),
        alternatives=request.alternatives,
    )


def _until(text: str, stops: list[str]) -> str:
    """A text up to the first place where it shall stop."""
    return text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))]


def _stops(said: Any) -> list[str]:
    stops = [said] if isinstance(said, str) else said or []
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(stop, str) and stop for stop in stops):
        raise NotValid("stop must be a text or up to four", param="stop")
    return stops


def _alternatives(body: dict[str, Any]) -> int | None:
    number = body.get("top_logprobs") or 0
    if not isinstance(number, int) or not 0 <= number <= 20:
        raise NotValid("top_logprobs must be a number up to 20", param="top_logprobs")
    return number if body.get("logprobs") is True else None


def _within(calls: list[Call], limit: int) -> Iterator[Call]:
    """As many calls, and as much of the last of them, as there is room for."""
    for call in calls:
        if limit > 0:
            yield replace(call, arguments=call.arguments[:limit])
        limit -= len(call.arguments)


def whole(planned: Plan) -> dict[str, Any]:
    """The answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(planned.content)}
    if planned.reasoning:
        message["reasoning_content"] = "".join(planned.reasoning)
    if planned.calls:
        message["content"] = None
        message["tool_calls"] = [_called(call, "".join(call.arguments)) for call in planned.calls]
    choice = {"index": 0, "message": message, "finish_reason": planned.finish_reason}
    if planned.alternatives is not None:
        choice["logprobs"] = _logprobs(planned.content, planned.alternatives)
    return {**_envelope(planned, "chat.completion"), "choices": [choice], "usage": planned.usage()}


def events(planned: Plan, *, tokens_per_chunk: int) -> Iterator[bytes]:
    """The answer as server-sent events, up to and with [DONE]."""
    yield _chunk(planned, {"role": "assistant", "content": ""})
    for name, pieces in (("reasoning_content", planned.reasoning), ("content", planned.content)):
        for start in range(0, len(pieces), tokens_per_chunk):
            said = pieces[start : start + tokens_per_chunk]
            yield _chunk(planned, {name: "".join(said)}, tokens_said=said if name == "content" else [])
    for number, call in enumerate(planned.calls):
        yield _chunk(planned, {"tool_calls": [{"index": number, **_called(call, "")}]})
        for start in range(0, len(call.arguments), tokens_per_chunk):
            more = "".join(call.arguments[start : start + tokens_per_chunk])
            yield _chunk(planned, {"tool_calls": [{"index": number, "function": {"arguments": more}}]})
    yield _chunk(planned, {}, finish_reason=planned.finish_reason)
    if planned.wants_usage and not planned.counts_at_end:
        yield event({**_envelope(planned, "chat.completion.chunk"), "choices": [], "usage": planned.usage()})
    yield b"data: [DONE]\n\n"


def event(value: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def _called(call: Call, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _logprobs(said: list[str], alternatives: int) -> dict[str, Any]:
    """The longer a token, the less it is expected here; what it could have been is itself, and so on."""
    content = []
    for token in said:
        others = [_token(f"{token}{number or ''}", -0.25 * (len(token) + number)) for number in range(alternatives)]
        content.append({**_token(token, -0.25 * len(token)), "top_logprobs": others})
    return {"content": content, "refusal": None}


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def _chunk(
    planned: Plan, delta: dict[str, Any], finish_reason: str | None = None, *, tokens_said: list[str] | None = None
) -> bytes:
    choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    if planned.alternatives is not None:
        choice["logprobs"] = _logprobs(tokens_said, planned.alternatives) if tokens_said else None
    usage: dict[str, Any] = {"usage": None} if planned.wants_usage and not planned.counts_at_end else {}
    if planned.counts_at_end and finish_reason:
        usage = {"usage": planned.usage(), "request_id": planned.id}
    return event({**_envelope(planned, "chat.completion.chunk"), "choices": [choice], **usage})


def _envelope(planned: Plan, kind: str) -> dict[str, Any]:
    return {"id": planned.id, "object": kind, "created": planned.created, "model": planned.model}


def _behind_the_last_question(spoken: list[tuple[str, str]]) -> list[tuple[str, str]]:
    last = max((place for place, (role, _) in enumerate(spoken) if role == "user"), default=-1)
    return spoken[last + 1 :]


def _check_results(messages: list[Any]) -> None:
    """Whatever a tool says answers a call of the message before it, and each call is answered. Raises NotValid."""
    waiting: set[Any] = set()
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                raise NotValid("messages with role 'tool' must be a response to a preceding message with 'tool_calls'")
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            raise NotValid("'tool_calls' must be followed by tool messages responding to each 'tool_call_id'")
        calls = message.get("tool_calls")
        waiting = {call.get("id") for call in calls if isinstance(call, dict)} if isinstance(calls, list) else set()
    if waiting:
        raise NotValid("'tool_calls' must be followed by tool messages responding to each 'tool_call_id'")


def _role(message: Any) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise NotValid("every message needs a role")
    return str(role)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    raise NotValid("content must be a text or a list of parts")
