"""Activities, as their callers know them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ActivityState(TextChoices):
    DRAFT = "draft", _("Draft")
    LIVE = "live", _("Live")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How often one member may draw in an activity; None is no limit."""

    total: int | None = None
    day: int | None = None
    month: int | None = None


@dataclass(frozen=True, kw_only=True)
class ActivityDetail:
    id: UUID
    code: str
    title: str
    subtitle: str
    state: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    limits: Limits
    odds_version_id: UUID | None
