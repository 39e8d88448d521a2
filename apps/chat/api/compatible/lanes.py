"""Long requests wait for each other before they begin: nobody who asks something short waits for what another has sent.

What has to be read, looked through for operators' words and counted grows with what is sent, and whoever is refused
pays nothing for it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from django.http import HttpRequest

from apps.kernel.event_loops import act, of_loop

T = TypeVar("T")

# Everything shorter begins at once: a tenth of a second's work, and longer than any conversation of words.
SHORT_BYTES = 256 * 1024
# Half of the threads that begin anything.
_AT_ONCE = 4


async def begun(request: HttpRequest, begin: Callable[[], T]) -> T:
    """Begin in a thread; a long request of a key behind those before it.

    Raises what `begin` raises.
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and int(length) <= SHORT_BYTES:
        return await act(begin)
    return await of_loop(_Lanes).take(request.headers.get("Authorization", ""), begin)


class _Lanes:
    """Those of one event loop."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._of_keys: dict[str, asyncio.Lock] = {}
        self._waiting = Counter[str]()

    async def take(self, key: str, begin: Callable[[], T]) -> T:
        self._waiting[key] += 1
        try:
            async with self._of_keys.setdefault(key, asyncio.Lock()), self._room:
                return await act(begin)
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._of_keys[key]
