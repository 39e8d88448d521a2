"""Draws and their proofs, as their callers know them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class FallbackReason(TextChoices):
    SOLD_OUT = "sold_out", _("Sold out")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What anybody needs to recompute one roll. Seeds are hexadecimal."""

    version_id: UUID
    server_seed: str
    server_seed_hash: str
    client_seed: str
    nonce: int
    roll: int
    declared_total: int


@dataclass(frozen=True, kw_only=True)
class DrawResult:
    id: UUID
    activity_id: UUID
    prize_id: UUID
    title: str
    kind: str
    amount: int
    position: int
    rolled_prize_id: UUID
    fallback_reason: str
    delivery_state: str
    proof: Proof
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class DrawReceipt:
    """One draw request's results, in order; the next seed's hash is the promise for the next request."""

    draws: tuple[DrawResult, ...]
    next_seed_hash: str


@dataclass(frozen=True, kw_only=True)
class Winner:
    """A recent win for the public feed; the member's name is masked."""

    member: str
    title: str
    won_at: datetime
