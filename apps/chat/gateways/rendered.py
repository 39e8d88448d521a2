"""Answers as HTML, each rendered once in this process however many look at it, kept within a bound of bytes.

Members take turns: the texts of one delay those of another by the one that is being rendered.
"""

import asyncio
import atexit
import json
import sys
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from hashlib import blake2b
from threading import Lock
from uuid import UUID
from weakref import WeakValueDictionary

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.chat.gateways.renderer import Renderer
from apps.chat.markup import Block, GrowingText, Seen, Words, normal, plain_blocks
from apps.kernel.ids import UserId
from apps.kernel.turns import Turns

# Longer texts are shown as they were written.
MAX_CHARS = 100_000
_KEPT_BYTES = 8 * 1024 * 1024
_GIVEN_UP_BYTES = 256 * 1024
# Rendering is work, and the last block is sent whole: live HTML is made at most this often, never for more than a
# tenth of the time, and no faster than a phone can take it.
_REST_SECONDS, _WORK_SHARE, _BYTES_PER_SECOND = 0.1, 0.1, 200_000


def blocks_of(texts: Sequence[str], *, user_id: UserId) -> list[tuple[str, ...]]:
    """The blocks of a member's settled texts, each as safe HTML that stands alone. Waits for the renderer if need be.

    All are asked for before one is waited for, so that nobody's turn comes between texts that take little.
    """
    words = _words()
    asked = [
        _turns.submit(user_id, _render, text, words) if (kept := _cache.get(_key(text, words))) is None else kept
        for text in texts
    ]
    return [found.result() if isinstance(found, Future) else found for found in asked]


class LiveText:
    """An answer that is being written, rendered once for all who read it here."""

    def __init__(self, generation_id: UUID, user_id: UserId) -> None:
        self._user_id = user_id
        self._words = _words()
        self._growing = GrowingText()
        self._given_up_key = generation_id.bytes
        # What was too much for readers who have left is so for those who come back.
        self._is_plain = _given_up.get(self._given_up_key) is not None
        self._length = 0
        self._whole: list[str] | None = None
        self._lock = asyncio.Lock()
        self.rest = _REST_SECONDS

    async def show(self, text: str) -> None:
        """Render as much of the text as is new."""
        async with self._lock:
            if len(text) <= self._length:
                return
            began = asyncio.get_running_loop().time()
            unfinished, blocks = await self._rendered(normal(text))
            self._growing.take(unfinished, blocks)
            self._length = len(text)
            work = asyncio.get_running_loop().time() - began
            size = sum(len(block.html) for block in blocks)
            self.rest = max(_REST_SECONDS, work / _WORK_SHARE, size / _BYTES_PER_SECOND)

    def news(self, seen: Seen) -> tuple[int, list[str]]:
        """The first block that the reader has not seen like this, and all from there on, each as JSON."""
        return self._growing.news(seen)

    async def whole(self, text: str, seen: Seen) -> tuple[int, list[str]]:
        """The same for the settled text, rendered as a whole."""
        async with self._lock:
            if self._whole is None:
                self._whole = await asyncio.wrap_future(_turns.submit(self._user_id, _as_json, text, self._words))
        return self._growing.end(seen, self._whole)

    async def _rendered(self, text: str) -> tuple[str, list[Block]]:
        """What had to be rendered again, and its blocks, each as JSON."""
        unfinished = self._growing.unfinished(text)
        if not self._is_plain and len(text) <= MAX_CHARS:
            blocks = await asyncio.wrap_future(_turns.submit(self._user_id, _unfinished, unfinished, self._words))
            if blocks is not None:
                return unfinished, blocks
        if not self._is_plain:
            self._is_plain = True
            _given_up.put(self._given_up_key, ())
            self._growing.begin_again()
            unfinished = text
        return unfinished, _encoded(plain_blocks(unfinished))


def live_text(generation_id: UUID, *, user_id: UserId) -> LiveText:
    """The rendering that all readers of this member's answer share, in their language."""
    if not _renderer.is_ready:
        # Before the first word: its start takes longer than most words are waited for.
        _turns.submit(user_id, _renderer.make_ready)
    return _live.setdefault((generation_id, user_id, get_language()), LiveText(generation_id, user_id))


class BlockCache:
    """Rendered texts, the least used dropped first; a text itself is not kept, only its digest."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.size = 0
        self._pages: OrderedDict[bytes, tuple[str, ...]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> tuple[str, ...] | None:
        """The blocks under this key, if they are still there."""
        with self._lock:
            if key in self._pages:
                self._pages.move_to_end(key)
            return self._pages.get(key)

    def put(self, key: bytes, blocks: tuple[str, ...]) -> None:
        """Keep the blocks of a text that is not kept yet."""
        with self._lock:
            self.size -= _size(self._pages.pop(key, None))
            self._pages[key] = blocks
            self.size += _size(blocks)
            while self.size > self._max_bytes:
                _, dropped = self._pages.popitem(last=False)
                self.size -= _size(dropped)


def _render(text: str, words: Words) -> tuple[str, ...]:
    """One of many who want the same text comes first; the others find what it left."""
    key = _key(text, words)
    found = _cache.get(key)
    if found is None:
        is_plain = len(text) > MAX_CHARS or _given_up.get(key) is not None
        blocks = None if is_plain else _renderer.render(text, words)
        if blocks is None:
            _given_up.put(key, ())
            blocks = plain_blocks(text)
        found = tuple(block.html for block in blocks)
        _cache.put(key, found)
    return found


def _as_json(text: str, words: Words) -> list[str]:
    return [_json(html) for html in _render(text, words)]


def _unfinished(text: str, words: Words) -> list[Block] | None:
    blocks = _renderer.render(text, words, goes_on=True)
    return None if blocks is None else _encoded(blocks)


def _encoded(blocks: list[Block]) -> list[Block]:
    return [Block(_json(block.html), block.line) for block in blocks]


def _words() -> Words:
    return Words(code=_("Code block"), table=_("Table"), formula=_("Formula"))


def _key(text: str, words: Words) -> bytes:
    return blake2b(repr(words).encode() + text.encode(), digest_size=16).digest()


def _size(blocks: tuple[str, ...] | None) -> int:
    return 0 if blocks is None else sum(map(sys.getsizeof, blocks), sys.getsizeof(blocks))


def _json(html: str) -> str:
    return json.dumps(html, ensure_ascii=False)


_cache = BlockCache(max_bytes=_KEPT_BYTES)
# A text that was too much once is not tried again at each look, also when its plain blocks are no longer kept.
_given_up = BlockCache(max_bytes=_GIVEN_UP_BYTES)
_live: WeakValueDictionary[tuple[UUID, UserId, str | None], LiveText] = WeakValueDictionary()
_renderer = Renderer()
_turns = Turns("renderer")
atexit.register(_renderer.close)
