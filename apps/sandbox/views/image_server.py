"""The images of the model server: asked for as OpenAI's are, or as Zhipu's, and handed out by their addresses."""

import asyncio
import json

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound, HttpResponseRedirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from apps.kernel.event_loops import act
from apps.sandbox.engine import images, streams
from apps.sandbox.engine.completions import NotValid
from apps.sandbox.services import faults
from apps.sandbox.views.model_server import FAILURES, document, refusal, with_key

_SLOW_SECONDS = 3.0
_DRAWN = "/sandbox/llm/v1/drawn/"


@csrf_exempt
@require_POST
@with_key
async def generations(request: HttpRequest, *, is_zhipu: bool = False) -> HttpResponseBase:
    """POST v1/images/generations; as Zhipu's, one image and where it lies."""
    try:
        asked = images.read(json.loads(request.body), is_zhipu=is_zhipu)
    except NotValid as error:
        is_unknown = str(error).startswith("Unknown")
        return refusal(400, str(error), code="unknown_parameter" if is_unknown else "invalid_value", param=error.param)
    except ValueError as error:
        return refusal(400, str(error), code="invalid_request")
    if asked.model != images.MODEL and asked.model not in streams.FAULTS:
        return refusal(404, f"The model `{asked.model}` does not exist.", code="model_not_found")
    if asked.model == images.MODEL and (fault := await act(faults.strike_model)):
        asked = images.struck(asked, fault)
    if asked.model != "fault-max-tokens" and (fail := FAILURES.get(asked.model)):
        return fail()
    if asked.model in ("fault-hang-before-first", "fault-hang"):
        await streams.hang()
    if asked.model == "fault-images-slow":
        await asyncio.sleep(_SLOW_SECONDS)
    address = request.build_absolute_uri(_DRAWN)
    said = await asyncio.to_thread(images.answer, asked, is_zhipu=is_zhipu, address_of=lambda name: f"{address}{name}")
    return document(asked.model, said)


@require_GET
async def drawn(request: HttpRequest, name: str) -> HttpResponseBase:
    """GET v1/drawn/…: a picture that was given by its address; no key is asked for, as at most providers."""
    if name == images.ELSEWHERE:
        return HttpResponseRedirect("https://models.example/picture.png")
    content = await asyncio.to_thread(images.drawn, name)
    return HttpResponseNotFound() if content is None else HttpResponse(content, content_type="image/png")
