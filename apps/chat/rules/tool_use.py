"""Tools of programs: which a model may call, as a request says it, and what a call of one says."""

import json
import re
from collections.abc import Mapping
from typing import Any

from apps.chat import errors
from apps.chat.contracts import ToolCall
from apps.chat.rules.options import is_plain, texts_in

_MAX_TOOLS = 128
# All tools of a request together: they are read by the model and paid for with the question.
_MAX_TOOLS_CHARS = 200_000
_MAX_DEPTH = 64
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_OF_FUNCTION = {"name", "description", "parameters", "strict"}


def read_tools(said: Mapping[str, Any]) -> dict[str, Any]:
    """The tools among what was said, and which of them shall be called, as options of the answer.

    Functions by their former name become tools. Raises ParameterNotValid, ParameterNotOffered.
    """
    for name in ("tools", "functions"):
        if not isinstance(said.get(name, []), list):
            raise errors.ParameterNotValid(param=name)
    tools, choice = said.get("tools") or None, said.get("tool_choice")
    if former := said.get("functions") or None:
        if tools is not None:
            raise errors.ParameterNotValid(param="functions")
        tools = _from_functions(former)
        choice = _from_function_call(said.get("function_call"))
    at = "functions" if former else "tools"
    if tools is None:
        for name in ("tool_choice", "function_call"):
            if said.get(name) not in (None, "none", "auto"):
                raise errors.ParameterNotValid(param=name)
        return {}
    options: dict[str, Any] = {"tools": _tools(tools, at=at)}
    if choice is not None:
        options["tool_choice"] = _choice(choice, tools, at="function_call" if former else "tool_choice")
    if former:
        # Its answer has room for one.
        options["parallel_tool_calls"] = False
    elif "parallel_tool_calls" in said:
        options["parallel_tool_calls"] = said["parallel_tool_calls"]
    return options


def may_be_called(options: Mapping[str, Any]) -> bool:
    """Whether the answer may call a tool."""
    return "tools" in options and options.get("tool_choice") != "none"


def is_name(name: object) -> bool:
    """Whether a tool can be called so."""
    return isinstance(name, str) and bool(_NAME.match(name))


def is_call_id(call_id: object) -> bool:
    """Whether a call can be told by this from the others of its answer."""
    return isinstance(call_id, str) and bool(_ID.match(call_id))


def arguments_of(call: ToolCall) -> Any:
    """What the tool is given, if it can be read; else the text itself."""
    try:
        return json.loads(call.arguments)
    except (ValueError, RecursionError):
        return call.arguments


def text_of_call(call: ToolCall) -> str:
    """All that a call says, as whoever carries it out reads it: a letter may be written there in several ways, and a
    word cut into names and values.
    """
    try:
        return "\n".join((call.name, *texts_in(arguments_of(call), _MAX_DEPTH)))
    except ValueError:
        return f"{call.name}\n{call.arguments}"


def calls_as_kept(calls: tuple[ToolCall, ...]) -> list[dict[str, str]]:
    """As a generation keeps them."""
    return [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls]


def calls_of(kept: Any) -> tuple[ToolCall, ...]:
    """Those that a generation keeps."""
    return tuple(ToolCall(**call) for call in kept or ())


def _tools(tools: list[Any], *, at: str) -> list[dict[str, Any]]:
    if len(tools) > _MAX_TOOLS:
        raise errors.ParameterNotValid(param=at)
    for number, tool in enumerate(tools):
        _check_tool(tool, at=f"{at}.{number}")
    names = [tool["function"]["name"] for tool in tools]
    if len(set(names)) < len(names) or not is_plain(tools, max_chars=_MAX_TOOLS_CHARS):
        raise errors.ParameterNotValid(param=at)
    return tools


def _check_tool(tool: Any, *, at: str) -> None:
    if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
        raise errors.ParameterNotValid(param=at)
    if tool["type"] != "function":
        raise errors.ParameterNotOffered(param=f"{at}.type")
    function = tool.get("function")
    is_right = (
        tool.keys() == {"type", "function"}
        and isinstance(function, dict)
        and function.keys() <= _OF_FUNCTION
        and is_name(function.get("name"))
        and isinstance(function.get("description"), str | None)
        and isinstance(function.get("parameters"), dict | None)
        and isinstance(function.get("strict"), bool | None)
    )
    if not is_right:
        raise errors.ParameterNotValid(param=f"{at}.function")


def _choice(choice: Any, tools: list[dict[str, Any]], *, at: str) -> Any:
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            raise errors.ParameterNotValid(param=at)
        return choice
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        raise errors.ParameterNotOffered(param=f"{at}.type")
    named = [{"type": "function", "function": {"name": tool["function"]["name"]}} for tool in tools]
    if choice not in named:
        raise errors.ParameterNotValid(param=at)
    return choice


def _from_functions(functions: list[Any]) -> list[dict[str, Any]]:
    return [{"type": "function", "function": function} for function in functions]


def _from_function_call(call: Any) -> Any:
    return {"type": "function", "function": call} if isinstance(call, dict) else call
