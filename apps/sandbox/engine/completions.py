"""One completion: the request as checked, the answer as planned, and both shapes it may be sent in."""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apps.sandbox.engine import answers, tokens
from apps.sandbox.engine.paces import Pace


class NotValid(Exception):
    """A request that the server refuses with 400; the text says why."""


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
    # Together with the finish_reason, asked for or not.
    counts_at_end: bool = False

    def usage(self) -> dict[str, Any]:
        """What is billed; completion_tokens includes the reasoning."""
        completion = len(self.reasoning) + len(self.content)
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
    )


def plan(request: CompletionRequest, *, pace: Pace) -> Plan:
    """Work out the whole answer to a request."""
    answer = answers.compose(request.questions, is_deep=pace.is_deep)
    reasoning, content = tokens.split(answer.reasoning), tokens.split(answer.content)
    limit = len(reasoning) + len(content) if request.max_tokens is None else request.max_tokens
    return Plan(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(time.time()),
        model=request.model,
        reasoning=reasoning[:limit],
        content=content[: max(limit - len(reasoning), 0)],
        finish_reason="length" if limit < len(reasoning) + len(content) else "stop",
        prompt_tokens=tokens.count(request.texts),
        wants_usage=request.wants_usage,
    )


def whole(planned: Plan) -> dict[str, Any]:
    """The answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(planned.content)}
    if planned.reasoning:
        message["reasoning_content"] = "".join(planned.reasoning)
    choice = {"index": 0, "message": message, "finish_reason": planned.finish_reason}
    return {**_envelope(planned, "chat.completion"), "choices": [choice], "usage": planned.usage()}


def events(planned: Plan, *, tokens_per_chunk: int) -> Iterator[bytes]:
    """The answer as server-sent events, up to and with [DONE]."""
    yield _chunk(planned, {"role": "assistant", "content": ""})
    for name, pieces in (("reasoning_content", planned.reasoning), ("content", planned.content)):
        for start in range(0, len(pieces), tokens_per_chunk):
            yield _chunk(planned, {name: "".join(pieces[start : start + tokens_per_chunk])})
    yield _chunk(planned, {}, finish_reason=planned.finish_reason)
    if planned.wants_usage and not planned.counts_at_end:
        yield event({**_envelope(planned, "chat.completion.chunk"), "choices": [], "usage": planned.usage()})
    yield b"data: [DONE]\n\n"


def event(value: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def _chunk(planned: Plan, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    usage: dict[str, Any] = {"usage": None} if planned.wants_usage and not planned.counts_at_end else {}
    if planned.counts_at_end and finish_reason:
        usage = {"usage": planned.usage(), "request_id": planned.id}
    return event({**_envelope(planned, "chat.completion.chunk"), "choices": [choice], **usage})


def _envelope(planned: Plan, kind: str) -> dict[str, Any]:
    return {"id": planned.id, "object": kind, "created": planned.created, "model": planned.model}


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
