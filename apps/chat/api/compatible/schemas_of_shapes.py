"""The older and the newer shape of answers, as the description of /v1 has them: beside those of chat completions."""

from collections.abc import Mapping

from apps.chat.api.compatible.schemas import (
    AMOUNT,
    ANY_OBJECT,
    CALL_ID,
    COUNT,
    FLAG,
    LEVEL,
    TEXT,
    TOOL_NAME,
    Schema,
    closed,
    list_of,
    or_null,
    ref,
    whole,
)
from apps.chat.rules.limits import MAX_ANSWERS
from apps.chat.rules.options import MAX_ALTERNATIVES
from apps.chat.rules.prompts import MOST_LOGPROBS
from apps.chat.rules.requests import MAX_TURNS

_NULL: Schema = {"type": "null"}
_MODEL: Schema = {"type": "string", "minLength": 1}
# Of the parameters of chat completions, what both take by the same name.
_SAME = (
    "model", "stream", "temperature", "top_p", "parallel_tool_calls", "user", "metadata", "store", "service_tier",
    "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prediction",
)  # fmt: skip
_SAME_OF_PROMPTS = (
    "n",
    "max_tokens",
    "stream_options",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "logit_bias",
)


def schemas(parameters: Mapping[str, Schema]) -> dict[str, Schema]:
    """What is asked and answered; `parameters` are those of chat completions."""
    return {
        "TextCompletionRequest": _open_to_null("prompt", parameters_of_prompts(parameters)),
        "TextCompletion": _text_completion(),
        "ResponseRequest": _open_to_null("input", parameters_of_responses(parameters)),
        "Response": _response(),
        "Token": _token(),
    }


def parameters_of_prompts(parameters: Mapping[str, Schema]) -> dict[str, Schema]:
    """What a request to /v1/completions may name."""
    return {
        **_same(parameters, *_SAME, *_SAME_OF_PROMPTS),
        "prompt": {"anyOf": [TEXT, list_of(TEXT, least=1, most=MAX_ANSWERS)]},
        "echo": FLAG,
        "suffix": {"const": ""},
        "best_of": whole(1, MAX_ANSWERS),
        "logprobs": whole(0, MOST_LOGPROBS),
    }


def parameters_of_responses(parameters: Mapping[str, Schema]) -> dict[str, Schema]:
    """What a request to /v1/responses may name."""
    return {
        **_same(parameters, *_SAME),
        # An item depends on its type: refused with its own words.
        "input": {"anyOf": [TEXT, list_of(ANY_OBJECT, least=1, most=2 * MAX_TURNS)]},
        "instructions": TEXT,
        "max_output_tokens": parameters["max_completion_tokens"],
        "tools": list_of({"anyOf": [_function(), _tool_of_provider()]}),
        "tool_choice": parameters["tool_choice"],
        "text": _object({"format": _format(), "verbosity": LEVEL}),
        "reasoning": _object({"effort": LEVEL, "summary": {}, "generate_summary": {}, "context": {}}),
        "top_logprobs": whole(0, MAX_ALTERNATIVES),
        "include": list_of({}),
        "truncation": TEXT,
        "max_tool_calls": {"type": "integer"},
        "client_metadata": ANY_OBJECT,
        "stream_options": ANY_OBJECT,
        "context_management": list_of({}),
        "background": {"const": False},
        **dict.fromkeys(("previous_response_id", "conversation"), _NULL),
    }


def _same(parameters: Mapping[str, Schema], *names: str) -> dict[str, Schema]:
    return {name: _MODEL if name == "model" else parameters[name] for name in names}


def _open_to_null(needed: str, named: dict[str, Schema]) -> Schema:
    """A body: what is null is as if it were not there, but for the model and what it is asked."""
    optional = tuple(named.keys() - {"model", needed})
    return closed({**named, **{name: or_null(named[name]) for name in optional}}, optional=optional)


def _object(named: dict[str, Schema]) -> Schema:
    return closed({name: or_null(schema) for name, schema in named.items()}, optional=tuple(named))


# -- what is asked ----------------------------------------------------------------------------------------


def _format() -> Schema:
    schema = {"description": or_null(TEXT), "schema": or_null(ANY_OBJECT), "strict": or_null(FLAG)}
    named = {"type": {"const": "json_schema"}, "name": TOOL_NAME}
    return {
        "anyOf": [
            closed({"type": {"enum": ["text", "json_object"]}}),
            closed({**named, **schema}, optional=tuple(schema)),
        ]
    }


def _function() -> Schema:
    beside = {"description": or_null(TEXT), "parameters": or_null(ANY_OBJECT), "strict": or_null(FLAG)}
    return closed({"type": {"const": "function"}, "name": TOOL_NAME, **beside}, optional=tuple(beside))


def _tool_of_provider() -> Schema:
    """Left out, whatever else is said of it."""
    kind = {"type": "string", "pattern": "^(web_search|image_generation)"}
    return {"type": "object", "properties": {"type": kind}, "required": ["type"]}


# -- what is answered -------------------------------------------------------------------------------------


def _text_completion() -> Schema:
    reasons = {"enum": ["stop", "length", "content_filter"]}
    columns = dict.fromkeys(("tokens", "token_logprobs", "top_logprobs", "text_offset"), list_of({}))
    choice = {"text": TEXT, "index": COUNT, "logprobs": or_null(closed(columns)), "finish_reason": reasons}
    return closed(
        {
            "id": {"type": "string", "pattern": "^cmpl-"},
            "object": {"const": "text_completion"},
            "created": COUNT,
            "model": TEXT,
            "choices": list_of(closed(choice), least=1, most=MAX_ANSWERS),
            "usage": ref("Usage"),
        }
    )


def _response() -> Schema:
    said_again: dict[str, Schema] = dict.fromkeys(
        ("instructions", "max_output_tokens", "tool_choice", "truncation"), {}
    )
    return closed(
        {
            "id": {"type": "string", "pattern": "^resp_"},
            "object": {"const": "response"},
            "created_at": COUNT,
            "model": TEXT,
            "status": {"enum": ["completed", "incomplete"]},
            "error": _NULL,
            "incomplete_details": or_null(closed({"reason": {"enum": ["max_output_tokens", "content_filter"]}})),
            "output": list_of({"anyOf": [_thoughts(), _message(), _call()]}),
            "usage": _usage(),
            "background": {"const": False},
            "previous_response_id": _NULL,
            "store": {"const": False},
            **said_again,
            **dict.fromkeys(("metadata", "reasoning", "text"), ANY_OBJECT),
            **dict.fromkeys(("temperature", "top_p"), AMOUNT),
            "parallel_tool_calls": FLAG,
            "tools": list_of(ANY_OBJECT),
        }
    )


def _thoughts() -> Schema:
    part = closed({"type": {"const": "summary_text"}, "text": TEXT})
    return closed({"id": TEXT, "type": {"const": "reasoning"}, "summary": list_of(part)})


def _message() -> Schema:
    beside = {"annotations": list_of({}, most=0), "logprobs": list_of(ref("Token"))}
    part = closed({"type": {"const": "output_text"}, "text": TEXT, **beside})
    status = {"enum": ["completed", "incomplete"]}
    role = {"const": "assistant"}
    return closed({"id": TEXT, "type": {"const": "message"}, "status": status, "role": role, "content": list_of(part)})


def _call() -> Schema:
    named = {"call_id": CALL_ID, "name": TOOL_NAME, "arguments": TEXT}
    return closed({"id": TEXT, "type": {"const": "function_call"}, "status": {"const": "completed"}, **named})


def _usage() -> Schema:
    asked = closed({"cached_tokens": COUNT, "cache_write_tokens": COUNT})
    counts = dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), COUNT)
    answered = closed({"reasoning_tokens": COUNT})
    return closed({**counts, "input_tokens_details": asked, "output_tokens_details": answered})


def _token() -> Schema:
    """How likely it was, and what else it could have been."""
    data = or_null(list_of(whole(0, 255)))
    token = {"token": TEXT, "logprob": AMOUNT, "bytes": data}
    return closed({**token, "top_logprobs": list_of(closed(token), most=MAX_ALTERNATIVES)})
