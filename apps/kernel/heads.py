"""Connections by HTTP that hear only so many responses to one question: "100 Continue" and the like come before one."""

from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

# Each is parsed, and thousands that come at once hold the loop.
_MAX_HEADS = 100
_HEAD = b"HTTP/"


class FewHeads(ResponseHandler):
    """One connection, which is cut where more of them come."""

    _heads = 0

    def too_many(self) -> Exception:
        """What whoever asked is told then."""
        return aiohttp.ServerDisconnectedError()

    def set_response_params(self, **how: Any) -> None:
        """A question is about to be sent."""
        self._heads = 0
        super().set_response_params(**how)

    def data_received(self, data: bytes) -> None:
        """Bytes came; none when reading goes on after a pause."""
        # Of a body that has such lines they count as well: it is long before it has a hundred.
        self._heads += data.count(b"\n" + _HEAD) + data.startswith(_HEAD)
        if self._heads > _MAX_HEADS and self.transport is not None:
            self.transport.abort()
            self.set_exception(self.too_many())
            return
        super().data_received(data)


class Connector(aiohttp.TCPConnector):
    """A pool of any number of such connections."""

    kind: type[FewHeads] = FewHeads

    def __init__(self, **how: Any) -> None:
        super().__init__(limit=0, **how)
        # The one place where aiohttp can be told, and not in its public names: a test sees it when that ends.
        kind: type[ResponseHandler] = self.kind
        self._factory = partial(kind, loop=self._loop)
