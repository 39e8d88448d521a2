"""Idempotency keys: the same request twice has one effect and one answer.

The key row is claimed before the work and holds the answer after it. If the process dies in
between, the claim lapses and a repeat does the work again: the service's own unique business key
(the same request id) then finds the first effect.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.kernel.db import CompiledUpdate, Given, insert_once
from apps.kernel.errors import IdempotencyKeyReused, RequestInFlight
from apps.kernel.ids import new_id
from apps.kernel.models import IdempotencyKey

LEASE = timedelta(seconds=30)
KEEP = timedelta(days=2)

_SETTLED = CompiledUpdate(
    lambda: IdempotencyKey.objects.filter(pk=Given("row_id"), status=None), status=Given("status"), body=Given("body")
)


@dataclass(frozen=True)
class Claim:
    """The right to do the work once; `answer` is set instead when it was done before."""

    row_id: UUID
    answer: tuple[int, Any] | None


def fingerprint(method: str, path: str, body: Any) -> str:
    """A hash of what was asked, independent of key order and white space."""
    canonical = json.dumps([method, path, body], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def claim(*, scope: str, key: str, fingerprint: str, now: datetime) -> Claim:
    """Take a key for one request, which costs one statement, or find the first answer.

    Raises IdempotencyKeyReused for another request under the same key, RequestInFlight while a twin works.
    """
    mine = IdempotencyKey(
        id=new_id(), scope=scope, key=key, fingerprint=fingerprint, locked_until=now + LEASE, created_at=now
    )
    if insert_once(mine, unless_same=("scope", "key")):
        return Claim(mine.pk, None)
    row = IdempotencyKey.objects.filter(scope=scope, key=key).first()
    if row is None:  # its holder has just given it back
        raise RequestInFlight(retry_after=1)
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if row.status is not None:
        return Claim(row.pk, (row.status, row.body))
    # The first worker may have died: take over when its time is up, one taker only.
    # A clock that was ahead must not lock the key until it is that late.
    over = Q(locked_until__lt=now) | Q(locked_until__gt=now + 2 * LEASE)
    lapsed = Q(over, pk=row.pk, status=None)
    if IdempotencyKey.objects.filter(lapsed).update(locked_until=now + LEASE):
        return Claim(row.pk, None)
    raise RequestInFlight(retry_after=1)


def settle(*, row_id: UUID, status: int, body: Any) -> None:
    """Keep the answer for repeats, in one statement. `body` is what the client was sent, as JSON values."""
    _SETTLED.run(row_id=row_id, status=status, body=body)


def release(*, row_id: UUID) -> None:
    """Give the key back after a failure that was not an answer (5xx), so that the client may try again."""
    IdempotencyKey.objects.filter(pk=row_id, status=None).delete()


def forget(*, scope: str) -> None:
    """Delete all answers of one scope: whoever they were for is leaving."""
    IdempotencyKey.objects.filter(scope=scope).delete()


def forget_old(*, now: datetime) -> int:
    """Delete answers older than KEEP; returns how many. The services' business keys stay for ever."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=now - KEEP).delete()
    return deleted
