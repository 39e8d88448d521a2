"""The official Python client in its asynchronous form."""

import json
from typing import Any

import openai
from asked import MODEL, PAINTER, PROMPT, QUESTION, TEXTS, TOOL_QUESTION, TOOLS, VECTORS, tokens

client = openai.AsyncOpenAI()


async def models() -> dict[str, Any]:
    """What there is."""
    return {"ids": [each.id async for each in client.models.list()], "one": (await client.models.retrieve(MODEL)).id}


async def whole() -> dict[str, Any]:
    """An answer at once."""
    answer = await client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0.2)
    choice = answer.choices[0]
    return {
        "text": choice.message.content,
        "finish": choice.finish_reason,
        "tokens": tokens(answer.usage),
        "request_id": answer._request_id,
    }


async def stream() -> dict[str, Any]:
    """An answer as it is written, chunk by chunk."""
    report: dict[str, Any] = {"text": "", "pieces": 0}
    options: Any = {"include_usage": True}
    chunks = await client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True, stream_options=options)
    async for chunk in chunks:
        if chunk.usage:
            report["tokens"] = tokens(chunk.usage)
        for choice in chunk.choices:
            report["text"] += choice.delta.content or ""
            report["pieces"] += bool(choice.delta.content)
            report["finish"] = choice.finish_reason
    return report


async def tools() -> dict[str, Any]:
    """A tool is called and answered."""
    first = (await client.chat.completions.create(model=MODEL, messages=TOOL_QUESTION, tools=TOOLS)).choices[0]
    messages = [*TOOL_QUESTION, first.message]
    for call in first.message.tool_calls or []:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    then = (await client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)).choices[0]
    calls = [
        (call.function.name, json.loads(call.function.arguments))
        for call in first.message.tool_calls or []
        if call.type == "function"
    ]
    return {"calls": calls, "finish": first.finish_reason, "text": then.message.content}


async def vectors() -> list[list[float]]:
    """What texts are as numbers."""
    return [each.embedding for each in (await client.embeddings.create(model=VECTORS, input=TEXTS)).data]


async def images() -> list[str | None]:
    """What a model draws, as bytes in base64."""
    drawn = await client.images.generate(model=PAINTER, prompt=PROMPT, n=2, size="256x256")
    return [each.b64_json for each in drawn.data or []]


async def refused() -> dict[str, Any] | None:
    """A model that is none."""
    try:
        await client.chat.completions.create(model="no-such-model", messages=QUESTION)
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code, "class": type(error).__name__}
    return None
