"""How applications switch thinking on and off by the names of other vendors, for models that are called like theirs.

Cherry Studio, for one, goes by a model's name: what sounds like Qwen is asked with `enable_thinking`, what sounds like
GLM or Doubao with `thinking`. Here one option says it, and each kind of channel is told in its own way
(engine/option_ways.py).
"""

from collections.abc import Mapping
from typing import Any

from apps.chat import errors

_EFFORT = "reasoning_effort"
_OFF = "none"
NAMES = frozenset({"enable_thinking", "thinking", "thinking_budget", "reasoning"})
_OF_THINKING = {"type", "budget_tokens"}
_OF_REASONING = {"effort", "enabled", "exclude", "max_tokens", "summary"}


def with_effort(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, without those names, and with the `reasoning_effort` that they mean, unless it is said itself.

    How many tokens thinking may take is not told to any channel: the answer's own limit bounds both.
    Raises ParameterNotValid.
    """
    rest = {name: value for name, value in said.items() if name not in NAMES}
    efforts = [effort for name in sorted(NAMES & said.keys()) if (effort := _effort(name, said[name])) is not None]
    return {_EFFORT: efforts[0], **rest} if efforts else rest


def _effort(name: str, value: Any) -> str | None:
    """How much of it one of the names asks for; None for as much as the model pleases."""
    if name == "enable_thinking" and isinstance(value, bool):
        return None if value else _OFF
    if name == "thinking_budget" and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return None if value else _OFF
    if name == "thinking" and isinstance(value, dict) and value.keys() <= _OF_THINKING:
        if value.get("type") in ("enabled", "disabled", "auto", "adaptive"):
            return _OFF if value["type"] == "disabled" else None
    elif name == "reasoning" and isinstance(value, dict) and value.keys() <= _OF_REASONING:
        effort, is_on = value.get("effort"), value.get("enabled", True)
        if isinstance(effort, str | None) and isinstance(is_on, bool):
            return effort if is_on else _OFF
    raise errors.ParameterNotValid(param=name)
