"""LangChain's ChatOpenAI and OpenAIEmbeddings, with little set but the model."""

from typing import Any

import openai
from asked import MODEL, TEXTS, TOOL_QUESTION, TOOLS, VECTORS
from langchain_core.messages import ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

chat = ChatOpenAI(model=MODEL, temperature=0.2)


def _tokens(usage: Any) -> list[int]:
    return [usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]]


def whole() -> dict[str, Any]:
    """An answer at once."""
    answer = chat.invoke("Hello")
    finish = answer.response_metadata["finish_reason"]
    return {"text": answer.content, "finish": finish, "tokens": _tokens(answer.usage_metadata)}


def stream() -> dict[str, Any]:
    """An answer as it is written."""
    chunks = list(ChatOpenAI(model=MODEL, stream_usage=True).stream("Hello"))
    answer = chunks[0]
    for chunk in chunks[1:]:
        answer = answer + chunk
    return {
        "text": answer.content,
        "pieces": sum(bool(chunk.content) for chunk in chunks),
        "finish": answer.response_metadata["finish_reason"],
        "tokens": _tokens(answer.usage_metadata),
    }


def tools() -> dict[str, Any]:
    """A tool is called and answered."""
    able = chat.bind_tools(TOOLS)
    first = able.invoke(TOOL_QUESTION)
    results = [ToolMessage("sunny", tool_call_id=call["id"]) for call in first.tool_calls]
    then = able.invoke([*TOOL_QUESTION, first, *results])
    calls = [(call["name"], call["args"]) for call in first.tool_calls]
    return {"calls": calls, "finish": first.response_metadata["finish_reason"], "text": then.content}


def vectors() -> list[list[float]]:
    """What texts are as numbers; asked for by those of their tokens unless it is told not to."""
    return OpenAIEmbeddings(model=VECTORS, check_embedding_ctx_length=False).embed_documents(TEXTS)


def refused() -> dict[str, Any] | None:
    """A model that is none."""
    try:
        ChatOpenAI(model="no-such-model").invoke("Hello")
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code, "class": type(error).__name__}
    return None
