"""Rolls and the prizes they lead to, what a request may ask for, and whom the feed of winners names."""

import hmac
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import count
from uuid import UUID

from apps.marketing.draws import errors

COUNTS_OFFERED = (1, 10)
# How many wins the feed shows of everybody, and the page of a member's own.
FEED_SIZE = 20
RECENT_PRIZES = 10

_WORD = 8  # bytes of a digest that make one candidate
_SPACE = 2 ** (8 * _WORD)
_CLIENT_SEED = re.compile(r"[A-Za-z0-9_-]{0,64}")


def roll(*, server_seed: str, version_id: UUID, client_seed: str, nonce: int, total: int) -> int:
    """A number in 0..total-1, each equally likely, fixed by the seeds; docs/algorithms/draw.md.

    HMAC-SHA256 keyed by the server seed over "version|client seed|nonce" gives four 64-bit candidates;
    one beyond the largest multiple of `total` is thrown away, because it would favour small numbers.
    """
    for attempt in count():
        again = f"|{attempt}" if attempt else ""
        message = f"{version_id}|{client_seed}|{nonce}{again}".encode()
        digest = hmac.digest(bytes.fromhex(server_seed), message, "sha256")
        number = first_fair(digest, total)
        if number is not None:
            return number
    raise AssertionError("count() is endless")


def first_fair(digest: bytes, total: int) -> int | None:
    """The first candidate of a digest that does not bias the remainder, reduced; None when all do."""
    limit = _SPACE - _SPACE % total
    for start in range(0, len(digest), _WORD):
        candidate = int.from_bytes(digest[start : start + _WORD], "big")
        if candidate < limit:
            return candidate % total
    return None


def pick(bounds: Sequence[int], roll: int) -> int:
    """The index of the prize that owns a roll in 0..W-1; exactly `weight` rolls lead to each.

    Raises IndexError outside that range: a roll that fits no prize is a bug, never a prize.
    """
    if not 0 <= roll < bounds[-1]:
        raise IndexError(roll)
    return bisect_right(bounds, roll)


def check_client_seed(client_seed: str) -> None:
    """Raise ClientSeedInvalid unless the seed is free of the separator and short."""
    if not _CLIENT_SEED.fullmatch(client_seed):
        raise errors.ClientSeedInvalid


def check_count(number: int) -> None:
    """Raise CountNotOffered unless a request may draw this many times."""
    if number not in COUNTS_OFFERED:
        raise errors.CountNotOffered(count=number)


def masked(name: str) -> str:
    """A name that its owner recognises and nobody else can look up."""
    if not name:
        return "**"
    return f"{name[0]}**{name[-1]}" if len(name) > 2 else f"{name[0]}**"
