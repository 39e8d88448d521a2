"""GET /v1/openapi.json: what stands below /v1, as programs that read descriptions want it (docs/adr/0029).

Names, bounds and shapes are those of `rules`; `tests/fuzzing` asks what it says, and what it does not say.
"""

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from apps.chat.api.compatible.endpoints import endpoint
from apps.chat.contracts import ModelKind
from apps.chat.rules.charging import MOST_CONTEXT_TOKENS
from apps.chat.rules.limits import MAX_ANSWERS
from apps.chat.rules.requests import MAX_CALLS, MAX_TURNS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_ANY_OBJECT: Schema = {"type": "object"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_AMOUNT: Schema = {"type": "number"}
_LEVEL: Schema = {"type": "string", "pattern": "^[a-z]{1,16}$"}
_TOOL_NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
_CALL_ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$"}
# What is refused before the body is looked at, and what the body, the member and the channel may be refused for.
_ALWAYS = (401, 403, 503)
_OF_ANSWERS = (400, 402, 404, 409, 413, 429, 500, 502)


@endpoint("GET", "HEAD")
def description(request: HttpRequest) -> HttpResponseBase:
    """The whole of it; who asks for it needs no key."""
    return JsonResponse(document())


def document() -> Schema:
    """An OpenAPI description of every endpoint below /v1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Chatloop, OpenAI's API", "version": "1"},
        "security": [{"key": []}],
        "paths": {
            "/v1/chat/completions": {"post": _chat_completions()},
            "/v1/models": {"get": _operation("The models that the key may ask.", {200: _json(_ref("ModelList"))})},
            "/v1/models/{model_id}": {
                "parameters": [{"name": "model_id", "in": "path", "required": True, "schema": _TEXT}],
                "get": _operation("One of them.", {200: _json(_ref("Model"))}, refusals=(404,)),
            },
            "/v1/usage": {"get": _of_days("What is left, and what this key's answers took.", "UsageOfKey")},
            **{
                f"{before}/dashboard/billing/{name}": {"get": operation}
                for before in ("/v1", "")
                for name, operation in _billing().items()
            },
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": _error(),
                "Model": _model(),
                "ModelList": _closed({"object": {"const": "list"}, "data": _list(_ref("Model"))}),
                "Usage": _usage(),
                "ToolCall": _tool_call(),
                "ChatCompletionRequest": _request(),
                "ChatCompletion": _completion(),
                "UsageOfKey": _usage_of_key(),
            },
        },
    }


def _operation(summary: str, answers: dict[int, Schema], *, body: str = "", refusals: tuple[int, ...] = ()) -> Schema:
    refused = {"description": "refused", "content": {"application/json": {"schema": _ref("Error")}}}
    responses = {
        **{str(status): {"description": "answered", "content": content} for status, content in answers.items()},
        **{str(status): refused for status in sorted({*_ALWAYS, *refusals})},
    }
    asked = {"requestBody": {"required": True, "content": _json(_ref(body))}} if body else {}
    return {"summary": summary, "responses": responses, **asked}


def _chat_completions() -> Schema:
    answers = {**_json(_ref("ChatCompletion")), "text/event-stream": {"schema": _TEXT}}
    summary = "An answer, at once or as a stream of chunks."
    return _operation(summary, {200: answers}, body="ChatCompletionRequest", refusals=_OF_ANSWERS)


def _of_days(summary: str, answer: str) -> Schema:
    """What may be asked for the days from one to another."""
    day = {"type": "string", "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"}
    named = [{"name": name, "in": "query", "schema": day} for name in ("start_date", "end_date")]
    return {**_operation(summary, {200: _json(_ref(answer))}, refusals=(400,)), "parameters": named}


def _billing() -> dict[str, Schema]:
    limits = dict.fromkeys(("soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd"), _AMOUNT)
    subscription = {"object": {"const": "billing_subscription"}, "has_payment_method": _FLAG, **limits}
    spent = _closed({"object": {"const": "list"}, "total_usage": _AMOUNT})
    days = _of_days("What was spent with this key, in hundredths of a credit.", "UsageOfKey")
    days["responses"]["200"]["content"] = _json(spent)
    answers = {200: _json(_closed({**subscription, "access_until": _COUNT}))}
    return {"subscription": _operation("What may be spent with this key in all.", answers), "usage": days}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(of: Schema, *, least: int = 0, most: int | None = None) -> Schema:
    bounds = {"minItems": least} | ({} if most is None else {"maxItems": most})
    return {"type": "array", "items": of, **bounds}


def _closed(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """An object with these members and no other."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _number(least: float, most: float) -> Schema:
    return {"type": "number", "minimum": least, "maximum": most}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


# -- what is asked ----------------------------------------------------------------------------------------


def parameters() -> dict[str, Schema]:
    """What a request to /v1/chat/completions may name beside the model and the messages; each may be null."""
    return {
        "n": _whole(1, MAX_ANSWERS),
        "max_tokens": _whole(1, MOST_CONTEXT_TOKENS),
        "max_completion_tokens": _whole(1, MOST_CONTEXT_TOKENS),
        "stream": _FLAG,
        "stream_options": _stream_options(),
        "temperature": _number(0, 2),
        "top_p": _number(0, 1),
        "presence_penalty": _number(-2, 2),
        "frequency_penalty": _number(-2, 2),
        "seed": _whole(-(2**63), 2**63 - 1),
        "stop": {"anyOf": [{"type": "string", "maxLength": 256}, _list(_stop(), most=4)]},
        "logit_bias": {"type": "object", "additionalProperties": _number(-100, 100), "maxProperties": 1024},
        "response_format": _response_format(),
        "reasoning_effort": _LEVEL,
        "verbosity": _LEVEL,
        "logprobs": _FLAG,
        "top_logprobs": _number(0, 20),
        "tools": _list(_tool(), most=128),
        "tool_choice": {"anyOf": [{"enum": ["none", "auto", "required"]}, _ANY_OBJECT]},
        "functions": _list(_function(), most=128),
        "function_call": {"anyOf": [{"enum": ["none", "auto", "required"]}, _ANY_OBJECT]},
        "parallel_tool_calls": _FLAG,
        "modalities": _list({}),
        "audio": _ANY_OBJECT,
        "web_search_options": _ANY_OBJECT,
        **dict.fromkeys(
            ("user", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"), _TEXT
        ),
        "metadata": _ANY_OBJECT,
        "prediction": _ANY_OBJECT,
        "store": _FLAG,
        "enable_thinking": _FLAG,
        "thinking_budget": _COUNT,
        "thinking": _closed(
            {"type": {"enum": ["enabled", "disabled", "auto", "adaptive"]}, "budget_tokens": {}},
            optional=("budget_tokens",),
        ),
        "reasoning": _reasoning(),
    }


def _request() -> Schema:
    needed = {
        "model": {"type": "string", "minLength": 1},
        "messages": _list(_message(), least=1, most=MAX_TURNS),
    }
    named = {name: _or_null(schema) for name, schema in parameters().items()}
    return _closed({**needed, **named}, optional=tuple(named))


def _stream_options() -> Schema:
    names = ("include_usage", "include_obfuscation")
    return _closed({"include_usage": _or_null(_FLAG), "include_obfuscation": {}}, optional=names)


def _stop() -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": 256}


def _reasoning() -> Schema:
    named = {"effort": _or_null(_LEVEL), "enabled": _FLAG, "exclude": {}, "max_tokens": {}, "summary": {}}
    return _closed(named, optional=tuple(named))


def _response_format() -> Schema:
    schema = _closed(
        {
            "name": _TOOL_NAME,
            "description": _or_null(_TEXT),
            "schema": _or_null(_ANY_OBJECT),
            "strict": _or_null(_FLAG),
        },
        optional=("description", "schema", "strict"),
    )
    return {
        "anyOf": [
            _closed({"type": {"enum": ["text", "json_object"]}}),
            _closed({"type": {"const": "json_schema"}, "json_schema": schema}),
        ]
    }


def _function() -> Schema:
    named = {
        "name": _TOOL_NAME,
        "description": _or_null(_TEXT),
        "parameters": _or_null(_ANY_OBJECT),
        "strict": _or_null(_FLAG),
    }
    return _closed(named, optional=("description", "parameters", "strict"))


def _tool() -> Schema:
    return _closed({"type": {"const": "function"}, "function": _function()})


def _message() -> Schema:
    """Its content depends on the role, and that of the first and last on their place: refused with their own words."""
    content = {"anyOf": [_TEXT, _list(_ANY_OBJECT), {"type": "null"}]}
    named: dict[str, Schema] = {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool", "function"]},
        "content": content,
        "tool_calls": _or_null(_list(_ANY_OBJECT, most=MAX_CALLS)),
        "function_call": _or_null(_ANY_OBJECT),
        **dict.fromkeys(("name", "tool_call_id", "reasoning_content", "reasoning", "annotations"), {}),
        "refusal": {"enum": [None, []]},
        "audio": {"enum": [None, []]},
    }
    return _closed(named, optional=tuple(name for name in named if name != "role"))


# -- what is answered -------------------------------------------------------------------------------------


def _error() -> Schema:
    error = _closed({"message": _TEXT, "type": _TEXT, "param": _or_null(_TEXT), "code": _or_null(_TEXT)})
    return _closed({"error": error})


def _model() -> Schema:
    return _closed(
        {
            "id": _TEXT,
            "object": {"const": "model"},
            "created": _COUNT,
            "owned_by": _TEXT,
            "name": _TEXT,
            "kind": {"enum": [kind.value for kind in ModelKind]},
            "capabilities": _list(_TEXT),
            "context_window": _COUNT,
            "max_completion_tokens": _or_null(_COUNT),
        }
    )


def _usage() -> Schema:
    return _closed(
        {
            "prompt_tokens": _COUNT,
            "completion_tokens": _COUNT,
            "total_tokens": _COUNT,
            "prompt_tokens_details": _closed({"cached_tokens": _COUNT}),
            "completion_tokens_details": _closed({"reasoning_tokens": _COUNT}),
        }
    )


def _usage_of_key() -> Schema:
    """Amounts in credits, and in thousandths of one."""
    amounts = {name: _AMOUNT for each in ("balance", "held") for name in (each, f"{each}_milli")}
    key = {"name": _TEXT, "expires_at": _or_null(_TEXT), "spend_cap": _or_null(_AMOUNT), "spent": _AMOUNT}
    of_key = _closed({**key, "spend_cap_milli": _or_null(_COUNT), "spent_milli": _COUNT})
    sums = {**dict.fromkeys(("answers", "input_tokens", "output_tokens", "charged_milli"), _COUNT), "charged": _AMOUNT}
    line = {"type": "object", "properties": sums, "required": list(sums)}
    free = {"free_answers_left": _COUNT, "free_answers_per_day": _COUNT}
    days = {"start_date": {"type": "string", "format": "date"}, "end_date": {"type": "string", "format": "date"}}
    lines = {"total": _closed(sums), "data": _list(line)}
    return _closed(
        {"object": {"const": "usage"}, "unit": {"const": "credit"}, **amounts, **free, "key": of_key, **days, **lines}
    )


def _tool_call() -> Schema:
    function = _closed({"name": _TOOL_NAME, "arguments": _TEXT})
    return _closed({"id": _CALL_ID, "type": {"const": "function"}, "function": function})


def _completion() -> Schema:
    beside = {
        "reasoning_content": _TEXT,
        "tool_calls": _list(_ref("ToolCall"), least=1),
        "function_call": _closed({"name": _TOOL_NAME, "arguments": _TEXT}),
    }
    message = _closed(
        {"role": {"const": "assistant"}, "content": _or_null(_TEXT), "refusal": {"type": "null"}, **beside},
        optional=tuple(beside),
    )
    reasons = ["stop", "length", "content_filter", "tool_calls", "function_call"]
    choice = _closed({"index": _COUNT, "message": message, "logprobs": {}, "finish_reason": {"enum": reasons}})
    return _closed(
        {
            "id": {"type": "string", "pattern": "^chatcmpl-"},
            "object": {"const": "chat.completion"},
            "created": _COUNT,
            "model": _TEXT,
            "choices": _list(choice, least=1, most=MAX_ANSWERS),
            "usage": _ref("Usage"),
        }
    )
