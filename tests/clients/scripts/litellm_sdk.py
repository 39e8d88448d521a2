"""LiteLLM's SDK; its list of prices is the one that it brings, or it would fetch another while it is imported."""

import json
from typing import Any

import litellm
from asked import MODEL, QUESTION, TEXTS, TOOL_QUESTION, TOOLS, VECTORS, tokens

_NAME = f"openai/{MODEL}"


def whole() -> dict[str, Any]:
    """An answer at once."""
    answer = litellm.completion(model=_NAME, messages=QUESTION, temperature=0.2)
    choice = answer.choices[0]
    return {"text": choice.message.content, "finish": choice.finish_reason, "tokens": tokens(answer.usage)}


def stream() -> dict[str, Any]:
    """An answer as it is written."""
    report: dict[str, Any] = {"text": "", "pieces": 0}
    options = {"include_usage": True}
    for chunk in litellm.completion(model=_NAME, messages=QUESTION, stream=True, stream_options=options):
        if getattr(chunk, "usage", None):
            report["tokens"] = tokens(chunk.usage)
        for choice in chunk.choices:
            report["text"] += choice.delta.content or ""
            report["pieces"] += bool(choice.delta.content)
            report["finish"] = choice.finish_reason or report.get("finish")
    return report


def tools() -> dict[str, Any]:
    """A tool is called and answered."""
    first = litellm.completion(model=_NAME, messages=TOOL_QUESTION, tools=TOOLS).choices[0]
    messages = [*TOOL_QUESTION, first.message]
    for call in first.message.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    then = litellm.completion(model=_NAME, messages=messages, tools=TOOLS).choices[0]
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in first.message.tool_calls]
    return {"calls": calls, "finish": first.finish_reason, "text": then.message.content}


def vectors() -> list[list[float]]:
    """What texts are as numbers."""
    return [each["embedding"] for each in litellm.embedding(model=f"openai/{VECTORS}", input=TEXTS).data]


def refused() -> dict[str, Any] | None:
    """A model that is none."""
    try:
        litellm.completion(model="openai/no-such-model", messages=QUESTION)
    except litellm.exceptions.NotFoundError as error:
        return {"status": error.status_code, "code": error.code, "class": type(error).__name__}
    return None
