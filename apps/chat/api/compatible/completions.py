"""POST /v1/chat/completions: an answer to what a program sends, at once or as a stream.

All that may refuse does so before the first byte, in one hop into a thread; from there on the loop follows the answer.
"""

import io
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from rest_framework.exceptions import ParseError

from apps.chat import errors, services
from apps.chat.api.compatible import refusals
from apps.chat.api.compatible.answers import Told, deltas, failure
from apps.chat.api.compatible.calls import Begun, Call, News
from apps.chat.api.compatible.endpoints import async_endpoint, identified
from apps.chat.api.compatible.refusals import Refusal, rate_headers
from apps.chat.contracts import AnswerView, GenerationDetail, GenerationState
from apps.chat.rules.admission import Rate
from apps.chat.rules.completions import Completion, read_completion
from apps.kernel import clock, event_streams, visitors
from apps.kernel.errors import DomainError
from apps.kernel.event_loops import act
from apps.kernel.event_streams import unnamed_event
from apps.kernel.parsers import StrictJSONParser

# A channel that fails at once is told by the status; after this a stream begins, and says that it is alive.
_STATUS_WAITS_SECONDS = 5.0
_KEEP_ALIVE = b": keep-alive\n\n"
_KEY_IS_GONE = 401
_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, kw_only=True)
class _Asked(Begun):
    """What was asked, and in which second."""

    request: HttpRequest
    completion: Completion
    created: int
    rate: Rate | None


@async_endpoint("POST")
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """The answer. Who leaves before its end stops it."""
    call = await Call.begin(lambda: begin(request))
    begun = call.begun
    told = Told(begun.generation, created=begun.created, has_functions=begun.completion.has_functions)
    answer = _streamed if begun.completion.is_streamed else _at_once
    response = await answer(call, told)
    if (rate := begun.rate) is not None:
        for name, value in rate_headers(**asdict(rate)).items():
            response.headers.setdefault(name, value)
    return response


async def _at_once(call: Call[_Asked], told: Told) -> HttpResponseBase:
    view = await call.end()
    has_output = bool(view.text) or view.generation.is_delivered
    refusal = await _why(call, view.generation, has_output=has_output)
    if has_output and (refusal is None or refusal.status != _KEY_IS_GONE):
        refusal = None  # what there is of it is paid for
    if refusal is not None:
        return refusal.response()
    return JsonResponse(told.whole(view))


def begin(request: HttpRequest) -> _Asked:
    """Know the key, read the body, start the generation; in a thread.

    Raises ApiKeyNotValid, NetworkNotAllowed, ScopeMissing, what read_completion() raises, and start_generation().
    """
    key = identified(request)
    try:
        body = StrictJSONParser().parse(io.BytesIO(request.body))
    except ParseError as error:
        raise errors.ParameterNotValid from error
    completion, now = read_completion(body), clock.now()
    started = services.start_for_program(
        user_id=key.user_id,
        model=completion.model,
        request=completion.request,
        options=completion.options,
        max_output_tokens=completion.max_output_tokens,
        key=key,
        address=visitors.address_of(request),
        now=now,
    )
    return _Asked(
        user_id=key.user_id,
        generation=started.generation,
        with_thoughts=completion.is_streamed,
        request=request,
        completion=completion,
        created=int(now.timestamp()),
        rate=started.rate,
    )


async def _streamed(call: Call[_Asked], told: Told) -> HttpResponseBase:
    """The stream; or a refusal with its status, where the answer has failed before it could begin."""
    if not await call.begins_within(_STATUS_WAITS_SECONDS):
        return event_streams.response(_late(call, told))
    news = await call.news()
    if isinstance(news, AnswerView) and not news.generation.is_delivered:
        refusal = await _why(call, news.generation, has_output=False)
        if refusal is not None:
            return refusal.response()
    return event_streams.response(_events(call, told, news))


async def _why(call: Call[_Asked], generation: GenerationDetail, *, has_output: bool) -> Refusal | None:
    """Why an answer did not come to its end: one that was stopped, because its key was revoked meanwhile, if it was."""
    if generation.state is GenerationState.STOPPED:
        try:
            await act(identified, call.begun.request)
        except DomainError as error:
            return refusals.of(error)
    return failure(generation, has_output=has_output)


async def _late(call: Call[_Asked], told: Told) -> AsyncIterator[bytes]:
    """A stream that says first that it is alive."""
    yield _KEEP_ALIVE
    async for event in _events(call, told, await call.news()):
        yield event


async def _events(call: Call[_Asked], told: Told, news: News | AnswerView) -> AsyncIterator[bytes]:
    """The answer, from these first news of it to its end; what broke off has an error as its last event."""
    tells_usage = call.begun.completion.tells_usage
    beside = {"usage": None} if tells_usage else {}
    yield unnamed_event(told.chunk({"role": "assistant", "content": ""}) | beside)
    has_output = False
    while isinstance(news, News):
        has_output = True
        for delta in deltas(news):
            yield unnamed_event(told.chunk(delta) | beside)
        news = await call.news()
    refusal = await _why(call, news.generation, has_output=has_output or news.generation.is_delivered)
    if refusal is not None:
        yield unnamed_event(refusal.event())
        return
    for delta in told.calls(news):
        yield unnamed_event(told.chunk(delta) | beside)
    yield unnamed_event(told.chunk({}, ending=told.ending(news)) | beside)
    if tells_usage:
        yield unnamed_event(told.usage_chunk(news))
    yield _DONE
