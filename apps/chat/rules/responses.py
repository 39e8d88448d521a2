"""What a program may say to /v1/responses, OpenAI's newer shape, and what turns and options it comes to (docs/api.md).

Nothing is kept between two requests: what was said before, a client sends again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.chat import errors
from apps.chat.rules import tool_use
from apps.chat.rules.bodies import said_in, shown
from apps.chat.rules.completions import (
    Completion,
    check_ignored,
    read_content,
    what_is_asked,
)
from apps.chat.rules.requests import MAX_TURNS

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
# What is carried by the same name; what else is read; and what would need something that was kept, or a worker.
_CARRIED = {"model", "stream", "temperature", "top_p", "parallel_tool_calls"}
_READ = {"input", "instructions", "max_output_tokens", "tools", "tool_choice", "text", "reasoning", "top_logprobs"}
_LOGPROBS = "message.output_text.logprobs"
_OF_STATE = {"previous_response_id", "conversation", "prompt"}
# An answer without them is still an answer to what was asked. What may be included beside the answer is not there.
_IGNORED_HERE: Mapping[str, type] = {
    "include": list,
    "truncation": str,
    "max_tool_calls": int,
    "client_metadata": dict,
    "stream_options": dict,
    "context_management": list,
}
# Tools that a provider carries out by itself. Offered, none has to be used: an answer without them is one that it
# could have given. What the client would carry out is another matter.
_OF_PROVIDERS = ("web_search", "image_generation")
# What other items of a client's history say nothing to a model that did not write them.
_DROPPED_ITEMS = {"reasoning", "compaction"}
_OF_MESSAGE = {"type", "role", "content", "id", "status", "phase"}
_TEXTS = {"input_text", "output_text", "text"}


@dataclass(frozen=True, kw_only=True)
class ResponseAsked(Completion):
    """What is asked; `echoed` is what a response says again of its request, by its own names."""

    echoed: Mapping[str, Any] = field(repr=False)


def read_response(body: Any) -> ResponseAsked:
    """The body of a request.

    Raises ParameterMissing, ParameterUnknown, ParameterNotValid, ParameterNotOffered, ImagesNotUnderstood; the turns
    themselves are read by read_request().
    """
    said = said_in(body)
    for name, value in said.items():
        _check(name, value)
    carried = {name: said[name] for name in _CARRIED if name in said}
    carried |= _limit(said) | _format(said) | _reasoning(said) | _logprobs(said)
    tools = _tools(said)
    carried |= {"tools": tools} if tools else {}
    if "tool_choice" in said:
        carried["tool_choice"] = _choice(said["tool_choice"])
    return ResponseAsked(requests=(_request(said),), echoed=_echoed(said), **what_is_asked(carried))


def _check(name: str, value: Any) -> None:
    if name in _OF_STATE:
        raise errors.ParameterNotOffered(param=name)
    if name == "background":
        if not isinstance(value, bool):
            raise errors.ParameterNotValid(param=name)
        if value:
            raise errors.ParameterNotOffered(param=name)
    elif name in _IGNORED_HERE:
        if not isinstance(value, _IGNORED_HERE[name]) or isinstance(value, bool):
            raise errors.ParameterNotValid(param=name)
    elif name not in _CARRIED | _READ and not check_ignored(name, value):
        raise errors.ParameterUnknown(param=shown(name))


def _limit(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"max_completion_tokens": said["max_output_tokens"]} if "max_output_tokens" in said else {}


def _object(said: Mapping[str, Any], name: str, *, known: set[str]) -> dict[str, Any]:
    value = said.get(name, {})
    if not isinstance(value, dict):
        raise errors.ParameterNotValid(param=name)
    for inner in value:
        if inner not in known:
            raise errors.ParameterUnknown(param=f"{name}.{shown(inner)}")
    return {inner: each for inner, each in value.items() if each is not None}


def _format(said: Mapping[str, Any]) -> dict[str, Any]:
    text = _object(said, "text", known={"format", "verbosity"})
    carried = {"verbosity": text["verbosity"]} if "verbosity" in text else {}
    if "format" not in text:
        return carried
    form = text["format"]
    if isinstance(form, dict) and form.get("type") == "json_schema":
        schema = {name: value for name, value in form.items() if name != "type"}
        form = {"type": "json_schema", "json_schema": schema}
    return carried | {"response_format": form}


def _reasoning(said: Mapping[str, Any]) -> dict[str, Any]:
    """How much it thinks; what is shown of it is what there is, whichever summary was asked for."""
    known = {"effort", "summary", "generate_summary", "context"}
    effort = _object(said, "reasoning", known=known).get("effort")
    return {} if effort is None else {"reasoning_effort": effort}


def _logprobs(said: Mapping[str, Any]) -> dict[str, Any]:
    """How likely tokens were: for those who want it included, or say of how many others."""
    number = said.get("top_logprobs", 0)
    if isinstance(number, bool) or not isinstance(number, int):
        raise errors.ParameterNotValid(param="top_logprobs")
    if not number and _LOGPROBS not in said.get("include", []):
        return {}
    return {"logprobs": True, "top_logprobs": number}


def _tools(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The functions, which are flat here. Raises ParameterNotOffered for what else a client would carry out."""
    tools = said.get("tools", [])
    if not isinstance(tools, list):
        raise errors.ParameterNotValid(param="tools")
    return [
        _function(tool, at=f"tools.{number}")
        for number, tool in enumerate(tools)
        if not _is_of_provider(tool, at=f"tools.{number}")
    ]


def _is_of_provider(tool: Any, *, at: str) -> bool:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if not isinstance(kind, str):
        raise errors.ParameterNotValid(param=at)
    if kind != "function" and not kind.startswith(_OF_PROVIDERS):
        raise errors.ParameterNotOffered(param=f"{at}.type")
    return kind != "function"


def _function(tool: dict[str, Any], *, at: str) -> dict[str, Any]:
    for name in tool:
        if name not in {"type", "name", "description", "parameters", "strict"}:
            raise errors.ParameterUnknown(param=f"{at}.{shown(name)}")
    return {"type": "function", "function": {n: v for n, v in tool.items() if n != "type" and v is not None}}


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict) or choice.get("type") != "function":
        return choice
    return {"type": "function", "function": {name: value for name, value in choice.items() if name != "type"}}


def _request(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items as turns. What the system says, wherever it does, is one turn at the beginning."""
    if "input" not in said:
        raise errors.ParameterMissing(param="input")
    instructions, items = said.get("instructions", ""), said["input"]
    if not isinstance(instructions, str):
        raise errors.ParameterNotValid(param="instructions")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_TURNS * 2:
        raise errors.ParameterNotValid(param="input")
    system = [{"type": "text", "text": instructions}] if instructions else []
    turns: list[dict[str, Any]] = []
    for number, item in enumerate(items):
        turn = _turn(item, at=f"input.{number}")
        if turn is None:
            continue
        if turn["role"] == "system":
            system += turn["parts"]
        elif turn["role"] == "assistant" and turns and turns[-1]["role"] == "assistant":
            turns[-1]["parts"] += turn["parts"]
        else:
            turns.append(turn)
    if not turns or turns[-1]["role"] not in ("user", "tool"):
        raise errors.ParameterNotOffered(param=f"input.{len(items) - 1}")
    if len(turns) >= MAX_TURNS:
        raise errors.ParameterNotValid(param="input")
    return [{"role": "system", "parts": system}, *turns] if system else turns


def _turn(item: Any, *, at: str) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        raise errors.ParameterNotValid(param=at)
    kind = item.get("type", "message")
    if not isinstance(kind, str):
        raise errors.ParameterNotValid(param=f"{at}.type")
    if kind == "message":
        return _message(item, at=at)
    if kind == "function_call":
        return {"role": "assistant", "parts": [_call(item, at=at)]}
    if kind == "function_call_output":
        return {"role": "tool", "parts": [_result(item, at=at)]}
    if kind in _DROPPED_ITEMS:
        return None
    raise errors.ParameterNotOffered(param=f"{at}.type")


def _message(item: Mapping[str, Any], *, at: str) -> dict[str, Any]:
    role = item.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise errors.ParameterNotValid(param=f"{at}.role")
    for name in item:
        if name not in _OF_MESSAGE:
            raise errors.ParameterUnknown(param=f"{at}.{shown(name)}")
    return {"role": _ROLES[role], "parts": _content(item.get("content"), at=f"{at}.content", may_show=role == "user")}


def _content(content: Any, *, at: str, may_show: bool = False) -> list[dict[str, str]]:
    """The parts, by the names that chat completions have for them."""
    if isinstance(content, list):
        content = [_part(part) for part in content]
    return read_content(content, at=at, may_show=may_show)


def _part(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        return part
    if kind in _TEXTS:
        return {"type": "text", "text": part.get("text")}
    if kind == "refusal":
        return {"type": "text", "text": part.get("refusal")}
    if kind == "input_image":
        image = {"url": part.get("image_url"), "detail": part.get("detail")}
        return {"type": "image_url", "image_url": {name: value for name, value in image.items() if value is not None}}
    return {**part, "type": "file"} if kind == "input_file" else part


def _call(item: Mapping[str, Any], *, at: str) -> dict[str, str]:
    call_id, name, arguments = item.get("call_id"), item.get("name"), item.get("arguments")
    if not (tool_use.is_call_id(call_id) and tool_use.is_name(name) and isinstance(arguments, str)):
        raise errors.ParameterNotValid(param=at)
    return {"type": "tool_call", "id": str(call_id), "name": str(name), "arguments": arguments}


def _result(item: Mapping[str, Any], *, at: str) -> dict[str, str]:
    if not tool_use.is_call_id(item.get("call_id")):
        raise errors.ParameterNotValid(param=f"{at}.call_id")
    parts = _content(item.get("output"), at=f"{at}.output")
    return {"type": "tool_result", "id": str(item["call_id"]), "text": "\n".join(part["text"] for part in parts)}


def _echoed(said: Mapping[str, Any]) -> dict[str, Any]:
    """As it was said; what was not said, as it is anyway."""
    reasoning = said.get("reasoning", {})
    return {
        "instructions": said.get("instructions"),
        "max_output_tokens": said.get("max_output_tokens"),
        "metadata": said.get("metadata", {}),
        "parallel_tool_calls": said.get("parallel_tool_calls", True),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "temperature": said.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, **said.get("text", {})},
        "tool_choice": said.get("tool_choice", "auto"),
        "tools": said.get("tools", []),
        "top_p": said.get("top_p", 1.0),
        "truncation": said.get("truncation", "disabled"),
    }
