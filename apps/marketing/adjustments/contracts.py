"""What operators give or take by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.kernel.ids import UserId


class AdjustedAsset(TextChoices):
    QUOTA = "quota", _("Chat quota")
    POINTS = "points", _("Points")
    CHANCES = "chances", _("Draw chances")


@dataclass(frozen=True, kw_only=True)
class AdjustmentRequest:
    """What an operator wants to give (positive) or take (negative), in the smallest unit of the asset."""

    user_id: UserId
    asset: AdjustedAsset
    activity_id: UUID | None = None
    amount: int
    incident: str
    request_id: str

    def as_json(self) -> dict[str, str | int | None]:
        """As a proposal and the audit trail keep it."""
        return {
            "user_id": str(self.user_id),
            "asset": self.asset.value,
            "activity_id": None if self.activity_id is None else str(self.activity_id),
            "amount": self.amount,
            "incident": self.incident,
            "request_id": self.request_id,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "AdjustmentRequest":
        """The inverse."""
        return cls(
            user_id=UserId(UUID(content["user_id"])),
            asset=AdjustedAsset(content["asset"]),
            activity_id=None if content["activity_id"] is None else UUID(content["activity_id"]),
            amount=content["amount"],
            incident=content["incident"],
            request_id=content["request_id"],
        )


@dataclass(frozen=True, kw_only=True)
class AdjustmentOutcome:
    """One of the two: what was done, or what now waits for a second person."""

    adjustment_id: UUID | None = None
    proposal_id: UUID | None = None
