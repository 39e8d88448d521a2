"""What a program may say to /v1/chat/completions, by OpenAI's names, and what of it is carried (docs/api.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.chat import errors
from apps.chat.rules import options, tool_use, vendor_switches
from apps.chat.rules.bodies import model_of, said_in, shown
from apps.chat.rules.charging import MOST_CONTEXT_TOKENS
from apps.chat.rules.limits import MAX_ANSWERS
from apps.chat.rules.options import Check
from apps.chat.rules.pictures import DETAILS
from apps.chat.rules.requests import MAX_CALLS, MAX_TURNS

# A developer is who the system was, by its newer name.
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
# What came of a call; a function is what a tool was, by its former name.
_ROLES_OF_TOOLS = {"tool", "function"}


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What is asked. `requests`, with so many `answers` to each, and `options` are as start_for_program() takes them;
    no limit of its own is None.
    """

    model: str
    requests: tuple[list[dict[str, Any]], ...] = field(repr=False)
    options: dict[str, Any] = field(repr=False)
    max_output_tokens: int | None
    is_streamed: bool
    tells_usage: bool
    answers: int = 1
    # Tools were named as they were before there were tools, and so are those that are called.
    has_functions: bool = False


def _is(*kinds: type) -> Check:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


# An answer without them is still an answer to what was asked; who asks here is told to nobody.
_IGNORED: Mapping[str, Check] = {
    "user": _is(str),
    "metadata": _is(dict),
    "store": _is(bool),
    "service_tier": _is(str),
    "safety_identifier": _is(str),
    "prompt_cache_key": _is(str),
    "prompt_cache_retention": _is(str),
    "prediction": _is(dict),
    "parallel_tool_calls": _is(bool),
}
# These would make it another answer: carried only where they ask for what is so anyway.
_AS_IT_IS: Mapping[str, tuple[Check, tuple[Any, ...]]] = {
    "modalities": (_is(list), (["text"],)),
    "audio": (_is(dict), ()),
}
_READ = {"model", "messages", "n", "max_tokens", "max_completion_tokens", "stream", "stream_options", *options.NAMES}
_OF_TOOLS = {"tools", "tool_choice", "functions", "function_call"}
_STREAM_OPTIONS = {"include_usage", "include_obfuscation"}
# Of a message, beside its role and content: what clients send back of an answer says nothing more, or has to be empty.
_SAID_BESIDE = {"name", "reasoning_content", "reasoning", "annotations"}
_CALLS_BESIDE = {"tool_calls", "function_call"}
_EMPTY_BESIDE = {"refusal", "audio"}


def read_completion(body: Any) -> Completion:
    """The body of a request. What is null is as if it were not there.

    Raises ParameterMissing, ParameterUnknown, ParameterNotValid, ParameterNotOffered, ImagesNotUnderstood; the turns
    themselves are read by read_request().
    """
    said = vendor_switches.with_effort(said_in(body))
    for name, value in said.items():
        _check(name, value)
    return Completion(requests=(_request(said),), **what_is_asked(said))


def what_is_asked(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a Completion says beside its requests, by OpenAI's names for chat completions.

    Raises ParameterMissing, ParameterUnknown, ParameterNotValid, ParameterNotOffered.
    """
    # A model that gives less gives less; what no model could give is a mistake.
    limits = [
        whole_number(said, name, most=MOST_CONTEXT_TOKENS)
        for name in ("max_tokens", "max_completion_tokens")
        if name in said
    ]
    return {
        "model": model_of(said),
        "answers": whole_number(said, "n", most=MAX_ANSWERS) if "n" in said else 1,
        "options": options.read_options(said) | tool_use.read_tools(said),
        "max_output_tokens": min(limits, default=None),
        "is_streamed": flag(said, "stream"),
        "tells_usage": flag(_stream_options(said), "include_usage", of="stream_options."),
        "has_functions": bool(said.get("functions")),
    }


def check_ignored(name: str, value: Any) -> bool:
    """Whether nothing is done with this parameter. Raises ParameterNotValid where its value is of the wrong kind."""
    if name not in _IGNORED:
        return False
    if not _IGNORED[name](value):
        raise errors.ParameterNotValid(param=name)
    return True


def _check(name: str, value: Any) -> None:
    if check_ignored(name, value):
        return
    if name in _AS_IT_IS:
        is_right, harmless = _AS_IT_IS[name]
        if not is_right(value):
            raise errors.ParameterNotValid(param=name)
        if value not in harmless:
            raise errors.ParameterNotOffered(param=name)
    elif name not in _READ and name not in _OF_TOOLS:
        raise errors.ParameterUnknown(param=shown(name))


def whole_number(said: Mapping[str, Any], name: str, *, most: int) -> int:
    """A number from 1 to here. Raises ParameterNotValid."""
    value: Any = said[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise errors.ParameterNotValid(param=name)
    return value


def flag(said: Mapping[str, Any], name: str, *, of: str = "") -> bool:
    """Yes or no; where nothing is said, no. Raises ParameterNotValid."""
    value: Any = said.get(name, False)
    if not isinstance(value, bool):
        raise errors.ParameterNotValid(param=of + name)
    return value


def _stream_options(said: Mapping[str, Any]) -> dict[str, Any]:
    options = said.get("stream_options", {})
    if not isinstance(options, dict):
        raise errors.ParameterNotValid(param="stream_options")
    for name in options:
        if name not in _STREAM_OPTIONS:
            raise errors.ParameterUnknown(param=f"stream_options.{shown(name)}")
    return {name: value for name, value in options.items() if value is not None}


def _request(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages as turns; what the system says in several messages at the beginning is one turn."""
    messages = said.get("messages")
    if messages is None:
        raise errors.ParameterMissing(param="messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_TURNS:
        raise errors.ParameterNotValid(param="messages")
    turns: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        turn = _turn(message, number=number)
        if turn["role"] == "system" and len(turns) == 1 and turns[0]["role"] == "system":
            turns[0]["parts"] += turn["parts"]
        elif turn["role"] == "system" and turns:
            raise errors.ParameterNotOffered(param=f"messages.{number}.role")
        else:
            turns.append(turn)
    if turns[-1]["role"] not in ("user", "tool"):
        raise errors.ParameterNotOffered(param=f"messages.{len(messages) - 1}.role")
    return turns


def _turn(message: Any, *, number: int) -> dict[str, Any]:
    at = f"messages.{number}"
    if not isinstance(message, dict):
        raise errors.ParameterNotValid(param=at)
    role = message.get("role")
    if not isinstance(role, str) or role not in {*_ROLES, *_ROLES_OF_TOOLS}:
        raise errors.ParameterNotValid(param=f"{at}.role")
    for name, value in message.items():
        if name in _EMPTY_BESIDE and value not in (None, []):
            raise errors.ParameterNotOffered(param=f"{at}.{name}")
        if name not in {"role", "content", "tool_call_id", *_SAID_BESIDE, *_EMPTY_BESIDE, *_CALLS_BESIDE}:
            raise errors.ParameterUnknown(param=f"{at}.{shown(name)}")
    if role in _ROLES_OF_TOOLS:
        return {"role": "tool", "parts": [_result(message, number=number)]}
    calls = _calls(message, number=number)
    if calls and role != "assistant":
        raise errors.ParameterNotValid(param=f"{at}.tool_calls")
    content = message.get("content")
    texts = [] if calls and content in (None, "", []) else _parts(content, at=f"{at}.content")
    if role != "user":
        _check_words_only(texts, at=f"{at}.content")
    return {"role": _ROLES[role], "parts": [*texts, *calls]}


def _result(message: Mapping[str, Any], *, number: int) -> dict[str, str]:
    """What came of a call. A function's has no id; it answers the one call of the message before it."""
    at = f"messages.{number}"
    call_id = message.get("tool_call_id") if message["role"] == "tool" else _id_of_function(number - 1)
    if not tool_use.is_call_id(call_id):
        raise errors.ParameterNotValid(param=f"{at}.tool_call_id")
    parts = _parts(message.get("content"), at=f"{at}.content")
    _check_words_only(parts, at=f"{at}.content")
    text = "\n".join(part["text"] for part in parts)
    return {"type": "tool_result", "id": str(call_id), "text": text}


def _calls(message: Mapping[str, Any], *, number: int) -> list[dict[str, str]]:
    at = f"messages.{number}"
    calls = message.get("tool_calls") or []
    if message.get("function_call") is not None:
        if calls:
            raise errors.ParameterNotValid(param=f"{at}.function_call")
        calls = [{"id": _id_of_function(number), "type": "function", "function": message["function_call"]}]
    if not isinstance(calls, list) or len(calls) > MAX_CALLS:
        raise errors.ParameterNotValid(param=f"{at}.tool_calls")
    return [_call(call, at=f"{at}.tool_calls.{place}") for place, call in enumerate(calls)]


def _call(call: Any, *, at: str) -> dict[str, str]:
    kind = call.get("type", "function") if isinstance(call, dict) else None
    if isinstance(kind, str) and kind != "function":
        raise errors.ParameterNotOffered(param=f"{at}.type")
    function = call.get("function") if kind else None
    if not isinstance(function, dict):
        raise errors.ParameterNotValid(param=at)
    call_id, name, arguments = call.get("id"), function.get("name"), function.get("arguments")
    if not (tool_use.is_call_id(call_id) and tool_use.is_name(name) and isinstance(arguments, str)):
        raise errors.ParameterNotValid(param=at)
    # What else stands there, such as its number, says nothing more.
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def _id_of_function(number: int) -> str:
    """What tells the call of a function in this message, which has none of its own."""
    return f"function_{number}"


def read_content(content: Any, *, at: str, may_show: bool) -> list[dict[str, str]]:
    """The parts of what somebody says, and shows if that is a user. Raises ParameterNotValid, ParameterNotOffered."""
    parts = _parts(content, at=at)
    if not may_show:
        _check_words_only(parts, at=at)
    return parts


def _parts(content: Any, *, at: str) -> list[dict[str, str]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not content:
        raise errors.ParameterNotValid(param=at)
    return [_part(part, at=f"{at}.{number}") for number, part in enumerate(content)]


def _part(part: Any, *, at: str) -> dict[str, str]:
    if isinstance(part, dict) and part.get("type") == "image_url":
        return _image(part, at=at)
    return {"type": "text", "text": _text(part, at=at)}


def _image(part: Mapping[str, Any], *, at: str) -> dict[str, str]:
    """A picture as it was sent; whoever starts the generation looks at its bytes, and puts a kept one in its place."""
    image = part.get("image_url")
    url, detail = (image.get("url"), image.get("detail") or DETAILS[0]) if isinstance(image, dict) else (None, None)
    if not isinstance(url, str) or not part.keys() <= {"type", "image_url", "cache_control"}:
        raise errors.ParameterNotValid(param=f"{at}.image_url")
    if detail not in DETAILS:
        raise errors.ParameterNotValid(param=f"{at}.image_url.detail")
    return {"type": "image_url", "url": url, "detail": detail, "at": at}


def _check_words_only(parts: list[dict[str, str]], *, at: str) -> None:
    """Only users show pictures. Raises ParameterNotOffered."""
    for number, part in enumerate(parts):
        if part["type"] != "text":
            raise errors.ParameterNotOffered(param=f"{at}.{number}")


def _text(part: Any, *, at: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("input_audio", "file", "refusal"):
        raise errors.ParameterNotOffered(param=f"{at}.type")
    text = part.get("text") if kind == "text" else None
    if not isinstance(text, str) or not part.keys() <= {"type", "text", "cache_control"}:
        raise errors.ParameterNotValid(param=at)
    return text
