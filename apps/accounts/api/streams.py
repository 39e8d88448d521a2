"""GET /api/v1/auth/login-attempts/{id}/events: how an attempt moves on, as server-sent events.

It tells the state and signs nobody in: the page then asks for the attempt, and that answer carries the session.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import AllowAny

from apps.accounts import rules, services
from apps.accounts.api.sign_in import ATTEMPT_COOKIE
from apps.accounts.contracts import AttemptState
from apps.accounts.gateways import attempt_news
from apps.kernel import clock, event_streams, visitors
from apps.kernel.api import event_stream
from apps.kernel.errors import DomainError
from apps.kernel.event_loops import look, of_loop
from apps.kernel.event_streams import QUIET, Places, event
from apps.kernel.redis import Channels

# How often the row is read although nobody woke us, with Redis and without.
_LOOK_SECONDS, _LOOK_WITHOUT_REDIS_SECONDS = 5.0, 1.5
_MOVING = (AttemptState.WAITING, AttemptState.SCANNED)
_of_attempt, _of_network = Places(per_holder=rules.STREAMS_PER_ATTEMPT), Places(per_holder=rules.STREAMS_PER_NETWORK)


@event_stream(example='event: state\ndata: {"state": "waiting"}\n\n', permissions=(AllowAny,))
async def attempt_events(request: HttpRequest, attempt_id: UUID) -> HttpResponseBase:
    """Stream the states of this browser's attempt until it ends."""
    secret = request.COOKIES.get(ATTEMPT_COOKIE, "")
    place = _of_network.take(rules.network_of(visitors.address_of(request)))
    state = await _state_of(attempt_id, secret)
    return event_streams.response(_events(attempt_id, secret, state), place, _of_attempt.take(attempt_id))


async def _events(attempt_id: UUID, secret: str, state: AttemptState) -> AsyncIterator[bytes]:
    yield _event(state)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + rules.ATTEMPT_LIFETIME.total_seconds()
    channels, name, hint = of_loop(Channels), attempt_news.channel(attempt_id), asyncio.Event()

    def hear(_message: bytes | None) -> None:
        hint.set()

    channels.listen(name, hear)
    try:
        while state in _MOVING and loop.time() < ends_at:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS if channels.is_heard(name) else _LOOK_WITHOUT_REDIS_SECONDS):
                    await hint.wait()
            hint.clear()
            try:
                seen = await _state_of(attempt_id, secret)
            except DomainError:  # forgotten meanwhile
                return
            yield QUIET if seen is state else _event(seen)
            state = seen
    finally:
        channels.leave(name, hear)


async def _state_of(attempt_id: UUID, secret: str) -> AttemptState:
    return await look(services.attempt_state, attempt_id=attempt_id, browser_secret=secret, now=clock.now())


def _event(state: AttemptState) -> bytes:
    return event("state", {"state": state.value})
