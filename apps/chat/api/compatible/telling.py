"""How answers are asked for and told, whatever shape their reader wants: at once, or as a stream.

All that may refuse does so before the first byte, in one hop into a thread; from there on the loop follows the answers.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from apps.chat import services
from apps.chat.api.compatible.calls import Begun, Call, Heard, News
from apps.chat.api.compatible.endings import has_output, why
from apps.chat.api.compatible.endpoints import body_of, identified
from apps.chat.api.compatible.refusals import Names, Refusal, tell_rates
from apps.chat.contracts import AnswerView, GenerationDetail
from apps.chat.rules.admission import Rate
from apps.chat.rules.completions import Completion
from apps.kernel import clock, event_streams, visitors

# A channel that fails at once is told by the status; after this a stream begins, and says that it is alive.
_STATUS_WAITS_SECONDS = 5.0
_KEEP_ALIVE = b": keep-alive\n\n"


class Shape(ABC):
    """What the answers to one request are to whoever asked: one document, or events in their order."""

    # What parameters are called that have another name in chat completions.
    names: ClassVar[Names] = {}

    @abstractmethod
    def whole(self, views: Sequence[AnswerView]) -> dict[str, Any]:
        """All at once. One that broke off in the middle ends as if for its length: its text was paid for."""

    @abstractmethod
    def beginning(self) -> Iterator[bytes]:
        """Before the first news."""

    @abstractmethod
    def news(self, number: int, news: News) -> Iterator[bytes]:
        """More of the answer with this number."""

    @abstractmethod
    def end(self, number: int, view: AnswerView) -> Iterator[bytes]:
        """An answer that came to its end."""

    @abstractmethod
    def last(self, views: Sequence[AnswerView]) -> Iterator[bytes]:
        """Behind the end of all."""

    @abstractmethod
    def broken(self, refusal: Refusal, views: Sequence[AnswerView]) -> Iterator[bytes]:
        """In place of that, where one did not come to its end: why."""


C = TypeVar("C", bound=Completion)
# Reads a body; gives the answers to what was read, which began in this second, their shape.
Read = Callable[[Any], C]
Shaping = Callable[[C, Sequence[GenerationDetail], int], Shape]


@dataclass(frozen=True, kw_only=True)
class Asked(Begun):
    """What was begun for a request, and how it is told."""

    request: HttpRequest
    is_streamed: bool
    shape: Shape
    rate: Rate | None
    token_rate: Rate | None


async def answered(request: HttpRequest, *, read: Read[C], shaping: Shaping[C]) -> HttpResponseBase:
    """The answers. Who leaves before their end stops them. Raises what begin() raises."""
    call = await Call.begin(request, lambda: begin(request, read=read, shaping=shaping))
    response = await (_streamed if call.begun.is_streamed else _at_once)(call)
    tell_rates(response, requests=call.begun.rate, tokens=call.begun.token_rate)
    return response


def begin(request: HttpRequest, *, read: Read[C], shaping: Shaping[C]) -> Asked:
    """Know the key, read the body, start the generations; in a thread.

    Raises ApiKeyNotValid, NetworkNotAllowed, ScopeMissing, what `read` raises, and start_for_program().
    """
    key = identified(request)
    completion, now = read(body_of(request)), clock.now()
    started = services.start_for_program(
        user_id=key.user_id,
        model=completion.model,
        requests=completion.requests,
        answers=completion.answers,
        options=completion.options,
        max_output_tokens=completion.max_output_tokens,
        key=key,
        address=visitors.address_of(request),
        now=now,
    )
    return Asked(
        user_id=key.user_id,
        generations=started.generations,
        is_followed=completion.is_streamed,
        request=request,
        is_streamed=completion.is_streamed,
        shape=shaping(completion, started.generations, int(now.timestamp())),
        rate=started.rate,
        token_rate=started.token_rate,
    )


async def _at_once(call: Call[Asked]) -> HttpResponseBase:
    views = await call.ends()
    refused = [refusal for view in views if (refusal := await _why(call, view, has_output=has_output(view)))]
    is_nothing = len(refused) == len(views) and not any(map(has_output, views))
    # What there is of them is paid for, and told, whatever became of the key.
    return refused[0].response() if is_nothing else JsonResponse(call.begun.shape.whole(views))


async def _streamed(call: Call[Asked]) -> HttpResponseBase:
    """The stream; or a refusal with its status, where all answers have failed before one could begin."""
    broken: Refusal | None = None
    by = asyncio.get_running_loop().time() + _STATUS_WAITS_SECONDS
    while await call.begins_by(by):
        number, news = await call.news()
        is_lost = isinstance(news, AnswerView) and not news.generation.is_delivered
        refusal = await _why(call, news, has_output=False) if isinstance(news, AnswerView) and is_lost else None
        if refusal is None:
            return event_streams.response(_events(call, (number, news), broken=broken))
        broken = broken or refusal
        if call.is_over:
            return broken.response()
    return event_streams.response(_late(call, broken=broken))


async def _late(call: Call[Asked], *, broken: Refusal | None) -> AsyncIterator[bytes]:
    """A stream that says first that it is alive."""
    yield _KEEP_ALIVE
    async for event in _events(call, await call.news(), broken=broken):
        yield event


async def _events(call: Call[Asked], heard: Heard, *, broken: Refusal | None) -> AsyncIterator[bytes]:
    """The answers, from these first news of them to their end; where one broke off, the others come to theirs before
    an error is the last event.
    """
    shape, ends, begun = call.begun.shape, dict[int, AnswerView](), set[int]()
    yield b"".join(shape.beginning())
    while True:
        number, news = heard
        if isinstance(news, News):
            begun.add(number)
            yield b"".join(shape.news(number, news))
        else:
            ends[number] = news
            refusal = await _why(call, news, has_output=number in begun or news.generation.is_delivered)
            broken = broken or refusal
            if refusal is None:
                yield b"".join(shape.end(number, news))
            if call.is_over:
                break
        heard = await call.news()
    views = [ends[number] for number in sorted(ends)]
    if broken is not None and broken.beside_charged and any(view.generation.charged_milli for view in views):
        broken = replace(broken, message=broken.beside_charged)
    yield b"".join(shape.last(views) if broken is None else shape.broken(broken, views))


async def _why(call: Call[Asked], view: AnswerView, *, has_output: bool) -> Refusal | None:
    """Why an answer did not come to its end."""
    begun = call.begun
    return await why(begun.request, view.generation, has_output=has_output, names=begun.shape.names)
