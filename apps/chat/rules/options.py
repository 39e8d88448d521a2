"""What a program asks of its answer beside the question: typed and bounded here, kept with the request, sent as it is.

What one kind of channel does not take, or calls otherwise, its dialect knows (engine/dialects.py).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any

from apps.chat import errors
from apps.chat.rules.requests import UNSTORABLE, estimate_tokens

Check = Callable[[Any], bool]

_MAX_STOPS, _MAX_STOP_CHARS = 4, 256
_MAX_BIASES = 1024
# Of each token, how many others are told that it could have been.
MAX_ALTERNATIVES = 20
# A format is read by the model and paid for with the question; nobody writes one by hand that is longer, or deeper.
_MAX_FORMAT_CHARS = 64_000
_MAX_SEARCH_CHARS = 1_000
_MAX_DEPTH = 32
_LARGEST_SEED = 2**63
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_LEVEL = re.compile(r"[a-z]{1,16}\Z")
_TOKEN_ID = re.compile(r"[0-9]{1,9}\Z")


def number_within(least: float, most: float) -> Check:
    """Whether a value is a number from here to there."""
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_level(value: Any) -> bool:
    """How much of it; which levels there are, each model says itself."""
    return isinstance(value, str) and bool(_LEVEL.match(value))


def _are_stops(value: Any) -> bool:
    stops = [value] if isinstance(value, str) else value
    return (
        isinstance(stops, list)
        and len(stops) <= _MAX_STOPS
        and all(isinstance(stop, str) and 0 < len(stop) <= _MAX_STOP_CHARS and _is_text(stop) for stop in stops)
    )


def _are_biases(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MAX_BIASES
        and all(_TOKEN_ID.match(token) and _CAN_BIAS(bias) for token, bias in value.items())
    )


def _is_format(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("text", "json_object"):
        return bool(value.keys() == {"type"})
    return kind == "json_schema" and bool(value.keys() == {"type", "json_schema"}) and _is_schema(value["json_schema"])


def _is_schema(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"name", "description", "schema", "strict"}
        and isinstance(value.get("name"), str)
        and bool(_NAME.match(value["name"]))
        and isinstance(value.get("description"), str | None)
        and isinstance(value.get("schema"), dict | None)
        and isinstance(value.get("strict"), bool | None)
        and is_plain(value, max_chars=_MAX_FORMAT_CHARS)
    )


def _is_search(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"search_context_size", "user_location"}
        and value.get("search_context_size", "medium") in ("low", "medium", "high")
        and isinstance(value.get("user_location"), dict | None)
        and is_plain(value, max_chars=_MAX_SEARCH_CHARS)
    )


_CAN_BIAS = number_within(-100, 100)
_OPTIONS: Mapping[str, Check] = {
    "temperature": number_within(0, 2),
    "top_p": number_within(0, 1),
    "presence_penalty": number_within(-2, 2),
    "frequency_penalty": number_within(-2, 2),
    "seed": lambda value: isinstance(value, int) and number_within(-_LARGEST_SEED, _LARGEST_SEED - 1)(value),
    "stop": _are_stops,
    "logit_bias": _are_biases,
    "response_format": _is_format,
    "reasoning_effort": _is_level,
    "verbosity": _is_level,
    "logprobs": lambda value: isinstance(value, bool),
    "top_logprobs": lambda value: isinstance(value, int) and number_within(0, MAX_ALTERNATIVES)(value),
    "web_search_options": _is_search,
}
NAMES = frozenset(_OPTIONS)
# What else goes upstream by OpenAI's name.
_BESIDE = {
    *("messages", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens"),
    # Of images.
    *("prompt", "n", "size", "quality", "style"),
}
# Asked for like this, it is as if it were not asked for.
_AS_IT_IS: Mapping[str, tuple[Any, ...]] = {
    "stop": ("", []),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
}


def read_options(said: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that are among what was said, as they go upstream. Raises ParameterNotValid."""
    options = {}
    for name in _OPTIONS:
        if name not in said or said[name] in _AS_IT_IS.get(name, ()):
            continue
        if not _OPTIONS[name](said[name]):
            raise errors.ParameterNotValid(param=name)
        options[name] = said[name]
    for name in ("logprobs", "top_logprobs"):
        if not options.get(name):
            options.pop(name, None)
    if "top_logprobs" in options and "logprobs" not in options:
        raise errors.ParameterNotValid(param="top_logprobs")
    return options


# As OpenAI calls what asks for a search, and how much is thought.
SEARCH, EFFORT = "web_search_options", "reasoning_effort"
# How much thought is asked for where somebody only says that some is wanted.
_SOME_EFFORT = "medium"


def switch_options(*, thinks: bool | None, searches: bool) -> dict[str, Any]:
    """The options that say what somebody switched on, or off, in a conversation."""
    effort = {} if thinks is None else {EFFORT: _SOME_EFFORT if thinks else "none"}
    return effort | ({SEARCH: {}} if searches else {})


def asks_to_think(options: Mapping[str, Any]) -> bool | None:
    """Whether the options ask for thought, or for none; None where they leave it to the model."""
    return options[EFFORT] != "none" if EFFORT in options else None


def is_plain(value: Any, *, max_chars: int) -> bool:
    """Whether JSON is of a size and a depth that people write, of texts and numbers that can be kept and sent."""
    try:
        return all(_is_text(text) for text in texts_in(value)) and len(as_json(value)) <= max_chars
    except NotPlain:
        return False


def text_of_options(options: Mapping[str, Any]) -> str:
    """What of the options is text that a model reads, or that may come back in its answer; in the order in which it is
    read, so that a word which is cut into names and values is one still.
    """
    carriers = [options[name] for name in ("response_format", "stop", "tools", SEARCH) if name in options]
    # They were found flat enough, from a step within.
    return "\n".join(text for carrier in carriers for text in texts_in(carrier, _MAX_DEPTH + 1))


def named_part(place: str) -> str:
    """The parameter of a request that a provider's name of a place in it begins with; "" for none that was sent."""
    name = re.split(r"[.\[]", place, maxsplit=1)[0]
    return name if name in NAMES or name in _BESIDE else ""


def option_tokens(options: Mapping[str, Any]) -> int:
    """Our count of what the model reads of them."""
    return sum(map(estimate_tokens, options_to_count(options)))


def options_to_count(options: Mapping[str, Any]) -> list[str]:
    """What of the options the model reads."""
    return [as_json(options[name]) for name in ("response_format", "tools", SEARCH) if options.get(name)]


class NotPlain(ValueError):
    """Too deep, or a number that is none."""


def texts_in(value: Any, depth: int = _MAX_DEPTH) -> Iterator[str]:
    """All texts in a value, names included. Raises NotPlain."""
    if not depth or (isinstance(value, float) and not isfinite(value)):
        raise NotPlain
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from texts_in(part, depth - 1)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from texts_in(part, depth - 1)


def _is_text(text: str) -> bool:
    return not UNSTORABLE.search(text)


def as_json(value: Any) -> str:
    """A value as it is counted."""
    return json.dumps(value, ensure_ascii=False)
