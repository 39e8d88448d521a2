"""The official Python client with the newer shape of answers, told by the names of the older."""

import json
from typing import Any

import openai
from asked import MODEL, QUESTION, TOOL_QUESTION, TOOLS

client = openai.OpenAI()
_FLAT: Any = [{"type": "function", **tool["function"]} for tool in TOOLS]
_FINISH = {"completed": "stop", "incomplete": "length"}


def _tokens(usage: Any) -> list[int]:
    return [usage.input_tokens, usage.output_tokens, usage.total_tokens]


def whole() -> dict[str, Any]:
    """An answer at once."""
    answer = client.responses.create(model=MODEL, input="Hello", temperature=0.2)
    return {
        "text": answer.output_text,
        "finish": _FINISH[str(answer.status)],
        "tokens": _tokens(answer.usage),
        "request_id": answer._request_id,
    }


def stream() -> dict[str, Any]:
    """An answer as it is written, gathered by the client's own helper."""
    pieces = 0
    with client.responses.stream(model=MODEL, input=QUESTION) as told:
        for event in told:
            pieces += event.type == "response.output_text.delta"
        answer = told.get_final_response()
    finish = _FINISH[str(answer.status)]
    return {"text": answer.output_text, "pieces": pieces, "finish": finish, "tokens": _tokens(answer.usage)}


def tools() -> dict[str, Any]:
    """A tool is called and answered: all that was said is sent again."""
    first = client.responses.create(model=MODEL, input=TOOL_QUESTION, tools=_FLAT)
    called = [item for item in first.output if item.type == "function_call"]
    said = [*TOOL_QUESTION, *first.output]
    said += [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"} for call in called]
    then = client.responses.create(model=MODEL, input=said, tools=_FLAT)
    calls = [(call.name, json.loads(call.arguments)) for call in called]
    return {"calls": calls, "finish": "tool_calls" if called else "stop", "text": then.output_text}


def refused() -> dict[str, Any] | None:
    """A model that is none."""
    try:
        client.responses.create(model="no-such-model", input="Hello")
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code, "class": type(error).__name__}
    return None
