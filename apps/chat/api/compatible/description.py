"""GET /v1/openapi.json: what stands below /v1, as programs that read descriptions want it (docs/adr/0029).

Names, bounds and shapes are those of `rules`; `tests/fuzzing` asks what it says, and what it does not say.
"""

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from apps.chat.api.compatible import schemas_of_images, schemas_of_shapes
from apps.chat.api.compatible.endpoints import endpoint
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
    as_json,
    closed,
    list_of,
    number,
    or_null,
    ref,
    whole,
)
from apps.chat.contracts import ModelKind
from apps.chat.rules.charging import MOST_CONTEXT_TOKENS
from apps.chat.rules.embeddings import MAX_DIMENSIONS, MAX_INPUTS
from apps.chat.rules.limits import MAX_ANSWERS
from apps.chat.rules.options import MAX_ALTERNATIVES
from apps.chat.rules.requests import MAX_CALLS, MAX_TURNS

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
            "/v1/chat/completions": {"post": _answers("ChatCompletion", "An answer, at once or as chunks.")},
            "/v1/completions": {"post": _answers("TextCompletion", "What follows prompts, in the older shape.")},
            "/v1/responses": {"post": _answers("Response", "An answer in the newer shape, of which nothing is kept.")},
            "/v1/embeddings": {"post": _embeddings()},
            "/v1/images/generations": {"post": _images()},
            "/v1/images/{picture_id}/{until}/{signature}": {
                "parameters": schemas_of_images.LINK_PARAMETERS,
                "get": {
                    **_operation(
                        "An image to which there is a link.", {200: schemas_of_images.PICTURE}, refusals=(404,)
                    ),
                    "security": [],
                },
            },
            "/v1/models": {"get": _operation("The models that the key may ask.", {200: as_json(ref("ModelList"))})},
            "/v1/models/{model_id}": {
                "parameters": [{"name": "model_id", "in": "path", "required": True, "schema": TEXT}],
                "get": _operation("One of them.", {200: as_json(ref("Model"))}, refusals=(404,)),
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
                "ModelList": closed({"object": {"const": "list"}, "data": list_of(ref("Model"))}),
                "Usage": _usage(),
                "ToolCall": _tool_call(),
                "ChatCompletionRequest": _request(),
                "ChatCompletion": _completion(),
                **schemas_of_shapes.schemas(parameters()),
                "EmbeddingRequest": _embedding_request(),
                "Embeddings": _answered_embeddings(),
                **schemas_of_images.schemas(),
                "UsageOfKey": _usage_of_key(),
            },
        },
    }


def _operation(summary: str, answers: dict[int, Schema], *, body: str = "", refusals: tuple[int, ...] = ()) -> Schema:
    refused = {"description": "refused", "content": {"application/json": {"schema": ref("Error")}}}
    responses = {
        **{str(status): {"description": "answered", "content": content} for status, content in answers.items()},
        **{str(status): refused for status in sorted({*_ALWAYS, *refusals})},
    }
    asked = {"requestBody": {"required": True, "content": as_json(ref(body))}} if body else {}
    return {"summary": summary, "responses": responses, **asked}


def _answers(shape: str, summary: str) -> Schema:
    """What is asked and answered in one shape, at once or as a stream."""
    answers = {**as_json(ref(shape)), "text/event-stream": {"schema": TEXT}}
    return _operation(summary, {200: answers}, body=f"{shape}Request", refusals=_OF_ANSWERS)


def _embeddings() -> Schema:
    answers = {200: as_json(ref("Embeddings"))}
    return _operation("Texts as numbers.", answers, body="EmbeddingRequest", refusals=_OF_ANSWERS)


def _images() -> Schema:
    return _operation("What a model draws.", {200: as_json(ref("Images"))}, body="ImagesRequest", refusals=_OF_ANSWERS)


def embedding_parameters() -> dict[str, Schema]:
    """What a request to /v1/embeddings may name beside the model and the input; each may be null."""
    return {
        "dimensions": whole(1, MAX_DIMENSIONS),
        "encoding_format": {"enum": ["float", "base64"]},
        "user": TEXT,
    }


def _embedding_request() -> Schema:
    text = {"type": "string", "minLength": 1}
    given = {"anyOf": [text, list_of(text, least=1, most=MAX_INPUTS)]}
    beside = {name: or_null(schema) for name, schema in embedding_parameters().items()}
    return closed({"model": TEXT, "input": given, **beside}, optional=tuple(beside))


def _answered_embeddings() -> Schema:
    vector = {"anyOf": [list_of(AMOUNT, least=1), TEXT]}
    entry = closed({"object": {"const": "embedding"}, "index": COUNT, "embedding": vector})
    usage = closed({"prompt_tokens": COUNT, "total_tokens": COUNT})
    return closed({"object": {"const": "list"}, "data": list_of(entry, least=1), "model": TEXT, "usage": usage})


def _of_days(summary: str, answer: str) -> Schema:
    """What may be asked for the days from one to another."""
    day = {"type": "string", "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"}
    named = [{"name": name, "in": "query", "schema": day} for name in ("start_date", "end_date")]
    return {**_operation(summary, {200: as_json(ref(answer))}, refusals=(400,)), "parameters": named}


def _billing() -> dict[str, Schema]:
    limits = dict.fromkeys(("soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd"), AMOUNT)
    subscription = {"object": {"const": "billing_subscription"}, "has_payment_method": FLAG, **limits}
    spent = closed({"object": {"const": "list"}, "total_usage": AMOUNT})
    days = _of_days("What was spent with this key, in hundredths of a credit.", "UsageOfKey")
    days["responses"]["200"]["content"] = as_json(spent)
    answers = {200: as_json(closed({**subscription, "access_until": COUNT}))}
    return {"subscription": _operation("What may be spent with this key in all.", answers), "usage": days}


# -- what is asked ----------------------------------------------------------------------------------------


def parameters() -> dict[str, Schema]:
    """What a request to /v1/chat/completions may name beside the model and the messages; each may be null."""
    return {
        "n": whole(1, MAX_ANSWERS),
        "max_tokens": whole(1, MOST_CONTEXT_TOKENS),
        "max_completion_tokens": whole(1, MOST_CONTEXT_TOKENS),
        "stream": FLAG,
        "stream_options": _stream_options(),
        "temperature": number(0, 2),
        "top_p": number(0, 1),
        "presence_penalty": number(-2, 2),
        "frequency_penalty": number(-2, 2),
        "seed": whole(-(2**63), 2**63 - 1),
        "stop": {"anyOf": [{"type": "string", "maxLength": 256}, list_of(_stop(), most=4)]},
        "logit_bias": {"type": "object", "additionalProperties": number(-100, 100), "maxProperties": 1024},
        "response_format": _response_format(),
        "reasoning_effort": LEVEL,
        "verbosity": LEVEL,
        "logprobs": FLAG,
        "top_logprobs": whole(0, MAX_ALTERNATIVES),
        "tools": list_of(_tool(), most=128),
        "tool_choice": {"anyOf": [{"enum": ["none", "auto", "required"]}, ANY_OBJECT]},
        "functions": list_of(_function(), most=128),
        "function_call": {"anyOf": [{"enum": ["none", "auto", "required"]}, ANY_OBJECT]},
        "parallel_tool_calls": FLAG,
        "modalities": list_of({}),
        "audio": ANY_OBJECT,
        "web_search_options": ANY_OBJECT,
        **dict.fromkeys(
            ("user", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"), TEXT
        ),
        "metadata": ANY_OBJECT,
        "prediction": ANY_OBJECT,
        "store": FLAG,
        "enable_thinking": FLAG,
        "thinking_budget": COUNT,
        "thinking": closed(
            {"type": {"enum": ["enabled", "disabled", "auto", "adaptive"]}, "budget_tokens": {}},
            optional=("budget_tokens",),
        ),
        "reasoning": _reasoning(),
    }


def _request() -> Schema:
    needed = {
        "model": {"type": "string", "minLength": 1},
        "messages": list_of(_message(), least=1, most=MAX_TURNS),
    }
    named = {name: or_null(schema) for name, schema in parameters().items()}
    return closed({**needed, **named}, optional=tuple(named))


def _stream_options() -> Schema:
    names = ("include_usage", "include_obfuscation")
    return closed({"include_usage": or_null(FLAG), "include_obfuscation": {}}, optional=names)


def _stop() -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": 256}


def _reasoning() -> Schema:
    named = {"effort": or_null(LEVEL), "enabled": FLAG, "exclude": {}, "max_tokens": {}, "summary": {}}
    return closed(named, optional=tuple(named))


def _response_format() -> Schema:
    schema = closed(
        {
            "name": TOOL_NAME,
            "description": or_null(TEXT),
            "schema": or_null(ANY_OBJECT),
            "strict": or_null(FLAG),
        },
        optional=("description", "schema", "strict"),
    )
    return {
        "anyOf": [
            closed({"type": {"enum": ["text", "json_object"]}}),
            closed({"type": {"const": "json_schema"}, "json_schema": schema}),
        ]
    }


def _function() -> Schema:
    named = {
        "name": TOOL_NAME,
        "description": or_null(TEXT),
        "parameters": or_null(ANY_OBJECT),
        "strict": or_null(FLAG),
    }
    return closed(named, optional=("description", "parameters", "strict"))


def _tool() -> Schema:
    return closed({"type": {"const": "function"}, "function": _function()})


def _message() -> Schema:
    """Its content depends on the role, and that of the first and last on their place: refused with their own words."""
    content = {"anyOf": [TEXT, list_of(ANY_OBJECT), {"type": "null"}]}
    named: dict[str, Schema] = {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool", "function"]},
        "content": content,
        "tool_calls": or_null(list_of(ANY_OBJECT, most=MAX_CALLS)),
        "function_call": or_null(ANY_OBJECT),
        **dict.fromkeys(("name", "tool_call_id", "reasoning_content", "reasoning", "annotations"), {}),
        "refusal": {"enum": [None, []]},
        "audio": {"enum": [None, []]},
    }
    return closed(named, optional=tuple(name for name in named if name != "role"))


# -- what is answered -------------------------------------------------------------------------------------


def _error() -> Schema:
    error = closed({"message": TEXT, "type": TEXT, "param": or_null(TEXT), "code": or_null(TEXT)})
    return closed({"error": error})


def _model() -> Schema:
    return closed(
        {
            "id": TEXT,
            "object": {"const": "model"},
            "created": COUNT,
            "owned_by": TEXT,
            "name": TEXT,
            "kind": {"enum": [kind.value for kind in ModelKind]},
            "capabilities": list_of(TEXT),
            "context_window": COUNT,
            "max_completion_tokens": or_null(COUNT),
        }
    )


def _usage() -> Schema:
    return closed(
        {
            "prompt_tokens": COUNT,
            "completion_tokens": COUNT,
            "total_tokens": COUNT,
            "prompt_tokens_details": closed({"cached_tokens": COUNT}),
            "completion_tokens_details": closed({"reasoning_tokens": COUNT}),
        }
    )


def _usage_of_key() -> Schema:
    """Amounts in credits, and in thousandths of one."""
    amounts = {name: AMOUNT for each in ("balance", "held") for name in (each, f"{each}_milli")}
    key = {"name": TEXT, "expires_at": or_null(TEXT), "spend_cap": or_null(AMOUNT), "spent": AMOUNT}
    of_key = closed({**key, "spend_cap_milli": or_null(COUNT), "spent_milli": COUNT})
    sums = {**dict.fromkeys(("answers", "input_tokens", "output_tokens", "charged_milli"), COUNT), "charged": AMOUNT}
    line = {"type": "object", "properties": sums, "required": list(sums)}
    free = {"free_answers_left": COUNT, "free_answers_per_day": COUNT}
    days = {"start_date": {"type": "string", "format": "date"}, "end_date": {"type": "string", "format": "date"}}
    lines = {"total": closed(sums), "data": list_of(line)}
    return closed(
        {"object": {"const": "usage"}, "unit": {"const": "credit"}, **amounts, **free, "key": of_key, **days, **lines}
    )


def _tool_call() -> Schema:
    function = closed({"name": TOOL_NAME, "arguments": TEXT})
    return closed({"id": CALL_ID, "type": {"const": "function"}, "function": function})


def _completion() -> Schema:
    beside = {
        "reasoning_content": TEXT,
        "tool_calls": list_of(ref("ToolCall"), least=1),
        "function_call": closed({"name": TOOL_NAME, "arguments": TEXT}),
    }
    message = closed(
        {"role": {"const": "assistant"}, "content": or_null(TEXT), "refusal": {"type": "null"}, **beside},
        optional=tuple(beside),
    )
    reasons = ["stop", "length", "content_filter", "tool_calls", "function_call"]
    choice = closed({"index": COUNT, "message": message, "logprobs": _logprobs(), "finish_reason": {"enum": reasons}})
    return closed(
        {
            "id": {"type": "string", "pattern": "^chatcmpl-"},
            "object": {"const": "chat.completion"},
            "created": COUNT,
            "model": TEXT,
            "choices": list_of(choice, least=1, most=MAX_ANSWERS),
            "usage": ref("Usage"),
        }
    )


def _logprobs() -> Schema:
    return or_null(closed({"content": list_of(ref("Token"), least=1), "refusal": {"type": "null"}}))
