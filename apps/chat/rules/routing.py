"""In which order the routes of a model are asked."""

import hashlib
import math
from collections.abc import Iterable
from typing import Protocol, TypeVar
from uuid import UUID

_HASH_BITS = 64


class Weighed(Protocol):
    """What an order of asking needs to know of a route."""

    @property
    def route_id(self) -> UUID:
        """Its id."""

    @property
    def priority(self) -> int:
        """The smallest comes first."""

    @property
    def weight(self) -> int:
        """Its share among those of the same priority, 1 or more."""


W = TypeVar("W", bound=Weighed)


def order_of_asking(routes: Iterable[W], *, generation_id: UUID) -> tuple[W, ...]:
    """The routes by priority; among equals each comes first as often as its weight says, by the generation's id.

    A weighted sample without replacement (Efraimidis and Spirakis, 2006) whose dice are a hash: every process finds
    the same order for a generation, and none has to remember whose turn it is.
    """

    def key(route: W) -> tuple[int, float]:
        digest = hashlib.blake2b(generation_id.bytes + route.route_id.bytes, digest_size=_HASH_BITS // 8).digest()
        drawn = (int.from_bytes(digest, "big") + 1) / 2**_HASH_BITS  # in (0, 1]
        return route.priority, -math.log(drawn) / route.weight

    return tuple(sorted(routes, key=key))
