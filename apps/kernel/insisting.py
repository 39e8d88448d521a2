"""Waiting for the database where nobody may be refused any more."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from django.db import Error

from apps.kernel.db import is_passing, renew_lost_connections
from apps.kernel.event_loops import in_thread

T = TypeVar("T")

logger = logging.getLogger(__name__)

# How long the database is left alone after it refused.
_REST_SECONDS = 1.0


async def insist(wait: Callable[[], Awaitable[T]]) -> T:
    """Wait for it, and again each second while the database is busy or away.

    For what has happened already and is to be told, or undone: whoever were refused now would have it done, and paid,
    once more. Who leaves ends it, with CancelledError.
    """
    while True:
        try:
            return await wait()
        except Error as error:
            if not is_passing(error):
                raise
            logger.warning("the database refused (%s); will ask again", type(error).__name__)
            await in_thread(renew_lost_connections, error)
        await asyncio.sleep(_REST_SECONDS)
