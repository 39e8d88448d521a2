"""An OpenAI-compatible model server of demo models. Async; of the database it asks only which faults are on.

Models: `demo-swift` (fast), `demo-steady` (types at 40 tokens a second), `demo-deep` (thinks 1.5 s,
shows reasoning_content, answers at length), `demo-vectors` (embeddings, engine/vectors.py), `demo-painter`
(images, views/image_server.py). How tokens are counted:
engine/tokens.py. Which model names misbehave, and how: rules/faults.py, engine/streams.py.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from apps.kernel import clock
from apps.kernel.event_loops import act
from apps.sandbox.engine import completions, images, oddities, streams, vectors
from apps.sandbox.engine.completions import CompletionRequest, Plan
from apps.sandbox.engine.paces import MODELS, SWIFT, Pace
from apps.sandbox.rules import model_keys
from apps.sandbox.services import faults

P = ParamSpec("P")
_CREATED = 1_790_000_000
# What comes of some keys, whatever is asked.
_OF_KEYS = {model_keys.OWN_KEY_EMPTY: "fault-402", model_keys.OWN_KEY_BUSY: "fault-429"}
_LISTED = (*MODELS, vectors.MODEL, images.MODEL)


def with_key(
    answer: Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponseBase]],
) -> Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponseBase]]:
    """Refuse a call without the server's API key."""

    @wraps(answer)
    async def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        key, now_ms = settings.SANDBOX["MODEL_API_KEY"], int(clock.now().timestamp() * 1000)
        if not model_keys.is_accepted(request.headers.get("Authorization", ""), key=key, now_ms=now_ms):
            return refusal(401, "Incorrect API key provided.", code="invalid_api_key")
        if (failure := _OF_KEYS.get(request.headers["Authorization"].removeprefix("Bearer "))) is not None:
            return FAILURES[failure]()
        return await answer(request, *args, **kwargs)

    return view


@csrf_exempt
@require_POST
@with_key
async def completions_view(request: HttpRequest, *, counts_at_end: bool = False) -> HttpResponseBase:
    """POST v1/chat/completions; as Zhipu's, usage comes with the finish_reason."""
    try:
        asked = completions.read(json.loads(request.body))
    except completions.NotValid as error:
        return refusal(400, str(error), code="invalid_request", param=error.param)
    except ValueError as error:
        return refusal(400, str(error), code="invalid_request")
    pace = MODELS.get(asked.model, SWIFT if asked.model in streams.FAULTS else None)
    if pace is None:
        return refusal(404, f"The model `{asked.model}` does not exist.", code="model_not_found")
    if asked.model in MODELS and (fault := await act(faults.strike_model)):
        asked = replace(asked, model=fault)
    if (failure := _failure(asked)) is not None:
        return failure
    if asked.model == "fault-hang-before-first":
        await streams.hang()
    planned = replace(streams.plan(asked, pace=pace), counts_at_end=counts_at_end)
    if not asked.is_stream or asked.model == "fault-json":
        return await _whole(planned)
    return _streamed(planned, pace=pace)


@csrf_exempt
@require_POST
@with_key
async def embeddings(request: HttpRequest) -> HttpResponseBase:
    """POST v1/embeddings"""
    try:
        asked = vectors.read(json.loads(request.body))
    except (completions.NotValid, ValueError) as error:
        return refusal(400, str(error), code="invalid_request")
    if asked.model != vectors.MODEL and asked.model not in streams.FAULTS:
        return refusal(404, f"The model `{asked.model}` does not exist.", code="model_not_found")
    if asked.model == vectors.MODEL and (fault := await act(faults.strike_model)):
        asked = replace(asked, model=fault)
    if asked.model != "fault-max-tokens" and (fail := FAILURES.get(asked.model)):
        return fail()
    if asked.model in ("fault-hang-before-first", "fault-hang"):
        await streams.hang()
    return _sent(asked.model, await asyncio.to_thread(vectors.document, asked))


def _failure(asked: CompletionRequest) -> HttpResponseBase | None:
    """The answer of a model that fails before it has begun."""
    if asked.model == "fault-max-tokens" and not asked.has_older_limit:
        return None
    fail = FAILURES.get(asked.model)
    return fail() if fail else None


FAILURES: dict[str, Callable[[], HttpResponseBase]] = {
    "fault-500": lambda: refusal(500, "The server had an error.", code="server_error", kind="server_error"),
    "fault-429": lambda: refusal(429, "Rate limit reached.", code="rate_limit_exceeded", headers={"Retry-After": "1"}),
    "fault-max-tokens": lambda: refusal(
        400,
        "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        code="unsupported_parameter",
        param="max_tokens",
    ),
    "fault-401": lambda: refusal(401, "Incorrect API key provided.", code="invalid_api_key"),
    "fault-402": lambda: refusal(402, "Insufficient Balance", code="invalid_request_error", kind="unknown_error"),
    "fault-429-1113": lambda: JsonResponse(
        {"error": {"code": "1113", "message": "The account is in arrears."}}, status=429
    ),
    "fault-400-arrearage": lambda: JsonResponse({"code": "Arrearage", "message": "Access denied."}, status=400),
    "fault-200-429": lambda: JsonResponse({"error": {"code": 429, "message": "Rate limit reached."}}),
    "fault-400-1301": lambda: JsonResponse(
        {
            "contentFilter": [{"level": 1, "role": "user"}],
            "error": {"code": "1301", "message": "The input may be sensitive."},
        },
        status=400,
    ),
    "fault-502-html": lambda: HttpResponse("<html><h1>502 Bad Gateway</h1></html>", status=502),
    "fault-redirect": lambda: HttpResponseRedirect("https://models.example/v1/chat/completions", status=307),
    "fault-json-error": lambda: JsonResponse(streams.STREAM_ERROR),
    "fault-gzip": lambda: HttpResponse(
        oddities.bomb(), content_type="text/event-stream", headers={"Content-Encoding": "gzip"}
    ),
}


@require_GET
@with_key
async def models(request: HttpRequest) -> HttpResponseBase:
    """GET v1/models"""
    return JsonResponse({"object": "list", "data": [_model(name) for name in _LISTED]})


@require_GET
@with_key
async def model(request: HttpRequest, model_id: str) -> HttpResponseBase:
    """GET v1/models/{model_id}"""
    if model_id not in _LISTED:
        return refusal(404, f"The model `{model_id}` does not exist.", code="model_not_found")
    return JsonResponse(_model(model_id))


@require_GET
@with_key
async def stat(request: HttpRequest) -> HttpResponseBase:
    """GET v1/stat: how many streams this process has open, finished, and lost to readers who left."""
    meter = streams.meter
    return JsonResponse({"open": meter.open, "finished": meter.finished, "abandoned": meter.abandoned})


@csrf_exempt
async def unknown(request: HttpRequest) -> HttpResponseBase:
    """Any other address: refused before the key is looked at."""
    return refusal(404, f"Invalid URL ({request.method} {request.path})", code=None)


async def _whole(planned: Plan) -> HttpResponseBase:
    if planned.model == "fault-hang":
        await streams.hang()
    if planned.model == "fault-error-in-stream":
        return JsonResponse(streams.STREAM_ERROR)
    answer = completions.whole(planned)
    if planned.model == "fault-no-usage":
        del answer["usage"]
    return document(planned.model, answer)


def document(model: str, answer: dict[str, Any]) -> HttpResponseBase:
    """An answer that is no stream; of a model that breaks off, half of it."""
    return _sent(model, json.dumps(answer, ensure_ascii=False).encode())


def _sent(model: str, body: bytes) -> HttpResponseBase:
    if model in ("fault-drop-mid", "fault-eof-no-done"):
        parts = streams.half(body, is_broken=model == "fault-drop-mid")
        return StreamingHttpResponse(parts, content_type="application/json")
    return HttpResponse(body, content_type="application/json")


def _streamed(planned: Plan, *, pace: Pace) -> StreamingHttpResponse:
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(
        streams.stream(planned, pace=pace), content_type="text/event-stream; charset=utf-8", headers=headers
    )


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "chatloop-sandbox"}


def refusal(
    status: int,
    message: str,
    *,
    code: str | None,
    kind: str = "invalid_request_error",
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> JsonResponse:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JsonResponse({"error": error}, status=status, headers=headers)
