"""GET /api/v1/chat/generations/{id}/events: an answer as server-sent events, from any point, any number of readers.

Live text comes from Redis, truth from the database: what Redis lost or never had is taken from the saved
text, which has the same offsets. The end is always read from the database.
"""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.utils import OpenApiParameter

from apps.accounts import services as accounts
from apps.chat import services
from apps.chat.api.live import LiveAnswer, LiveAnswers
from apps.chat.contracts import AnswerView, GenerationState
from apps.chat.gateways.rendered import LiveText, live_text
from apps.chat.markup import Seen
from apps.chat.rules import limits
from apps.kernel import clock, event_streams, problem, visitors
from apps.kernel.api import event_stream
from apps.kernel.credentials import bearer_token
from apps.kernel.errors import ScopeMissing
from apps.kernel.event_loops import look, of_loop
from apps.kernel.event_streams import Places, event, event_of_json
from apps.kernel.ids import UserId

# What an API key needs to read along.
SCOPE = "chat"
_places = Places(per_holder=limits.STREAMS_PER_MEMBER)


@event_stream(
    example='event: status\ndata: {"state": "running"}\n\nid: 5\nevent: delta\ndata: {"text": "Hello"}\n\n',
    parameters=(
        OpenApiParameter("view", str, enum=["html"], description="`html`: rendered blocks in place of raw text."),
        OpenApiParameter("after", int, description="As Last-Event-ID, for clients that cannot set headers."),
        OpenApiParameter("Last-Event-ID", int, location="header", description="Where to go on in the answer."),
    ),
)
async def generation_events(request: HttpRequest, generation_id: UUID) -> HttpResponseBase:
    """Stream the events. `Last-Event-ID` (or ?after=) is an offset into the answer; `?view=html` renders it."""
    begun = await look(_begun, request, generation_id)
    if begun is None:
        return problem.plain(status=401, code="not_authenticated")
    user_id, view = begun
    place = _places.take(user_id)
    live = live_text(generation_id, user_id=user_id) if request.GET.get("view") == "html" else None
    reader = _Reader(user_id, live=live)
    return event_streams.response(reader.events(view, after=event_streams.last_event_id(request)), place)


def _begun(request: HttpRequest, generation_id: UUID) -> tuple[UserId, AnswerView] | None:
    """Who asks and what they may read; None where nobody is signed in. In one thread, and one connection, for both.

    Raises ApiKeyNotValid, NetworkNotAllowed, ScopeMissing, GenerationNotFound.
    """
    token = bearer_token(request.headers.get("Authorization"))
    if token is not None:
        key = accounts.identify_key(key=token, address=visitors.address_of(request), now=clock.now())
        if SCOPE not in key.scopes:
            raise ScopeMissing(scope=SCOPE)
        user_id = key.user_id
    elif request.user.is_authenticated:
        user_id = UserId(request.user.pk)
    else:
        return None
    return user_id, services.read_answer(user_id=user_id, generation_id=generation_id)


class _Reader:
    """One reader's way through one answer."""

    def __init__(self, user_id: UserId, *, live: LiveText | None) -> None:
        self._user_id = user_id
        # HTML is always sent from the first block: a block is replaced whole, so nothing appears twice.
        self._live, self._seen = live, Seen()
        self._text = ""
        self._shown = 0

    async def events(self, view: AnswerView, *, after: int) -> AsyncIterator[bytes]:
        """Everything from `after` on, to the end of the answer."""
        self._shown = after if self._live is None else 0
        yield event("status", {"state": view.generation.state.value})
        if view.generation.is_settled:
            for part in await self._ending(view):
                yield part
            return
        async with of_loop(LiveAnswers).reading(self._user_id, view) as answer:
            async for part in self._follow(answer, view.generation.state):
                yield part

    async def _follow(self, answer: LiveAnswer, state: GenerationState) -> AsyncIterator[bytes]:
        version = -1
        while True:
            version = await answer.changed(version)
            if answer.state is not state:
                state = answer.state
                yield event("status", {"state": state.value})
            self._text = answer.text
            for part in await self._news():
                yield part
            if (view := await answer.end()) is not None:
                for part in await self._ending(view):
                    yield part
                return
            if self._live is not None:
                await asyncio.sleep(self._live.rest)

    async def _news(self) -> list[bytes]:
        """What the reader has not seen of our text yet."""
        end = len(self._text)
        if end <= self._shown:
            return []
        if self._live is not None:
            await self._live.show(self._text)
            self._shown = end
            first, blocks = self._live.news(self._seen)
            return [_blocks(first, blocks, end)]
        text, self._shown = self._text[self._shown :], end
        return [event("delta", {"text": text}, event_id=end)]

    async def _ending(self, view: AnswerView) -> list[bytes]:
        """The rest of the text, the price, the reason if it failed, and the end."""
        generation = view.generation
        self._text = view.text
        end = len(view.text)
        if self._live is not None:
            events = [_blocks(*await self._live.whole(view.text, self._seen), end)]
        else:
            events = await self._news()
        usage = {
            "charged_milli": generation.charged_milli,
            "is_delivered": generation.is_delivered,
            "paid_by": generation.paid_by.value,
            "prompt_tokens": generation.prompt_tokens,
            "completion_tokens": generation.completion_tokens,
            "has_thoughts": generation.has_thoughts,
            "balance_milli": view.balance_milli,
        }
        events.append(event("usage", usage, event_id=end))
        if generation.error_code:
            events.append(event("error", {"code": generation.error_code}, event_id=end))
        done = {"state": generation.state.value, "finish_reason": generation.finish_reason}
        events.append(event("done", done, event_id=end))
        return events


def _blocks(first: int, blocks: list[str], end: int) -> bytes:
    """The blocks from `first` on, each of them JSON already."""
    return event_of_json("blocks", f'{{"from": {first}, "html": [{", ".join(blocks)}]}}', event_id=end)
