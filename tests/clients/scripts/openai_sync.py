"""The official Python client, as its documentation uses it."""

import json
from typing import Any

import openai
from asked import MODEL, PAINTER, PROMPT, QUESTION, TEXTS, TOOL_QUESTION, TOOLS, VECTORS, tokens

client = openai.OpenAI()


def models() -> dict[str, Any]:
    """What there is."""
    return {"ids": [each.id for each in client.models.list()], "one": client.models.retrieve(MODEL).id}


def whole() -> dict[str, Any]:
    """An answer at once."""
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0.2)
    choice = answer.choices[0]
    return {
        "text": choice.message.content,
        "finish": choice.finish_reason,
        "tokens": tokens(answer.usage),
        "request_id": answer._request_id,
    }


def stream() -> dict[str, Any]:
    """An answer as it is written, gathered by the client's own helper."""
    options: Any = {"include_usage": True}
    pieces = 0
    with client.chat.completions.stream(model=MODEL, messages=QUESTION, stream_options=options) as told:
        for event in told:
            pieces += event.type == "content.delta"
        answer = told.get_final_completion()
    choice = answer.choices[0]
    text, finish = choice.message.content, choice.finish_reason
    return {"text": text, "pieces": pieces, "finish": finish, "tokens": tokens(answer.usage)}


def tools() -> dict[str, Any]:
    """A tool is called and answered."""
    first = client.chat.completions.create(model=MODEL, messages=TOOL_QUESTION, tools=TOOLS).choices[0]
    messages = [*TOOL_QUESTION, first.message]
    for call in first.message.tool_calls or []:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    then = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0]
    calls = [
        (call.function.name, json.loads(call.function.arguments))
        for call in first.message.tool_calls or []
        if call.type == "function"
    ]
    return {"calls": calls, "finish": first.finish_reason, "text": then.message.content}


def vectors() -> list[list[float]]:
    """What texts are as numbers, which the client asks for in base64 and unpacks."""
    return [each.embedding for each in client.embeddings.create(model=VECTORS, input=TEXTS).data]


def images() -> list[str | None]:
    """What a model draws, as bytes in base64."""
    drawn = client.images.generate(model=PAINTER, prompt=PROMPT, n=2, size="256x256")
    return [each.b64_json for each in drawn.data or []]


def refused() -> dict[str, Any] | None:
    """A model that is none."""
    try:
        client.chat.completions.create(model="no-such-model", messages=QUESTION)
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code, "class": type(error).__name__}
    return None
