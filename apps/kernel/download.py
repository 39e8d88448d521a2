"""A file as an answer, sent in pieces by either kind of server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from django.http import FileResponse


class Download(FileResponse):
    """A FileResponse that an ASGI server reads piece by piece too; Django's own would be read whole into memory."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        """The pieces, read in a thread: a disk may be slow."""
        pieces = iter(self)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
