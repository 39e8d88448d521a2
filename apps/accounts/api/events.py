"""GET /api/v1/auth/login-attempts/{id}/events: how an attempt moves on, as server-sent events.

It tells the state and signs nobody in: the page then asks for the attempt, and that answer carries the session.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import redis
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from rest_framework.permissions import AllowAny

from apps.accounts import rules, services
from apps.accounts.api.sign_in import ATTEMPT_COOKIE
from apps.accounts.contracts import AttemptState
from apps.accounts.gateways import news
from apps.kernel import clock, problem
from apps.kernel.api import event_stream
from apps.kernel.errors import DomainError
from apps.kernel.streams import async_redis, cancellable, in_thread

_HEARTBEAT_SECONDS = 10.0
# How often the row is read although nobody woke us, with Redis and without.
_LOOK_SECONDS, _LOOK_WITHOUT_REDIS_SECONDS = 5.0, 1.5
_MOVING = (AttemptState.WAITING, AttemptState.SCANNED)


@event_stream(example='event: state\ndata: {"state": "waiting"}\n\n', refusals=(404, 405), permissions=(AllowAny,))
async def attempt_events(request: HttpRequest, attempt_id: UUID) -> HttpResponseBase:
    """Stream the states of this browser's attempt until it ends."""
    if request.method != "GET":
        return problem.plain(status=405, code="method_not_allowed")
    secret = request.COOKIES.get(ATTEMPT_COOKIE, "")
    try:
        state = await _look(attempt_id, secret)
    except DomainError as error:
        return problem.response(error)
    response = StreamingHttpResponse(
        _events(attempt_id, secret, state), content_type="text/event-stream; charset=utf-8"
    )
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def _events(attempt_id: UUID, secret: str, state: AttemptState) -> AsyncIterator[str]:
    yield _event(state)
    if state not in _MOVING:
        return
    client = async_redis()
    try:
        async for event in _moves(client, attempt_id, secret, state):
            yield event
    finally:
        with suppress(redis.RedisError, OSError):
            await client.aclose()


async def _moves(client: Any, attempt_id: UUID, secret: str, state: AttemptState) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + rules.ATTEMPT_LIFETIME.total_seconds()
    beat_at = loop.time()
    async with client.pubsub() as ear:
        while state in _MOVING and loop.time() < ends_at:
            await _wait(ear, attempt_id)
            try:
                seen = await _look(attempt_id, secret)
            except DomainError:  # forgotten meanwhile
                return
            if seen is not state:
                state = seen
                yield _event(state)
            elif loop.time() - beat_at >= _HEARTBEAT_SECONDS:
                beat_at = loop.time()
                yield ": keep-alive\n\n"


async def _wait(ear: Any, attempt_id: UUID) -> None:
    """Until somebody tells us to look, or it is time to look anyway."""
    try:
        if not ear.subscribed:
            # Subscribed first, then looked at once: nothing falls between.
            await cancellable(ear.subscribe(news.channel(attempt_id)))
            await cancellable(ear.get_message(timeout=_LOOK_WITHOUT_REDIS_SECONDS))
            return
        await cancellable(ear.get_message(ignore_subscribe_messages=True, timeout=_LOOK_SECONDS))
    except (redis.RedisError, OSError):
        await asyncio.sleep(_LOOK_WITHOUT_REDIS_SECONDS)


async def _look(attempt_id: UUID, secret: str) -> AttemptState:
    return await in_thread(_look_now, attempt_id, secret)


def _look_now(attempt_id: UUID, secret: str) -> AttemptState:
    try:
        return services.attempt_state(attempt_id=attempt_id, browser_secret=secret, now=clock.now())
    finally:
        close_old_connections()  # a page may wait for minutes and must not hold a connection


def _event(state: AttemptState) -> str:
    return f"event: state\ndata: {json.dumps({'state': state.value})}\n\n"
