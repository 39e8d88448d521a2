"""What is won, and whether it was handed over."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

# The code of the kind that rules speak of.
NOTHING = "nothing"


class DeliveryState(TextChoices):
    PENDING = "pending", _("On its way")
    DONE = "done", _("Delivered")


@dataclass(frozen=True, kw_only=True)
class StockDetail:
    id: UUID
    activity_id: UUID
    code: str
    total: int
    issued: int
