"""POST /v1/embeddings: what texts are as numbers, for one request, which waits for all of them."""

import base64
import json
import sys
from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _

from apps.chat import services
from apps.chat.api.compatible.calls import Begun, Call
from apps.chat.api.compatible.endings import why
from apps.chat.api.compatible.endpoints import async_endpoint, body_of, identified
from apps.chat.api.compatible.refusals import DO_NOT_RETRY, Refusal, tell_rates
from apps.chat.contracts import GenerationDetail, Vectors
from apps.chat.rules import INTERNAL
from apps.chat.rules.admission import Rate
from apps.chat.rules.embeddings import EmbeddingAsked, read_embedding
from apps.kernel import clock, visitors
from apps.kernel.event_loops import act, compute
from apps.kernel.insisting import insist

_INPUT = "input"
# What chat completions call messages.
_NAMES = {"messages": _INPUT}
# Vectors that are written before anybody else's have their turn: some milliseconds.
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class _Asked(Begun):
    """What was asked."""

    embedding: EmbeddingAsked
    rate: Rate | None
    token_rate: Rate | None


@async_endpoint("POST", names=_NAMES)
async def embeddings(request: HttpRequest) -> HttpResponseBase:
    """The vectors. Who leaves stops them, and pays nothing unless they were there before that was known."""
    call = await Call.begin(request, lambda: begin(request))
    response: HttpResponseBase
    (view,) = await call.ends()
    generation = view.generation
    document = await _document(call.begun, generation) if generation.is_delivered else None
    if document is None:
        response = (await _why(request, generation)).response()
    else:
        response = StreamingHttpResponse(_parts(document), content_type="application/json")
        response.headers["Content-Length"] = str(sum(map(len, document)))
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


async def _document(asked: _Asked, generation: GenerationDetail) -> list[bytes] | None:
    """The answer; None where nothing is kept of it."""
    take = partial(services.take_vectors, user_id=asked.user_id, generation_id=generation.id)
    vectors = await insist(partial(act, take))
    if vectors is None:
        return None
    return await in_parts(vectors, generation=generation, is_base64=asked.embedding.is_base64)


async def in_parts(vectors: Vectors, *, generation: GenerationDetail, is_base64: bool) -> list[bytes]:
    """The answer with these vectors, a few in each part, so that nobody waits long for it.

    It is never one piece: to put forty megabytes together holds all streams, too.
    """
    parts = [b'{"object":"list","data":[']
    for first in range(0, len(vectors.rows), _AT_ONCE):
        some = vectors.rows[first : first + _AT_ONCE]
        parts.append(await compute(partial(_written, some, first, is_base64)))
    tokens = generation.prompt_tokens
    usage = json.dumps({"prompt_tokens": tokens, "total_tokens": tokens})
    parts.append(f'],"model":{json.dumps(generation.model)},"usage":{usage}}}'.encode())
    return parts


async def _parts(document: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in document:
        yield part


def _written(some: Sequence[bytes], first: int, is_base64: bool) -> bytes:
    said = _in_base64 if is_base64 else _in_figures
    entries = (
        f'{{"object":"embedding","index":{index},"embedding":{said(vector)}}}'
        for index, vector in enumerate(some, start=first)
    )
    return ("," * (first > 0) + ",".join(entries)).encode()


def _in_base64(vector: bytes) -> str:
    return f'"{base64.b64encode(vector).decode()}"'


def _in_figures(vector: bytes) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return json.dumps(numbers.tolist())
