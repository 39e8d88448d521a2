"""Which tools a demo model calls, and with what: one that it has to, or those that the question names."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.sandbox.engine import formats, tokens


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function that may be called, and the properties of what it is given."""

    name: str
    properties: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of one; its arguments are cut into tokens."""

    id: str
    name: str
    arguments: list[str]


def read(body: dict[str, Any]) -> list[Tool]:
    """The tools of a request. Raises ValueError for what is none."""
    tools = body.get("tools", [])
    if not isinstance(tools, list):
        raise ValueError("tools must be a list")
    return [_tool(tool) for tool in tools]


def called(tools: Sequence[Tool], choice: object, *, question: str, is_answered: bool) -> list[Call]:
    """The calls in answer to a question; none where what came of them was just told, and nothing else is wanted."""
    named = [tool for tool in tools if tool.name.lower() in question.lower()]
    if isinstance(choice, dict):
        wanted = choice.get("function", {}).get("name")
        return [_call(tool, question) for tool in tools if tool.name == wanted]
    if choice == "none" or (is_answered and choice != "required"):
        return []
    return [_call(tool, question) for tool in named or (tools[:1] if choice == "required" else [])]


def _tool(tool: Any) -> Tool:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise ValueError("every tool is a function with a name")
    parameters = function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    return Tool(name=function["name"], properties=properties if isinstance(properties, dict) else {})


def _call(tool: Tool, question: str) -> Call:
    given = {name: formats.example(schema, question) for name, schema in tool.properties.items()}
    arguments = tokens.split(json.dumps(given, ensure_ascii=False))
    return Call(id=f"call_{secrets.token_hex(8)}", name=tool.name, arguments=arguments)
