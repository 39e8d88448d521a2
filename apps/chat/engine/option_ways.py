"""How providers take options that are not theirs, or by another name; the kinds say which (engine/kinds.py).

An option that would only shade an answer is left out where it is unknown. Of the others as much is said as can be.
"""

from collections.abc import Callable, Mapping
from typing import Any

OptionWay = Callable[[Any], Mapping[str, Any]]


def without(*names: str) -> dict[str, OptionWay]:
    """These are not taken."""
    return dict.fromkeys(names, _unsaid)


def at_most(name: str, most: float) -> dict[str, OptionWay]:
    """Of this number less is taken than OpenAI takes."""
    return {name: lambda value: {name: min(value, most)}}


def one_stop(value: str | list[str]) -> dict[str, Any]:
    """One text at which an answer ends."""
    return {"stop": [value] if isinstance(value, str) else value[:1]}


def no_schema(value: dict[str, Any]) -> dict[str, Any]:
    """No schema; an object is as near as it comes."""
    return {"response_format": {"type": "json_object"}}


def thinking(effort: str) -> dict[str, Any]:
    """Whether it thinks, where how much cannot be said."""
    return {"thinking": {"type": "disabled" if effort == "none" else "enabled"}}


def thinking_or_effort(effort: str) -> dict[str, Any]:
    """How much it thinks, where "not at all" is said otherwise."""
    return thinking(effort) if effort == "none" else {"reasoning_effort": effort}


def thinking_enabled(effort: str) -> dict[str, Any]:
    """Whether it thinks, by Qwen's name."""
    return {"enable_thinking": effort != "none"}


def search_enabled(value: dict[str, Any]) -> dict[str, Any]:
    """A search, by Qwen's name."""
    return {"enable_search": True}


def search_tool(value: dict[str, Any]) -> dict[str, Any]:
    """A search, as a tool of Zhipu's own that it calls and answers itself."""
    return {"tools": [{"type": "web_search", "web_search": {"enable": True, "search_result": False}}]}


def none_or_auto(choice: Any) -> dict[str, Any]:
    """Whether tools may be called, where nobody can say that one must."""
    return {"tool_choice": choice if choice == "none" else "auto"}


def auto_or_named(choice: Any) -> dict[str, Any]:
    """All but that some tool must be called, whichever."""
    return {"tool_choice": "auto" if choice == "required" else choice}


def _unsaid(value: Any) -> dict[str, Any]:
    return {}
