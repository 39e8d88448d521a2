"""What WeChat said a moment ago that this account may not do, remembered for all processes."""

import logging

from django.core.cache import cache
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# A subscription account stays one: asked again only now and then, in case it was verified meanwhile.
_REMEMBER_SECONDS = 60


def is_refused(what: str) -> bool:
    """Whether WeChat refused it a moment ago; without a cache nobody remembers."""
    try:
        return bool(cache.get(what))
    except (ConnectionInterrupted, RedisError):
        return False


def remember(what: str) -> None:
    """Keep in mind that this account may not do it."""
    try:
        cache.set(what, True, timeout=_REMEMBER_SECONDS)
    except (ConnectionInterrupted, RedisError):
        logger.warning("no cache: the next sign-in page asks WeChat again")
