"""GET /api/v1/chat/generations/{id}/events: an answer as server-sent events, from any point, any number of readers.

Live text comes from Redis, truth from the database: what Redis lost or never had is taken from the saved
text, which has the same offsets. The end is always read from the database.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import redis
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter

from apps.accounts import services as accounts
from apps.chat import services
from apps.chat.contracts import AnswerView
from apps.chat.engine import feed
from apps.chat.markup import StreamRenderer
from apps.kernel import clock, problem
from apps.kernel.api import event_stream
from apps.kernel.credentials import bearer_token
from apps.kernel.errors import DomainError, ScopeMissing
from apps.kernel.ids import UserId
from apps.kernel.streams import async_redis, in_thread

# What an API key needs to read along.
SCOPE = "chat"
_HEARTBEAT_SECONDS = 10.0
# How often the row is read while nothing comes: rarely when Redis would tell, each second when it cannot.
_LOOK_SECONDS, _LOOK_WITHOUT_REDIS_SECONDS = 3.0, 1.0
# What we send as event ids; anything else begins at the beginning.
_OFFSET = re.compile(r"[0-9]{1,9}\Z")
# Rendering is work: live HTML is sent at most this often, and never for more than a tenth of the time.
_HTML_SECONDS, _HTML_SHARE = 0.1, 0.1


@event_stream(
    example='event: status\ndata: {"state": "running"}\n\nid: 5\nevent: delta\ndata: {"text": "Hello"}\n\n',
    refusals=(401, 403, 404, 405),
    parameters=(
        OpenApiParameter("view", str, enum=["html"], description="`html`: rendered blocks in place of raw text."),
        OpenApiParameter("after", int, description="As Last-Event-ID, for clients that cannot set headers."),
        OpenApiParameter("Last-Event-ID", int, location="header", description="Where to go on in the answer."),
    ),
)
async def generation_events(request: HttpRequest, generation_id: UUID) -> HttpResponseBase:
    """Stream the events. `Last-Event-ID` (or ?after=) is an offset into the answer; `?view=html` renders it."""
    if request.method != "GET":
        return _refusal(405, "method_not_allowed", _("This address does not take that method."))
    try:
        user_id = await _reader_of(request)
        if user_id is None:
            return _refusal(401, "not_authenticated", _("Sign in first."))
        reader = _Reader(user_id, generation_id, is_html=request.GET.get("view") == "html")
        view = await reader.look()
    except DomainError as error:
        return problem.response(error)
    last = request.headers.get("Last-Event-ID") or request.GET.get("after") or "0"
    stream = reader.events(view, after=int(last) if _OFFSET.match(last) else 0)
    response = StreamingHttpResponse(stream, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "private, no-store, no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def _reader_of(request: HttpRequest) -> UserId | None:
    """The holder of the API key, or who is signed in. Raises ApiKeyNotValid, NetworkNotAllowed, ScopeMissing."""
    token = bearer_token(request.headers.get("Authorization"))
    if token is None:
        user = await request.auser()
        return UserId(user.pk) if user.is_authenticated else None
    address = str(request.META.get("REMOTE_ADDR", ""))
    key = await in_thread(accounts.identify_key, key=token, address=address, now=clock.now())
    if SCOPE not in key.scopes:
        raise ScopeMissing(scope=SCOPE)
    return key.user_id


class _Reader:
    """One reader's way through one answer."""

    def __init__(self, user_id: UserId, generation_id: UUID, *, is_html: bool) -> None:
        self._user_id = user_id
        self._generation_id = generation_id
        self._renderer = StreamRenderer() if is_html else None
        # HTML is always sent from the first block: a block is replaced whole, so nothing appears twice.
        self._text = ""
        self._shown = 0

    async def look(self) -> AnswerView:
        """How the answer stands in the database; the connection is given back before this returns."""
        return await in_thread(self._look)

    async def events(self, view: AnswerView, *, after: int) -> AsyncIterator[str]:
        """Everything from `after` on, to the end of the answer."""
        self._shown = after if self._renderer is None else 0
        yield _event("status", {"state": view.generation.state.value})
        if view.generation.is_settled:
            for event in self._ending(view):
                yield event
            return
        self._text = view.text
        for event in self._news():
            yield event
        client = async_redis()
        try:
            async for event in self._follow(client, view):
                yield event
        finally:
            with suppress(redis.RedisError, OSError):
                await client.aclose()

    async def _follow(self, client: Any, view: AnswerView) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        position, state = "0", view.generation.state
        beat_at = looked_at = loop.time()
        while True:
            look_after = _LOOK_SECONDS
            try:
                position, entries = await feed.read(client, self._generation_id, after=position, wait_ms=1000)
            except (redis.RedisError, OSError):
                position, entries, look_after = "0", [], _LOOK_WITHOUT_REDIS_SECONDS
                await asyncio.sleep(_LOOK_WITHOUT_REDIS_SECONDS)
            has_gap, is_over = self._take(entries)
            rendering_since = loop.time()
            news = self._news()
            rest = max(_HTML_SECONDS, (loop.time() - rendering_since) / _HTML_SHARE) if self._renderer else 0
            for event in news:
                yield event
            if is_over or has_gap or (not news and loop.time() - looked_at >= look_after):
                view, looked_at = await self.look(), loop.time()
                if view.generation.is_settled:
                    for event in self._ending(view):
                        yield event
                    return
                if view.generation.state is not state:
                    state = view.generation.state
                    yield _event("status", {"state": state.value})
                self._text = max(self._text, view.text, key=len)
                news = self._news()
                for event in news:
                    yield event
            if news:
                beat_at = loop.time()
                await asyncio.sleep(rest)
            elif loop.time() - beat_at >= _HEARTBEAT_SECONDS:
                beat_at = loop.time()
                yield ": keep-alive\n\n"

    def _take(self, entries: list[feed.Piece | feed.End]) -> tuple[bool, bool]:
        """Add the pieces that continue our text; whether one did not fit, and whether the answer is settled."""
        has_gap = is_over = False
        for entry in entries:
            if isinstance(entry, feed.End):
                is_over = True
            elif entry.start > len(self._text):
                has_gap = True
            elif entry.end > len(self._text):
                self._text += entry.text[len(self._text) - entry.start :]
        return has_gap, is_over

    def _news(self) -> list[str]:
        """What the reader has not seen of our text yet."""
        end = len(self._text)
        if end <= self._shown:
            return []
        if self._renderer is not None:
            first, blocks = self._renderer.update(self._text)
            self._shown = end
            return [_event("blocks", {"from": first, "html": blocks}, end)]
        text, self._shown = self._text[self._shown :], end
        return [_event("delta", {"text": text}, end)]

    def _ending(self, view: AnswerView) -> list[str]:
        """The rest of the text, the price, the reason if it failed, and the end."""
        generation = view.generation
        self._text = view.text
        end = len(view.text)
        if self._renderer is not None:
            first, blocks = self._renderer.finish(view.text)
            events = [_event("blocks", {"from": first, "html": blocks}, end)]
        else:
            events = self._news()
        usage = {
            "charged_milli": generation.charged_milli,
            "paid_by": generation.paid_by.value,
            "prompt_tokens": generation.prompt_tokens,
            "completion_tokens": generation.completion_tokens,
            "balance_milli": view.balance_milli,
        }
        events.append(_event("usage", usage, end))
        if generation.error_code:
            events.append(_event("error", {"code": generation.error_code}, end))
        done = {"state": generation.state.value, "finish_reason": generation.finish_reason}
        events.append(_event("done", done, end))
        return events

    def _look(self) -> AnswerView:
        try:
            return services.follow(user_id=self._user_id, generation_id=self._generation_id)
        finally:
            # A stream lives for minutes and must not hold a connection, nor the one of its session's query.
            close_old_connections()


def _event(name: str, data: dict[str, Any], event_id: int | None = None) -> str:
    lines = [f"event: {name}", f"data: {json.dumps(data, ensure_ascii=False)}"]
    if event_id is not None:
        lines.insert(0, f"id: {event_id}")
    return "\n".join(lines) + "\n\n"


def _refusal(status: int, code: str, title: str) -> JsonResponse:
    document = problem.body(status=status, code=code, title=title)
    return JsonResponse(document, status=status, content_type=problem.CONTENT_TYPE)
