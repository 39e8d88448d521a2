"""Odds versions and their prizes, as their callers know them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class OddsState(TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


@dataclass(frozen=True, kw_only=True)
class PrizeDraft:
    """One prize as an operator writes it: amount in milli-credits or points, weight a positive integer."""

    position: int
    title: str
    kind: str
    weight: int
    amount: int = 0
    is_fallback: bool = False
    stock_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class PrizeSpec:
    """One prize of a stored odds version."""

    id: UUID
    position: int
    title: str
    kind: str
    amount: int
    weight: int
    is_fallback: bool
    stock_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class PublishedOdds:
    """Immutable published content: prizes by position, cumulative weights, and the text that was hashed."""

    version_id: UUID
    activity_id: UUID
    number: int
    declared_total: int
    prizes: tuple[PrizeSpec, ...]
    bounds: tuple[int, ...]
    fallback: PrizeSpec
    content: str
    content_hash: str
    published_at: datetime


@dataclass(frozen=True, kw_only=True)
class OddsLine:
    """One line of the published table: percent is a text, the rolls first..last (both included) win."""

    id: UUID
    position: int
    title: str
    kind: str
    amount: int
    weight: int
    percent: str
    is_fallback: bool
    is_limited: bool
    first_roll: int
    last_roll: int


@dataclass(frozen=True, kw_only=True)
class OddsDetail:
    id: UUID
    activity_id: UUID
    number: int
    state: str
    declared_total: int
    content_hash: str


@dataclass(frozen=True, kw_only=True)
class PrizeOnShow:
    """A prize as the nine-grid shows it; stock_left is None when the prize is not limited."""

    id: UUID
    position: int
    title: str
    kind: str
    amount: int
    stock_left: int | None
