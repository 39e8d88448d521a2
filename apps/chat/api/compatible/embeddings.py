"""POST /v1/embeddings: what texts are as numbers, for one request, which waits for all of them."""

import base64
import json
import sys
from array import array
from dataclasses import dataclass, replace
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from apps.chat import services
from apps.chat.api.compatible.calls import Begun, Call
from apps.chat.api.compatible.endings import why
from apps.chat.api.compatible.endpoints import async_endpoint, body_of, identified
from apps.chat.api.compatible.refusals import DO_NOT_RETRY, Refusal, tell_rates
from apps.chat.contracts import GenerationDetail
from apps.chat.rules import INTERNAL
from apps.chat.rules.admission import Rate
from apps.chat.rules.embeddings import EmbeddingAsked, read_embedding
from apps.kernel import clock, visitors
from apps.kernel.event_loops import act
from apps.kernel.insisting import insist

_INPUT = "input"
# What chat completions call messages.
_NAMES = {"messages": _INPUT}


@dataclass(frozen=True, kw_only=True)
class _Asked(Begun):
    """What was asked."""

    embedding: EmbeddingAsked
    rate: Rate | None
    token_rate: Rate | None


@async_endpoint("POST", names=_NAMES)
async def embeddings(request: HttpRequest) -> HttpResponseBase:
    """The vectors. Who leaves before they are there stops them, and pays nothing."""
    call = await Call.begin(request, lambda: begin(request))
    response: HttpResponseBase
    (view,) = await call.ends()
    generation = view.generation
    body = await insist(partial(act, _document, call.begun, generation)) if generation.is_delivered else None
    if body is None:
        response = (await _why(request, generation)).response()
    else:
        response = HttpResponse(body, content_type="application/json")
    tell_rates(response, requests=call.begun.rate, tokens=call.begun.token_rate)
    return response


def begin(request: HttpRequest) -> _Asked:
    """Know the key, read the body, start the generation; in a thread.

    Raises ApiKeyNotValid, NetworkNotAllowed, ScopeMissing, what read_embedding() raises, and start_embeddings().
    """
    key = identified(request)
    asked = read_embedding(body_of(request))
    started = services.start_embeddings(asked=asked, key=key, address=visitors.address_of(request), now=clock.now())
    return _Asked(
        user_id=key.user_id,
        generations=started.generations,
        is_followed=False,
        embedding=asked,
        rate=started.rate,
        token_rate=started.token_rate,
    )


async def _why(request: HttpRequest, generation: GenerationDetail) -> Refusal:
    """Why there are none."""
    if generation.is_delivered:
        # They were taken while the database went away, which nobody was told. Asked for again, they are paid again.
        message = _("The vectors were lost on the way. They are charged.")
        return Refusal(status=500, message=message, code=INTERNAL, headers=DO_NOT_RETRY)
    refusal = await why(request, generation, has_output=False, names=_NAMES)
    if refusal is None:
        # Its provider held it back, which of a text is an answer.
        message = _("This text cannot be sent here. Nothing was charged.")
        return Refusal(status=400, message=message, code="content_policy_violation", param=_INPUT, headers={})
    if refusal.param is not None:
        message = _("One of the texts is longer than the model can read. Nothing was charged.")
        return replace(refusal, message=message, param=_INPUT)
    return refusal


def _document(asked: _Asked, generation: GenerationDetail) -> bytes | None:
    """The answer, vector by vector, so that nobody waits long for this thread; None where nothing is kept of it."""
    vectors = services.take_vectors(user_id=asked.user_id, generation_id=generation.id)
    if vectors is None:
        return None
    said = _in_base64 if asked.embedding.is_base64 else _in_figures
    data = ",".join(
        f'{{"object":"embedding","index":{index},"embedding":{said(vector)}}}'
        for index, vector in enumerate(vectors.rows)
    )
    tokens = generation.prompt_tokens
    usage = json.dumps({"prompt_tokens": tokens, "total_tokens": tokens})
    return f'{{"object":"list","data":[{data}],"model":{json.dumps(generation.model)},"usage":{usage}}}'.encode()


def _in_base64(vector: bytes) -> str:
    return f'"{base64.b64encode(vector).decode()}"'


def _in_figures(vector: bytes) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return json.dumps(numbers.tolist())
