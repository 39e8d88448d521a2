"""Telling the page that its attempt has moved on. A hint without content: what is true is in the database."""

import logging
from uuid import UUID

import redis
import redis.asyncio

from apps.kernel.redis import sync_redis

logger = logging.getLogger(__name__)


def channel(attempt_id: UUID) -> str:
    """Where the attempt's page listens."""
    return f"accounts:login_attempt:{attempt_id}"


def tell(attempt_id: UUID) -> None:
    """Wake the attempt's page; without Redis it looks by itself a moment later."""
    try:
        sync_redis().publish(channel(attempt_id), b"moved")
    except redis.RedisError as error:
        logger.warning("redis is not reachable (%s); sign-in pages poll instead", type(error).__name__)
