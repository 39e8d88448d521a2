"""What is read of a body that a program sends to /v1/chat/completions."""

from typing import Any

import pytest

from apps.chat import errors
from apps.chat.rules.completions import Completion, read_completion
from apps.kernel.errors import DomainError

HELLO = [{"role": "user", "content": "hello"}]
GOOD = {"model": "base", "messages": HELLO}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SAID = {"role": "user", "parts": [{"type": "text", "text": "hello"}]}


def with_message(**message: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hello", **message}]}


def test_the_least_that_can_be_asked() -> None:
    assert read_completion(GOOD) == Completion(
        model="base", requests=([SAID],), options={}, max_output_tokens=None, is_streamed=False, tells_usage=False
    )


def test_what_is_null_is_not_there() -> None:
    names = ("n", "stop", "tools", "max_tokens", "stream", "stream_options", "response_format", "temperature", "seed")

    assert read_completion({**GOOD, **dict.fromkeys(names)}) == read_completion(GOOD)


def test_what_asks_for_what_is_so_anyway_and_what_is_harmless_is_taken() -> None:
    beside = {
        **{"n": 1, "stop": [], "logprobs": False, "top_logprobs": 0, "logit_bias": {}, "tools": [], "functions": []},
        **{"tool_choice": "auto", "function_call": "none", "modalities": ["text"], "response_format": {"type": "text"}},
        **{"metadata": {"a": "b"}, "store": True, "service_tier": "auto", "safety_identifier": "x", "user": "ann"},
        **{"prompt_cache_key": "k", "parallel_tool_calls": True},
    }

    assert read_completion({**GOOD, **beside}) == read_completion(GOOD)


def test_the_lower_of_two_limits_counts_and_a_stream_says_what_it_tells() -> None:
    options = {"include_usage": True, "include_obfuscation": False}
    body = {**GOOD, "max_tokens": 9, "max_completion_tokens": 7, "stream": True, "stream_options": options}

    read = read_completion(body)

    assert (read.max_output_tokens, read.is_streamed, read.tells_usage) == (7, True, True)


def test_what_the_system_says_in_the_beginning_is_one_turn() -> None:
    system = [{"role": role, "content": role} for role in ("system", "developer")]

    ((first, second),) = read_completion({**GOOD, "messages": [*system, *HELLO]}).requests

    assert first == {"role": "system", "parts": [{"type": "text", "text": text} for text in ("system", "developer")]}
    assert second == SAID


def test_an_answer_that_a_client_sends_back_as_it_came_is_its_text() -> None:
    back: dict[str, Any] = {
        "role": "assistant",
        "content": "yes",
        "refusal": None,
        "tool_calls": None,
        "annotations": [],
        "audio": None,
    }
    messages = [*HELLO, {**back, "function_call": None, "reasoning_content": "hm"}, *HELLO]

    (turns,) = read_completion({**GOOD, "messages": messages}).requests

    assert turns[1] == {"role": "assistant", "parts": [{"type": "text", "text": "yes"}]}


@pytest.mark.parametrize(
    ("said", "param", "refusal"),
    [
        ({"n": 100}, "n", errors.ParameterNotValid),
        ({"n": 0}, "n", errors.ParameterNotValid),
        ({"n": True}, "n", errors.ParameterNotValid),
        ({"n": 10**30}, "n", errors.ParameterNotValid),
        ({"max_tokens": -1}, "max_tokens", errors.ParameterNotValid),
        ({"max_tokens": 0}, "max_tokens", errors.ParameterNotValid),
        ({"max_tokens": 10**30}, "max_tokens", errors.ParameterNotValid),
        ({"max_tokens": "10"}, "max_tokens", errors.ParameterNotValid),
        ({"max_tokens": 1.5}, "max_tokens", errors.ParameterNotValid),
        ({"max_completion_tokens": True}, "max_completion_tokens", errors.ParameterNotValid),
        ({"temperature": 3}, "temperature", errors.ParameterNotValid),
        ({"temperature": "hot"}, "temperature", errors.ParameterNotValid),
        ({"stream": "yes"}, "stream", errors.ParameterNotValid),
        ({"stream_options": []}, "stream_options", errors.ParameterNotValid),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage", errors.ParameterNotValid),
        ({"stream_options": {"x": 1}}, "stream_options.x", errors.ParameterUnknown),
        ({"tools": {"type": "function"}}, "tools", errors.ParameterNotValid),
        ({"tool_choice": "required"}, "tool_choice", errors.ParameterNotValid),
        ({"function_call": {"name": "f"}}, "function_call", errors.ParameterNotValid),
        ({"top_logprobs": 5}, "top_logprobs", errors.ParameterNotValid),
        ({"stop": 1}, "stop", errors.ParameterNotValid),
        ({"audio": {}}, "audio", errors.ParameterNotOffered),
        ({"max_token": 5}, "max_token", errors.ParameterUnknown),
        ({"\u0000\u4f60": 5}, "?", errors.ParameterUnknown),
        ({"model": None}, "model", errors.ParameterMissing),
        ({"model": 5}, "model", errors.ParameterNotValid),
        ({"messages": None}, "messages", errors.ParameterMissing),
        ({"messages": "hello"}, "messages", errors.ParameterNotValid),
        ({"messages": []}, "messages", errors.ParameterNotValid),
        ({"messages": HELLO * 201}, "messages", errors.ParameterNotValid),
        ({"messages": ["hello"]}, "messages.0", errors.ParameterNotValid),
        (with_message(role="wizard"), "messages.0.role", errors.ParameterNotValid),
        (with_message(role=["user"]), "messages.0.role", errors.ParameterNotValid),
        (with_message(role="tool"), "messages.0.tool_call_id", errors.ParameterNotValid),
        (with_message(role="tool", tool_call_id="a b"), "messages.0.tool_call_id", errors.ParameterNotValid),
        (with_message(role="assistant"), "messages.0.role", errors.ParameterNotOffered),
        (with_message(content=None), "messages.0.content", errors.ParameterNotValid),
        (with_message(content=5), "messages.0.content", errors.ParameterNotValid),
        (with_message(content=[]), "messages.0.content", errors.ParameterNotValid),
        (with_message(content=["a"]), "messages.0.content.0", errors.ParameterNotValid),
        (with_message(content=[{"type": "text", "text": 5}]), "messages.0.content.0", errors.ParameterNotValid),
        (with_message(content=[{"type": ["text"], "text": ""}]), "messages.0.content.0", errors.ParameterNotValid),
        (with_message(content=[{"type": "image_url"}]), "messages.0.content.0.image_url", errors.ParameterNotValid),
        (with_message(content=[{"type": "input_audio"}]), "messages.0.content.0.type", errors.ParameterNotOffered),
        (with_message(tool_calls=[{"id": "c"}]), "messages.0.tool_calls.0", errors.ParameterNotValid),
        (with_message(tool_calls={"id": "c"}), "messages.0.tool_calls", errors.ParameterNotValid),
        (with_message(tool_calls=[CALL]), "messages.0.tool_calls", errors.ParameterNotValid),
        (with_message(role="assistant", tool_calls=[CALL] * 65), "messages.0.tool_calls", errors.ParameterNotValid),
        (
            with_message(role="assistant", tool_calls=[{**CALL, "type": "custom"}]),
            "messages.0.tool_calls.0.type",
            errors.ParameterNotOffered,
        ),
        (
            with_message(role="assistant", tool_calls=[CALL], function_call={"name": "f", "arguments": ""}),
            "messages.0.function_call",
            errors.ParameterNotValid,
        ),
        (with_message(pleased=True), "messages.0.pleased", errors.ParameterUnknown),
        (
            {"messages": [*HELLO, {"role": "system", "content": "x"}, *HELLO]},
            "messages.1.role",
            errors.ParameterNotOffered,
        ),
    ],
)
def test_a_value_that_is_not_right_is_named(said: dict[str, Any], param: str, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal) as refused:
        read_completion({**GOOD, **said})

    assert refused.value.context == {"param": param}


@pytest.mark.parametrize("body", [None, [], "hello", 5, True])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(errors.ParameterNotValid):
        read_completion(body)
